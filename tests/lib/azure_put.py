#!/usr/bin/python3
"""Puts a file into a container of an Azure blob service, for tests.

  azure_put.py HOST:PORT CA ACCOUNT KEY CONTAINER NAME FILE

The container is made. The service answers over TLS as ACCOUNT.blob.core.windows.net.
"""
import base64
import email.utils
import hashlib
import hmac
import http.client
import socket
import ssl
import sys
from urllib.parse import quote

address, authority, account, key, container, name, file = sys.argv[1:]
host = account + '.blob.core.windows.net'


class There(http.client.HTTPSConnection):
    def connect(self):
        where, port = address.rsplit(':', 1)
        self.sock = self._context.wrap_socket(socket.create_connection((where, port)),
                                              server_hostname=host)


def put(path, query, body, headers):
    headers |= {'x-ms-date': email.utils.formatdate(usegmt=True), 'x-ms-version': '2020-10-02'}
    own = ''.join(f'{header}:{headers[header]}\n' for header in sorted(headers))
    length = str(len(body)) if body else ''
    resource = f'/{account}{path}' + ''.join(f'\n{k}:{v}' for k, v in sorted(query.items()))
    text = f'PUT\n\n\n{length}\n\n\n\n\n\n\n\n\n{own}{resource}'
    mac = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    headers['Authorization'] = f'SharedKey {account}:{base64.b64encode(mac).decode()}'
    connection = There(host, context=ssl.create_default_context(cafile=authority))
    target = path + '?' + '&'.join(f'{k}={v}' for k, v in query.items()) if query else path
    connection.request('PUT', target, body, headers | {'Content-Length': str(len(body))})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status not in (201, 409):
        sys.exit(f'{path}: status {answer.status}: {said[:300]}')


put('/' + container, {'restype': 'container'}, b'', {})
with open(file, 'rb') as opened:
    put(f'/{container}/{quote(name)}', {}, opened.read(), {'x-ms-blob-type': 'BlockBlob'})
