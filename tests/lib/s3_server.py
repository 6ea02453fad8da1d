#!/usr/bin/python3
"""A small S3 for tests: objects in memory, by path style, every signature checked.

  s3_server.py --bucket NAME --key ID --secret SECRET [--log FILE]

Prints 'listening on HOST:PORT'. GET, HEAD and PUT of /BUCKET/KEY; a request whose AWS Signature
Version 4 or payload digest is wrong is refused as S3 does. The log has 'METHOD KEY STATUS' lines.
"""
import argparse
import hashlib
import hmac
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

OBJECTS = {}


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def signature_is_right(self, body):
        match = re.fullmatch(r'AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, '
                             r'SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})',
                             self.headers.get('Authorization', ''))
        stated = self.headers.get('x-amz-content-sha256')
        if not match or match[1] != OPTIONS.key or stated != hashlib.sha256(body).hexdigest():
            return False
        _, day, region, names, signature = match.groups()
        path, _, query = self.path.partition('?')
        signed = ''.join(f"{name}:{self.headers.get(name, '').strip()}\n" for name in names.split(';'))
        request = f'{self.command}\n{path}\n{query}\n{signed}\n{names}\n{stated}'
        stamp = self.headers.get('x-amz-date', '')
        text = (f'AWS4-HMAC-SHA256\n{stamp}\n{day}/{region}/s3/aws4_request\n'
                + hashlib.sha256(request.encode()).hexdigest())
        key = mac(mac(mac(mac(b'AWS4' + OPTIONS.secret.encode(), day), region), 's3'), 'aws4_request')
        return stamp.startswith(day) and hmac.compare_digest(mac(key, text).hex(), signature)

    def answer(self, status, body=b''):
        if OPTIONS.log:
            with open(OPTIONS.log, 'a', encoding='utf-8') as file:
                file.write(f'{self.command} {self.path} {status}\n')
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def serve(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        if not self.signature_is_right(body):
            return self.answer(403, b'<Error><Code>SignatureDoesNotMatch</Code></Error>')
        name = unquote(self.path.partition('?')[0])
        if not name.startswith(f'/{OPTIONS.bucket}/'):
            return self.answer(404, b'<Error><Code>NoSuchBucket</Code></Error>')
        if self.command == 'PUT':
            OBJECTS[name] = body
            return self.answer(200)
        if name not in OBJECTS:
            return self.answer(404, b'<Error><Code>NoSuchKey</Code></Error>')
        return self.answer(200, OBJECTS[name])

    do_GET = do_HEAD = do_PUT = serve  # noqa: N815 (the base class wants these names)

    def log_message(self, *_):
        pass


parser = argparse.ArgumentParser()
for option in ('bucket', 'key', 'secret'):
    parser.add_argument('--' + option, required=True)
parser.add_argument('--log')
OPTIONS = parser.parse_args()
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(f'listening on 127.0.0.1:{server.server_address[1]}', flush=True)
server.serve_forever()
