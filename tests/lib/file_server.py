#!/usr/bin/python3
"""An http server for tests of whatever downloads files.

  file_server.py --root DIR --log FILE [--listen HOST] [--cert C --key K]

Prints 'listening on HOST:PORT' once it does. The log has a line for each request:
METHOD PATH STATUS RANGE AUTHORIZATION ('-' where there is none). What a path means:

  /files/NAME            a file of DIR, with ETag, Last-Modified, conditions and ranges
  /plain/NAME            the same without any of these
  /named/NAME/AS         a file of DIR with Content-Disposition filename=AS
  /cut/BYTES/NAME        as /files, but the connection ends after BYTES of each body
  /cutonce/BYTES/NAME    as /plain, but so the first time
  /badrange/BYTES/NAME   as /cut, but a range is answered with another one
  /auth/NAME             as /files, for 'Authorization: Bearer token' or 'Basic dTpw' only; else 401
  /hop/N/PATH            N redirects, then /PATH
  /to/SCHEME/HOST/PATH   a redirect to SCHEME://HOST/PATH
  /status/CODE           that status
  /busy/N/NAME           503 for the first N requests, then as /files

PUT or POST /put/NAME keeps what is sent as a file of DIR, /status/CODE answers with that status.
"""
import argparse
import email.utils
import hashlib
import http.server
import os
import ssl
import threading
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    options = None
    busy = {}
    lock = threading.Lock()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def note(self, status):
        with self.lock, open(self.options.log, 'a', encoding='utf-8') as file:
            file.write(' '.join([self.command, self.path, str(status),
                                 self.headers.get('Range', '-'),
                                 self.headers.get('Authorization', '-')]) + '\n')

    def answer(self, status, headers=(), body=b'', cut=None):
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 304:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command == 'HEAD' or status == 304:
            return
        if cut is not None and cut < len(body):
            self.wfile.write(body[:cut])
            self.close_connection = True
            return
        self.wfile.write(body)

    def serve(self, name, cut=None, extra=(), shift=0):
        path = os.path.join(self.options.root, urllib.parse.unquote(name))
        if not os.path.isfile(path):
            self.answer(404, body=b'no such file\n')
            return
        with open(path, 'rb') as file:
            body = file.read()
        etag = '"%s"' % hashlib.sha256(body).hexdigest()[:16]
        modified = email.utils.formatdate(int(os.stat(path).st_mtime), usegmt=True)
        headers = [('ETag', etag), ('Last-Modified', modified), ('Accept-Ranges', 'bytes'), *extra]
        if self.headers.get('If-None-Match') == etag:
            self.answer(304, headers)
            return
        wanted = self.headers.get('Range', '')
        if wanted.startswith('bytes=') and self.headers.get('If-Range') in (None, etag, modified):
            start = int(wanted[6:].split('-')[0]) + shift
            headers.append(('Content-Range', 'bytes %d-%d/%d' % (start, len(body) - 1, len(body))))
            self.answer(206, headers, body[start:], cut)
            return
        self.answer(200, headers, body, cut)

    def plain(self, name, cut=None):
        with open(os.path.join(self.options.root, urllib.parse.unquote(name)), 'rb') as file:
            self.answer(200, body=file.read(), cut=cut)

    def do_GET(self):  # pylint: disable=invalid-name
        kind, _, rest = self.path.split('?')[0][1:].partition('/')
        first, _, more = rest.partition('/')
        if kind == 'files':
            self.serve(rest)
        elif kind == 'plain':
            self.plain(rest)
        elif kind == 'named':
            self.serve(first, extra=[('Content-Disposition',
                                      'attachment; filename="%s"' % urllib.parse.unquote(more.rstrip('/')))])
        elif kind == 'cut':
            self.serve(more, cut=int(first))
        elif kind == 'cutonce':
            with self.lock:
                again = self.busy.setdefault(self.path, 0)
                self.busy[self.path] = 1
            self.plain(more, cut=None if again else int(first))
        elif kind == 'badrange':
            self.serve(more, cut=int(first), shift=1)
        elif kind == 'auth':
            if self.headers.get('Authorization') in ('Bearer token', 'Basic dTpw'):
                self.serve(rest)
            else:
                self.answer(401, [('WWW-Authenticate', 'Bearer')])
        elif kind == 'hop':
            left = int(first)
            self.answer(302, [('Location', '/hop/%d/%s' % (left - 1, more) if left else '/' + more)])
        elif kind == 'to':
            host, _, path = more.partition('/')
            self.answer(307, [('Location', '%s://%s/%s' % (first, host, path))])
        elif kind == 'status':
            self.answer(int(first), body=b'as you asked\n')
        elif kind == 'busy':
            with self.lock:
                left = self.busy.setdefault(self.path, int(first))
                self.busy[self.path] = left - 1
            if left > 0:
                self.answer(503)
            else:
                self.serve(more)
        else:
            self.answer(404)

    do_HEAD = do_GET

    def do_PUT(self):  # pylint: disable=invalid-name
        kind, _, rest = self.path.split('?')[0][1:].partition('/')
        body = self.rfile.read(int(self.headers.get('Content-Length', '0')))
        if kind == 'put':
            with open(os.path.join(self.options.root, rest), 'wb') as file:
                file.write(body)
            self.answer(200)
        else:
            self.answer(int(rest) if kind == 'status' else 404)

    do_POST = do_PUT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', required=True)
    parser.add_argument('--log', required=True)
    parser.add_argument('--listen', default='127.0.0.1')
    parser.add_argument('--cert')
    parser.add_argument('--key')
    Handler.options = parser.parse_args()
    server = http.server.ThreadingHTTPServer((Handler.options.listen, 0), Handler)
    server.daemon_threads = True
    if Handler.options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Handler.options.cert, Handler.options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print('listening on %s:%d' % server.server_address[:2], flush=True)
    server.serve_forever()


main()
