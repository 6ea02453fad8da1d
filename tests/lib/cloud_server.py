#!/usr/bin/python3
"""What AWS, Google and Azure answer, for tests, at their own names and without leaving the machine.

  cloud_server.py --cert C --key K --google-key PUBLIC --objects DIR --upstream HOST:PORT --log FILE

Prints 'listening on HOST:PORT'. It is a proxy too: CONNECT to any name ends here, under TLS, so
that clients with https_proxy reach what they take for gcr.io or *.amazonaws.com. Registries pass
GET and HEAD on to the one at --upstream once the credentials are right. Objects are files of DIR.
/hang answers nothing until its client leaves. The log has 'HOST METHOD PATH STATUS WHO' lines.
"""
import argparse
import base64
import hashlib
import hmac
import http.client
import json
import re
import ssl
import subprocess
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

AWS_KEYS = {  # id: secret, session token
    'AKIDENV': ('env/s3cr3t+1', None),
    'AKIDPROFILE': ('profile/s3cr3t', None),
    'AKIDWEB': ('web/s3cr3t', 'web/t0ken=='),
    'AKIDTASK': ('task/s3cr3t', 'task/t0ken=='),
    'AKIDROLE': ('role/s3cr3t', 'role/t0ken=='),
    'AKIDPROC': ('process/s3cr3t', None),
    'AKIDSSO': ('sso/s3cr3t', 'sso/t0ken=='),
    'AKIDFIRST': ('first/s3cr3t', 'first/t0ken=='),
    'AKIDSECOND': ('second/s3cr3t', 'second/t0ken=='),
}
AZURE_KEY = base64.b64encode(b'azure s3cr3t').decode()
LATER = '2099-01-01T00:00:00Z'


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def decoded(part):
    return base64.urlsafe_b64decode(part + '=' * (-len(part) % 4))


def signer(method, target, headers, body, service):
    """KEY_ID@REGION of a request that is rightly signed with Signature Version 4, or None."""
    match = re.fullmatch(r'AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, '
                         r'SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})',
                         headers.get('Authorization', ''))
    if not match or match[4] != service or match[1] not in AWS_KEYS:
        return None
    key_id, day, region, _, names, signature = match.groups()
    secret, token = AWS_KEYS[key_id]
    own = [name.lower() for name in headers if name.lower().startswith('x-amz-')]
    if headers.get('x-amz-security-token') != token or not set(own) <= set(names.split(';')):
        return None
    path, _, query = target.partition('?')
    signed = ''.join(f"{name}:{headers.get(name, '').strip()}\n" for name in names.split(';'))
    digest = hashlib.sha256(body).hexdigest()
    request = f'{method}\n{path}\n{query}\n{signed}\n{names}\n{digest}'
    stamp = headers.get('x-amz-date', '')
    text = (f'AWS4-HMAC-SHA256\n{stamp}\n{day}/{region}/{service}/aws4_request\n'
            + hashlib.sha256(request.encode()).hexdigest())
    key = mac(mac(mac(mac(b'AWS4' + secret.encode(), day), region), service), 'aws4_request')
    return f'{key_id}@{region}' if hmac.compare_digest(mac(key, text).hex(), signature) else None


def aws_subject(text):
    """Who signed the GetCallerIdentity request that a subject token is, or None."""
    request = json.loads(unquote(text))
    headers = {pair['key']: pair['value'] for pair in request['headers']}
    host, _, target = request['url'].removeprefix('https://').partition('?')
    if request['method'] != 'POST' or headers['host'] != host or \
            headers['x-goog-cloud-target-resource'] != '//iam.example/pool':
        return None
    who = signer('POST', '/?' + target, headers, b'', 'sts')
    return who if who and host == f"sts.{who.partition('@')[2]}.amazonaws.com" else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    tunnel = None
    who = '-'

    def log_message(self, *_):
        pass

    def answer(self, status, body=b'', headers=()):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        with open(OPTIONS.log, 'a', encoding='utf-8') as file:
            file.write(f'{self.host()} {self.command} {self.path} {status} {self.who}\n')
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == 'Content-Length' for name, _ in headers):
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def host(self):
        return self.tunnel or 'here'

    def do_CONNECT(self):  # noqa: N802
        self.wfile.write(b'HTTP/1.1 200 here\r\n\r\n')
        self.tunnel = self.path.rsplit(':', 1)[0]
        self.connection = TLS.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile('rb')
        self.wfile = self.connection.makefile('wb', buffering=0)
        self.close_connection = False

    # --- AWS ---

    def aws_caller(self, body, service):
        return signer(self.command, self.path, self.headers, body, service)

    def role(self, name):
        key_id = {'task': 'AKIDTASK', 'role': 'AKIDROLE'}[name]
        secret, token = AWS_KEYS[key_id]
        self.answer(200, {'AccessKeyId': key_id, 'SecretAccessKey': secret, 'Token': token,
                          'Expiration': LATER})

    def assume_role(self, form, body):
        self.who = self.aws_caller(body, 'sts') or '-'
        role = (form.get('RoleArn'), form.get('ExternalId'), form.get('DurationSeconds'))
        steps = {('arn:first', None, None): ('AKIDPROFILE', 'AKIDTASK', 'AKIDROLE', 'AKIDENV'),
                 ('arn:second', 'partner', '900'): ('AKIDFIRST',)}
        if self.who.partition('@')[0] not in steps.get(role, ()):
            return self.answer(403, '<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>')
        return self.session('AKIDFIRST' if role[0] == 'arn:first' else 'AKIDSECOND')

    def session(self, key_id):
        secret, token = AWS_KEYS[key_id]
        return self.answer(200, f'<R><Credentials><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{secret}'
                                f'</SecretAccessKey><SessionToken>{token}</SessionToken></Credentials></R>')

    def sts(self, form, body):
        if form.get('Action') == 'AssumeRole':
            return self.assume_role(form, body)
        if form.get('WebIdentityToken') != 'web.identity.t0ken' or form.get('RoleArn') != 'arn:role':
            return self.answer(403, '<ErrorResponse><Error><Code>AccessDenied</Code>'
                                    '<Message>s3cr3t</Message></Error></ErrorResponse>')
        return self.session('AKIDWEB')

    def ecr(self, body, service):
        self.who = self.aws_caller(body, service) or '-'
        if self.who == '-':
            return self.answer(400, {'__type': 'UnrecognizedClientException', 'message': 's3cr3t'})
        token = base64.b64encode(b'AWS:ecr-s3cr3t').decode()
        data = {'authorizationToken': token, 'expiresAt': 4070908800.5}
        return self.answer(200, {'authorizationData': data if service == 'ecr-public' else [data]})

    # --- objects ---

    def file(self, name, allowed, refusal):
        if not allowed:
            return self.answer(403, refusal)
        try:
            with open(f'{OPTIONS.objects}/{name}', 'rb') as file:
                return self.answer(200, file.read())
        except OSError:
            return self.answer(404)

    def s3(self, body, bucket, key):
        self.who = self.aws_caller(body, 's3') or '-'
        allowed = bucket == 'public' or self.who != '-'
        self.file(key, allowed, '<Error><Code>AccessDenied</Code></Error>')

    def blob(self):
        names = [f'x-ms-date:{self.headers.get("x-ms-date")}',
                 f'x-ms-version:{self.headers.get("x-ms-version")}']
        text = 'GET' + '\n' * 12 + '\n'.join(names) + '\n/acct' + self.path
        signature = base64.b64encode(mac(base64.b64decode(AZURE_KEY), text)).decode()
        right = self.headers.get('Authorization') == f'SharedKey acct:{signature}'
        self.file(self.path.rsplit('/', 1)[1], right, '<Error><Code>AuthenticationFailed</Code></Error>')

    # --- Google ---

    def google_token(self, form):
        head, claims, signature = form.get('assertion', '..').split('.')
        with tempfile.NamedTemporaryFile() as file:
            file.write(decoded(signature))
            file.flush()
            check = subprocess.run(['openssl', 'dgst', '-sha256', '-verify', OPTIONS.google_key,
                                    '-signature', file.name], input=f'{head}.{claims}'.encode(),
                                   stdout=subprocess.DEVNULL, check=False)
        said = json.loads(decoded(claims) or '{}')
        if check.returncode or said['iss'] != 'kiln@project.example' or not said['aud'].endswith('/google/token'):
            return self.answer(400, {'error': 'invalid_grant', 'error_description': 's3cr3t'})
        return self.answer(200, {'access_token': 'g00gle-account', 'expires_in': 3600})

    def sso(self):
        query = parse_qs(self.path.partition('?')[2])
        if self.headers.get('x-amz-sso_bearer_token') != 'sso-login-s3cr3t':
            return self.answer(401, {'message': 's3cr3t', '__type': 'UnauthorizedException'})
        if query != {'role_name': ['builder'], 'account_id': ['123456789012']}:
            return self.answer(403, {'__type': 'ForbiddenException'})
        secret, token = AWS_KEYS['AKIDSSO']
        return self.answer(200, {'roleCredentials': {'accessKeyId': 'AKIDSSO', 'secretAccessKey': secret,
                                                     'sessionToken': token, 'expiration': 4070908800000}})

    def google_exchange(self, form):
        subject = form.get('subject_token', '')
        known = subject == 'provider-t0ken'
        if form.get('subject_token_type') == 'urn:ietf:params:aws:token-type:aws4_request':
            self.who = aws_subject(subject) or '-'
            known = self.who != '-'
        right = known and form.get('audience') == '//iam.example/pool' \
            and form.get('grant_type') == 'urn:ietf:params:oauth:grant-type:token-exchange'
        if not right:
            return self.answer(400, {'error': 'invalid_grant', 'error_description': 's3cr3t'})
        return self.answer(200, {'access_token': 'g00gle-federated', 'expires_in': 3600})

    def google_account(self, body):
        right = self.headers.get('Authorization') == 'Bearer g00gle-federated' and \
            json.loads(body)['scope'] == ['https://www.googleapis.com/auth/cloud-platform']
        return self.answer(200 if right else 403, {'accessToken': 'g00gle-impersonated', 'expireTime': LATER})

    # --- Azure ---

    def azure_token(self, form):
        right = form.get('client_secret') == 'client-s3cr3t' or form.get('client_assertion') == 'federated.t0ken'
        if not right or form.get('client_id') != 'client' or self.path != '/tenant/oauth2/v2.0/token':
            return self.answer(401, {'error': 'invalid_client', 'error_description': 's3cr3t'})
        return self.answer(200, {'access_token': 'azure-principal', 'expires_in': 3600})

    def azure_exchange(self, form):
        if form.get('access_token') not in ('azure-principal', 'azure-machine') or form['service'] != self.tunnel:
            return self.answer(401)
        return self.answer(200, {'refresh_token': 'refresh-' + form['access_token']})

    # --- registries ---

    def registry(self, form):
        host, given = self.tunnel, self.headers.get('Authorization', '')
        if given.startswith('Basic '):
            self.who = base64.b64decode(given[6:]).decode()
        if self.path.startswith('/oauth2/token'):
            if form.get('refresh_token', '').startswith('refresh-azure-'):
                return self.answer(200, {'access_token': 'acr-' + form['refresh_token']})
            return self.answer(401)
        if self.path.startswith('/v2/token'):
            if self.who in ('oauth2accesstoken:g00gle-account', 'oauth2accesstoken:g00gle-machine'):
                return self.answer(200, {'token': 'gcr-' + self.who.split(':')[1]})
            return self.answer(401)
        if host.endswith(('.azurecr.io', '.azurecr.us')):
            right, challenge = given.startswith('Bearer acr-'), f'Bearer realm="https://{host}/oauth2/token",service="{host}"'
        elif host.endswith('gcr.io'):
            right, challenge = given.startswith('Bearer gcr-'), f'Bearer realm="https://{host}/v2/token",service="{host}"'
        else:
            right, challenge = self.who == 'AWS:ecr-s3cr3t', 'Basic realm="https://ecr"'
        if not right:
            return self.answer(401, headers=[('WWW-Authenticate', challenge)])
        upstream = http.client.HTTPConnection(OPTIONS.upstream)
        upstream.request(self.command, self.path, headers={
            'Accept': ','.join(self.headers.get_all('Accept', ['*/*']))})
        got = upstream.getresponse()
        keep = [pair for pair in got.getheaders() if pair[0] in ('Content-Type', 'Docker-Content-Digest',
                                                                 'Content-Length')]
        return self.answer(got.status, got.read(), keep)

    # --- who answers ---

    def metadata(self, path):
        """Instances, containers and their identities. True when it was one of these."""
        if path == '/latest/api/token' and self.command == 'PUT':
            self.answer(200, 'imds-session')
        elif path.startswith('/latest/'):
            if self.headers.get('X-aws-ec2-metadata-token') != 'imds-session':
                self.answer(401)
            elif path.endswith('/security-credentials/'):
                self.answer(200, 'role')
            elif path.endswith('/placement/region'):
                self.answer(200, 'machine-region-1')
            else:
                self.role('role')
        elif path == '/task':
            self.role('task') if self.headers.get('Authorization') == 'task-authorization' else self.answer(403)
        elif path.startswith('/computeMetadata/'):
            right = self.headers.get('Metadata-Flavor') == 'Google'
            self.answer(200 if right else 403, {'access_token': 'g00gle-machine', 'expires_in': 3600})
        elif path.startswith('/metadata/identity/'):
            right = self.headers.get('Metadata') == 'true'
            self.answer(200 if right else 400, {'access_token': 'azure-machine', 'expires_in': '3600'})
        elif path == '/msi':
            right = self.headers.get('X-IDENTITY-HEADER') == 'identity-s3cr3t'
            self.answer(200 if right else 401, {'access_token': 'azure-machine'})
        elif path.startswith('/hang'):
            self.connection.recv(1)
            self.close_connection = True
        else:
            return False
        return True

    def serve(self):
        self.who = '-'
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        path, host = unquote(self.path.partition('?')[0]), self.tunnel
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if host is None:
            if self.metadata(path):
                return
            if path == '/sts/':
                self.sts(form, body)
            elif path == '/google/token':
                self.google_token(form)
            elif path == '/portal/federation/credentials':
                self.sso()
            elif path == '/google/sts':
                self.google_exchange(form)
            elif path == '/google/account':
                self.google_account(body)
            elif path == '/provider':
                right = self.headers.get('X-Who') == 'kiln'
                self.answer(200 if right else 403, {'value': 'provider-t0ken'})
            elif path.startswith('/tenant/'):
                self.azure_token(form)
            else:
                bucket, key = path[1:].split('/', 1)
                self.s3(body, bucket, key)
        elif host in ('api.ecr.eu-west-1.amazonaws.com', 'ecr.eu-west-1.api.aws',
                      'api.ecr-public.us-east-1.amazonaws.com'):
            self.ecr(body, 'ecr-public' if host.startswith('api.ecr-public') else 'ecr')
        elif host == 'bucket.s3.eu-west-1.amazonaws.com':
            self.s3(body, 'bucket', path[1:])
        elif host == 'oauth2.googleapis.com':
            right = form.get('refresh_token') == 'gcloud-s3cr3t' and form.get('grant_type') == 'refresh_token'
            self.answer(200 if right else 400, {'access_token': 'g00gle-login', 'expires_in': 3599})
        elif host == 'storage.googleapis.com':
            self.who = self.headers.get('Authorization', '-').removeprefix('Bearer ')
            self.file(path.rsplit('/', 1)[1], self.who.startswith('g00gle-'), '')
        elif host == 'acct.blob.core.windows.net':
            self.blob()
        elif host == 'login.microsoftonline.us':
            self.azure_token(form)
        elif path == '/oauth2/exchange':
            self.azure_exchange(form)
        else:
            self.registry(form)

    do_GET = do_HEAD = do_PUT = do_POST = serve  # noqa: N815 (the base class wants these names)


parser = argparse.ArgumentParser()
for option in ('cert', 'key', 'google-key', 'objects', 'upstream', 'log'):
    parser.add_argument('--' + option, required=True)
OPTIONS = parser.parse_args()
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.load_cert_chain(OPTIONS.cert, OPTIONS.key)
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
print(f'listening on 127.0.0.1:{server.server_address[1]}', flush=True)
server.serve_forever()
