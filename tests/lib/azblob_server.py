#!/usr/bin/python3
"""A small Azure blob storage for tests: blobs in memory, every request's authorization checked.

  azblob_server.py --account NAME --key BASE64 --token TOKEN [--log FILE]

Prints 'listening on HOST:PORT'. Addresses are an emulator's: /ACCOUNT/CONTAINER/BLOB. Requests are
signed with the shared key or bear the token; a container has to be made before a blob is put.
/token is a managed identity's service. The log has 'METHOD PATH STATUS' lines.
"""
import argparse
import base64
import hashlib
import hmac
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

CONTAINERS, BLOBS = set(), {}
STANDARD = ('Content-Encoding', 'Content-Language', 'Content-Length', 'Content-MD5', 'Content-Type',
            'Date', 'If-Modified-Since', 'If-Match', 'If-None-Match', 'If-Unmodified-Since', 'Range')


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def shared_key(self):
        """As learn.microsoft.com has it: 'Authorize with Shared Key', the form for blobs."""
        url = urlsplit(self.path)
        lines = [self.command]
        for name in STANDARD:
            value = self.headers.get(name, '')
            lines.append('' if name == 'Content-Length' and value == '0' else value)
        ours = sorted(name.lower() for name in self.headers if name.lower().startswith('x-ms-'))
        lines += [f'{name}:{self.headers[name].strip()}' for name in ours]
        resource = f'/{OPTIONS.account}{url.path}'
        for name, value in sorted(parse_qsl(url.query)):
            resource += f'\n{name.lower()}:{value}'
        text = '\n'.join(lines + [resource])
        key = base64.b64decode(OPTIONS.key)
        return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()

    def is_allowed(self):
        given = self.headers.get('Authorization', '')
        return 'x-ms-version' in self.headers and given in (
            f'SharedKey {OPTIONS.account}:{self.shared_key()}', f'Bearer {OPTIONS.token}')

    def answer(self, status, body=b''):
        if OPTIONS.log:
            with open(OPTIONS.log, 'a', encoding='utf-8') as file:
                file.write(f'{self.command} {self.path} {status}\n')
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def put(self, container, name, body):
        if not name:
            made = 'restype=container' in self.path and container not in CONTAINERS
            CONTAINERS.add(container)
            return self.answer(201 if made else 409)
        if container not in CONTAINERS:
            return self.answer(404, b'<Error><Code>ContainerNotFound</Code></Error>')
        if self.headers.get('x-ms-blob-type') != 'BlockBlob':
            return self.answer(400, b'<Error><Code>MissingRequiredHeader</Code></Error>')
        BLOBS[container, name] = body
        return self.answer(201)

    def serve(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        url = urlsplit(self.path)
        if url.path == '/token':
            right = dict(parse_qsl(url.query)).get('resource') == 'https://storage.azure.com/'
            return self.answer(200 if right else 400, json.dumps({'access_token': OPTIONS.token}).encode())
        if not self.is_allowed():
            return self.answer(403, b'<Error><Code>AuthenticationFailed</Code></Error>')
        _, account, container, *rest = unquote(url.path).split('/', 3)
        if account != OPTIONS.account:
            return self.answer(400)
        name = rest[0] if rest else ''
        if self.command == 'PUT':
            return self.put(container, name, body)
        if (container, name) not in BLOBS:
            return self.answer(404, b'<Error><Code>BlobNotFound</Code></Error>')
        return self.answer(200, BLOBS[container, name])

    do_GET = do_HEAD = do_PUT = serve  # noqa: N815 (the base class wants these names)

    def log_message(self, *_):
        pass


parser = argparse.ArgumentParser()
for option in ('account', 'key', 'token'):
    parser.add_argument('--' + option, required=True)
parser.add_argument('--log')
OPTIONS = parser.parse_args()
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(f'listening on 127.0.0.1:{server.server_address[1]}', flush=True)
server.serve_forever()
