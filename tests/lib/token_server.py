#!/usr/bin/python3
"""A token server for docker-registry's token authentication.

  token_server.py --key KEY.pem --cert CERT.pem --log FILE [--service S] [--issuer I]
                  [--anonymous pull] [--expires SECONDS] [--no-post] [--moved ORIGIN]

One account: user / password. Whoever is anonymous gets the actions of --anonymous and no more.
With --moved a GET is sent on once, to ORIGIN (http://HOST:PORT, or "" for this very server). Prints 'listening on HOST:PORT'. The log has a line for each request: METHOD USER SCOPES STATUS.
Tokens are RS256, signed by the openssl program, with the certificate in x5c.
"""
import argparse
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse

ACCOUNTS = {'user': 'password'}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    options = None

    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish_request_as(self, user, scopes, status, document):
        with open(self.options.log, 'a', encoding='utf-8') as log:
            log.write(f"{self.command} {user or '-'} {','.join(scopes) or '-'} {status}\n")
        self.answer(status, document)

    def do_GET(self):
        if self.options.moved is not None and not self.path.startswith('/moved'):
            self.send_response(302)
            self.send_header('Location', self.options.moved + '/moved' + self.path)
            self.send_header('Content-Length', '0')
            return self.end_headers()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        user = None
        header = self.headers.get('Authorization', '')
        scopes = ' '.join(query.get('scope', [])).split()
        if header.startswith('Basic '):
            user, _, password = base64.b64decode(header[6:]).decode().partition(':')
            if ACCOUNTS.get(user) != password:
                return self.finish_request_as(user, scopes, 401, {'details': 'incorrect password'})
        elif header:
            return self.finish_request_as(None, scopes, 401, {'details': 'no such scheme'})
        return self.grant(user, query.get('service', [''])[0], scopes)

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers['Content-Length'])).decode())
        scopes = ' '.join(form.get('scope', [])).split()
        if self.options.no_post:
            return self.finish_request_as(None, scopes, 404, {'details': 'GET is what I know'})
        user, password = form.get('username', [''])[0], form.get('password', [''])[0]
        if form.get('grant_type') == ['refresh_token']:
            user, password = form.get('refresh_token', [''])[0].partition(':')[::2]
        if ACCOUNTS.get(user) != password:
            return self.finish_request_as(user, scopes, 401, {'details': 'incorrect password'})
        return self.grant(user, form.get('service', [''])[0], scopes)

    def grant(self, user, service, scopes):
        if service != self.options.service:
            return self.finish_request_as(user, scopes, 400, {'details': f"no service '{service}'"})
        access = []
        for scope in scopes:
            kind, rest = scope.split(':', 1)
            name, _, actions = rest.rpartition(':')
            wanted = actions.split(',')
            granted = wanted if user else [a for a in wanted if a in self.options.anonymous]
            access.append({'type': kind, 'name': name, 'actions': granted})
        token = self.sign(user, access)
        return self.finish_request_as(user, scopes, 200, {
            'token': token, 'access_token': token, 'expires_in': self.options.expires if self.options.says is None else self.options.says,
            'issued_at': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())})

    def sign(self, user, access):
        with open(self.options.cert, encoding='ascii') as file:
            certificate = ''.join(file.read().split('-----')[2].split())
        now = int(time.time())
        header = {'typ': 'JWT', 'alg': 'RS256', 'x5c': [certificate]}
        claims = {'iss': self.options.issuer, 'sub': user or '', 'aud': self.options.service,
                  'exp': now + self.options.expires, 'nbf': now - 10, 'iat': now,
                  'jti': str(time.monotonic_ns()), 'access': access}
        signed = encode(json.dumps(header).encode()) + b'.' + encode(json.dumps(claims).encode())
        signature = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', self.options.key],
                                   input=signed, stdout=subprocess.PIPE, check=True).stdout
        return (signed + b'.' + encode(signature)).decode()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--key', required=True)
    parser.add_argument('--cert', required=True)
    parser.add_argument('--log', required=True)
    parser.add_argument('--service', default='kiln-test')
    parser.add_argument('--issuer', default='kiln-test-issuer')
    parser.add_argument('--anonymous', default='')
    parser.add_argument('--expires', type=int, default=300)
    parser.add_argument('--says', type=int, help='expires_in of the answer, where it is not the truth')
    parser.add_argument('--no-post', action='store_true')
    parser.add_argument('--moved')
    Handler.options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    print('listening on 127.0.0.1:%d' % server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == '__main__':
    main()
