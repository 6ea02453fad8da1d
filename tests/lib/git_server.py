#!/usr/bin/python3
"""Git repositories of a folder on loopback, for tests: smart http, dumb http and git://.

  git_server.py --root DIR --log FILE

Prints 'git on HOST:PORT' (git daemon) and 'listening on HOST:PORT' (http). The log has a line for
each http request: METHOD PATH STATUS AUTHORIZATION. What an http path means:

  /open/NAME.git     git http-backend
  /private/NAME.git  the same, for user 'user' with password 'p@ss', and for the token 'tok'
  /dumb/NAME.git     the files of the repository as they are (git update-server-info)
  /cut/NAME.git      as /open, but packs end after 100 bytes
  /moved/NAME.git    a redirect to /open/NAME.git
"""
import argparse
import base64
import http.server
import os
import socketserver
import subprocess
import threading

WANTED = ['Basic ' + base64.b64encode(pair).decode()
          for pair in (b'user:p@ss', b'x-access-token:tok')] + ['Bearer tok']


class Http(http.server.BaseHTTPRequestHandler):
    options = None
    lock = threading.Lock()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def note(self, status):
        with self.lock, open(self.options.log, 'a', encoding='utf-8') as file:
            file.write('%s %s %d %s\n' % (self.command, self.path, status,
                                          self.headers.get('Authorization', '-')))

    def short(self, status, *headers):
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def file(self, path):
        full = os.path.join(self.options.root, path)
        if '..' in path or not os.path.isfile(full):
            self.short(404)
            return
        with open(full, 'rb') as file:
            body = file.read()
        self.note(200)
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def backend(self, path, query, cut):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        env = {'PATH': os.environ['PATH'], 'GIT_PROJECT_ROOT': self.options.root,
               'GIT_HTTP_EXPORT_ALL': '1', 'PATH_INFO': '/' + path, 'QUERY_STRING': query,
               'REQUEST_METHOD': self.command, 'CONTENT_LENGTH': str(len(body)),
               'CONTENT_TYPE': self.headers.get('Content-Type', ''),
               'HTTP_CONTENT_ENCODING': self.headers.get('Content-Encoding', ''),
               'GIT_PROTOCOL': self.headers.get('Git-Protocol', ''),
               'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory',
               'GIT_CONFIG_VALUE_0': '*', 'REMOTE_USER': '', 'REMOTE_ADDR': '127.0.0.1'}
        done = subprocess.run(['git', 'http-backend'], input=body, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        head, _, content = done.stdout.partition(b'\r\n\r\n')
        status = 200
        headers = []
        for line in head.decode().split('\r\n'):
            name, _, value = line.partition(': ')
            if name == 'Status':
                status = int(value.split()[0])
            elif name:
                headers.append((name, value))
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content[:100] if cut and b'PACK' in content else content)

    def do_GET(self):  # pylint: disable=invalid-name
        path, _, query = self.path.partition('?')
        kind, _, rest = path[1:].partition('/')
        if kind == 'private' and self.headers.get('Authorization') not in WANTED:
            self.short(401, ('WWW-Authenticate', 'Basic realm="kiln"'))
        elif kind in ('open', 'private', 'cut'):
            self.backend(rest, query, kind == 'cut')
        elif kind == 'dumb':
            self.file(rest)
        elif kind == 'moved':
            self.short(301, ('Location', '/open/' + rest + ('?' + query if query else '')))
        else:
            self.short(404)

    do_POST = do_GET


class Daemon(socketserver.BaseRequestHandler):
    options = None

    def handle(self):
        subprocess.run(['git', '-c', 'safe.directory=*', 'daemon', '--inetd', '--export-all',
                        '--base-path=' + self.options.root, self.options.root],
                       stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL,
                       check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', required=True)
    parser.add_argument('--log', required=True)
    Http.options = Daemon.options = parser.parse_args()
    daemon = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Daemon)
    daemon.daemon_threads = True
    threading.Thread(target=daemon.serve_forever, daemon=True).start()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Http)
    server.daemon_threads = True
    print('git on %s:%d' % daemon.server_address[:2])
    print('listening on %s:%d' % server.server_address[:2], flush=True)
    server.serve_forever()


main()
