#!/usr/bin/python3
"""The cache service of GitHub Actions for tests, in both versions, entries in memory.

  gha_server.py --token TOKEN [--log FILE]

Prints 'listening on HOST:PORT'. As GitHub's: an entry is reserved, its bytes are put to an address,
then it is finalized and never changes; a key that is there is refused with 409; a look-up gives the
entry of that key, else the newest whose key begins with a restore key. Addresses want no token, and
refuse bytes that are put without the header that Azure's storage wants.

The first version is as the runners of Gitea and Forgejo have it: a look-up in lower case that takes
what begins with the key when nothing is called so, numbers, pieces with Content-Range at their place,
a size that must fit at the end; a key may come again, and the newest counts. It is below /runner, as
an address of theirs has a path of its own.
"""
import argparse
import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FIRST = '/runner/_apis/artifactcache/'
SERVICE = '/twirp/github.actions.results.api.v1.CacheService/'
LOCK = threading.Lock()
ENTRIES = []  # {'key', 'version', 'bytes', 'done'}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, status, value=None, body=None):
        body = json.dumps(value).encode() if body is None else body
        if OPTIONS.log:
            with open(OPTIONS.log, 'a', encoding='utf-8') as file:
                file.write(f'{self.command} {self.path} {status}\n')
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def address(self, number):
        return f'http://{self.headers["Host"]}/storage/{number}?sig=secret'

    def create(self, request):
        if any(e['key'] == request['key'] and e['version'] == request['version'] for e in ENTRIES):
            return self.answer(409, {'code': 'already_exists', 'msg': 'cache entry exists'})
        ENTRIES.append({'key': request['key'], 'version': request['version'], 'bytes': b'', 'done': False})
        return self.answer(200, {'ok': True, 'signed_upload_url': self.address(len(ENTRIES) - 1)})

    def finalize(self, request):
        for number, entry in enumerate(ENTRIES):
            if entry['key'] == request['key'] and entry['version'] == request['version']:
                if len(entry['bytes']) != int(request['size_bytes']):
                    return self.answer(400, {'code': 'invalid_argument', 'msg': 'size'})
                entry['done'] = True
                return self.answer(200, {'ok': True, 'entry_id': str(number)})
        return self.answer(404, {'code': 'not_found', 'msg': 'no such entry'})

    def find(self, request):
        for wanted in [request['key'], *request.get('restore_keys', [])]:
            for number in range(len(ENTRIES) - 1, -1, -1):
                entry = ENTRIES[number]
                fits = entry['key'] == wanted or (wanted in request.get('restore_keys', [])
                                                  and entry['key'].startswith(wanted))
                if entry['done'] and entry['version'] == request['version'] and fits:
                    return self.answer(200, {'ok': True, 'signed_download_url': self.address(number),
                                             'matched_key': entry['key']})
        return self.answer(200, {'ok': False, 'signed_download_url': '', 'matched_key': ''})

    def first_find(self):
        query = urllib.parse.parse_qs(self.path.partition('?')[2])
        for key in query['keys'][0].lower().split(','):
            for fits in (str.__eq__, str.startswith):
                for number in range(len(ENTRIES) - 1, -1, -1):
                    entry = ENTRIES[number]
                    if entry['done'] and entry['version'] == query['version'][0] and fits(entry['key'], key):
                        return self.answer(200, {'result': 'hit', 'cacheKey': entry['key'],
                                                 'archiveLocation': self.address(number)})
        return self.answer(204, body=b'')

    def first_post(self, request):
        rest = self.path[len(FIRST):]
        if rest == 'caches':
            ENTRIES.append({'key': request['key'].lower(), 'version': request['version'], 'bytes': b'', 'done': False})
            return self.answer(200, {'cacheId': len(ENTRIES)})
        entry = ENTRIES[int(rest.removeprefix('caches/')) - 1]
        if entry['done'] or len(entry['bytes']) != request['size']:
            return self.answer(400, {'error': 'already complete, or of another size'})
        entry['done'] = True
        return self.answer(200, {})

    def do_PATCH(self):  # noqa: N802
        body = self.body()
        if self.headers.get('Authorization') != 'Bearer ' + OPTIONS.token:
            return self.answer(401, {'error': 'bad token'})
        entry = ENTRIES[int(self.path.removeprefix(FIRST + 'caches/')) - 1]
        start, end = map(int, re.fullmatch(r'bytes (\d+)-(\d+)/\*', self.headers['Content-Range']).groups())
        with LOCK:
            if len(body) != end - start + 1 or start != len(entry['bytes']) or entry['done']:
                return self.answer(400, {'error': 'bad range'})
            entry['bytes'] += body
        return self.answer(200, {})

    def do_POST(self):  # noqa: N802 (the base class wants this name)
        body = self.body()
        if self.headers.get('Authorization') != 'Bearer ' + OPTIONS.token:
            return self.answer(401, {'code': 'unauthenticated', 'msg': 'bad token'})
        calls = {'CreateCacheEntry': self.create, 'FinalizeCacheEntryUpload': self.finalize,
                 'GetCacheEntryDownloadURL': self.find}
        with LOCK:
            if self.path.startswith(FIRST):
                return self.first_post(json.loads(body))
            return calls[self.path[len(SERVICE):]](json.loads(body))

    def stored(self):
        return ENTRIES[int(self.path.split('/')[2].partition('?')[0])]

    def do_PUT(self):  # noqa: N802
        body = self.body()
        if self.headers.get('x-ms-blob-type') != 'BlockBlob' or self.headers.get('Authorization'):
            return self.answer(400, body=b'bad headers')
        self.stored()['bytes'] = body
        return self.answer(201, body=b'')

    def do_GET(self):  # noqa: N802
        if self.path.startswith(FIRST):
            if self.headers.get('Authorization') != 'Bearer ' + OPTIONS.token:
                return self.answer(401, {'error': 'bad token'})
            with LOCK:
                return self.first_find()
        if self.headers.get('Authorization'):
            return self.answer(400, body=b'bad headers')
        return self.answer(200, body=self.stored()['bytes'])

    def log_message(self, *_):
        pass


parser = argparse.ArgumentParser()
parser.add_argument('--token', required=True)
parser.add_argument('--log')
OPTIONS = parser.parse_args()
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(f'listening on 127.0.0.1:{server.server_address[1]}', flush=True)
server.serve_forever()
