#!/usr/bin/python3
"""A registry in memory that a thousand builders can write to at once: each put is whole or not there.

  memory_registry.py

Prints 'listening on HOST:PORT'. Speaks as much of the distribution specification as kiln's cache
does: blobs (HEAD, GET, POST, PUT, mounts) and manifests (HEAD, GET, PUT). A manifest whose blobs
are not in its repository is refused. GET /count says how many requests there were.
"""
import asyncio
import hashlib
import json
from urllib.parse import parse_qs, unquote

BLOBS = {}      # digest -> bytes
LINKS = set()   # (repository, digest)
MANIFESTS = {}  # (repository, tag or digest) -> (type, bytes, digest)
COUNT = [0]
REASONS = {200: 'OK', 201: 'Created', 202: 'Accepted', 400: 'Bad Request', 404: 'Not Found',
           405: 'Method Not Allowed'}


def digest_of(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def blob(method, repository, digest):
    if (repository, digest) not in LINKS:
        return 404, [], b''
    return 200, [('Docker-Content-Digest', digest)], BLOBS[digest]


def upload(method, repository, session, query, body):
    if method == 'POST':
        digest, source = (query.get(name, [''])[0] for name in ('mount', 'from'))
        if (source, digest) in LINKS:
            LINKS.add((repository, digest))
            return 201, [('Location', f'/v2/{repository}/blobs/{digest}')], b''
        return 202, [('Location', f'/v2/{repository}/blobs/uploads/{COUNT[0]}')], b''
    digest = digest_of(body)
    if method != 'PUT' or query.get('digest') != [digest]:
        return 400, [], b''
    BLOBS[digest] = body
    LINKS.add((repository, digest))
    return 201, [('Location', f'/v2/{repository}/blobs/{digest}')], b''


def manifest(method, repository, name, kind, body):
    if method == 'PUT':
        document = json.loads(body)
        for part in [document['config'], *document['layers']]:
            if (repository, part['digest']) not in LINKS:
                return 400, [], b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'
        digest = digest_of(body)
        MANIFESTS[repository, name] = MANIFESTS[repository, digest] = (kind, body, digest)
        return 201, [('Docker-Content-Digest', digest)], b''
    if (repository, name) not in MANIFESTS:
        return 404, [], b''
    kind, body, digest = MANIFESTS[repository, name]
    return 200, [('Docker-Content-Digest', digest), ('Content-Type', kind)], body


def answer(method, target, headers, body):
    path, _, text = target.partition('?')
    path, query = unquote(path), parse_qs(text)
    if path == '/count':
        return 200, [], str(COUNT[0]).encode()
    COUNT[0] += 1
    if path == '/v2/':
        return 200, [], b'{}'
    path = path.removeprefix('/v2/')
    if '/blobs/uploads/' in path:
        repository, _, session = path.partition('/blobs/uploads/')
        return upload(method, repository, session, query, body)
    if '/blobs/' in path:
        repository, _, digest = path.partition('/blobs/')
        return blob(method, repository, digest)
    if '/manifests/' in path:
        repository, _, name = path.partition('/manifests/')
        return manifest(method, repository, name, headers.get('content-type', ''), body)
    return 405, [], b''


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b''

    def data_received(self, data):
        self.data += data
        if self.data[:1] == b'\x16':  # a TLS hello: the caller tries http next
            self.transport.close()
            return
        while (end := self.data.find(b'\r\n\r\n')) >= 0:
            first, *lines = self.data[:end].decode('latin-1').split('\r\n')
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in lines)}
            size = int(headers.get('content-length', 0))
            if len(self.data) < end + 4 + size:
                if headers.get('expect') and len(self.data) == end + 4:
                    self.transport.write(b'HTTP/1.1 100 Continue\r\n\r\n')
                return
            body, self.data = self.data[end + 4:end + 4 + size], self.data[end + 4 + size:]
            method, target, _ = first.split(' ', 2)
            self.send(method, *answer(method, target, headers, body))

    def send(self, method, status, headers, body):
        lines = [f'HTTP/1.1 {status} {REASONS[status]}', f'Content-Length: {len(body)}']
        lines += [f'{name}: {value}' for name, value in headers]
        head = ('\r\n'.join(lines) + '\r\n\r\n').encode()
        self.transport.write(head if method == 'HEAD' else head + body)


async def main():
    server = await asyncio.get_running_loop().create_server(Connection, '127.0.0.1', 0, backlog=1024)
    print('listening on 127.0.0.1:%d' % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
