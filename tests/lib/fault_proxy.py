#!/usr/bin/python3
"""A proxy before a registry that counts requests and misbehaves on demand.

  fault_proxy.py --upstream HOST:PORT --rules FILE --log FILE [--listen HOST] [--cert C --key K]

Prints 'listening on HOST:PORT' once it does. The log has a line for each request:

  METHOD PATH?QUERY STATUS auth=basic|bearer|none in=BYTES out=BYTES range=RANGE|- at=START-END

with START and END in milliseconds of one clock.

The rules file is read anew for each request; a missing file has no rules. A line is

  METHOD PATH-REGEX KEY[=VALUE]...

METHOD may be '*'. The first rule that matches and is not used up applies. Keys:

  skip=N          let N matching requests through first
  times=N         apply to N requests, then never again (default: always)
  status=N        answer N by itself, with an error document; upstream is not asked
  message=TEXT    with status: what the document says ('_' stands for a blank)
  retry-after=S   with status: a Retry-After header
  header=N:V      add a header to the answer ('_' stands for a blank in V); may be repeated
  redirect=URL    answer 307 to URL + the path and query of the request
  cut=N           pass N bytes of the answer's body, then close the connection
  reset=N         the same with a reset, which may cost the peer bytes on their way
  short=N         answer only the first N bytes, with a Content-Length that says so
  corrupt=N       flip the byte at offset N of the answer's body
  length=+N|-N    lie in Content-Length by so much, then close
  body=FILE       answer the bytes of FILE instead
  cut-upload=N    take N bytes of the request's body, then reset the connection
  delay=MS        wait before answering
  hang            take the request and never answer
"""
import argparse
import asyncio
import re
import ssl
import socket
import struct
import sys
import time

BEGAN = ':began'  # beside a request's headers: when it came

REASONS = {200: 'OK', 307: 'Temporary Redirect', 400: 'Bad Request', 401: 'Unauthorized',
           403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 416: 'Range',
           429: 'Too Many Requests', 500: 'Internal Server Error', 502: 'Bad Gateway',
           503: 'Service Unavailable', 504: 'Gateway Timeout'}


class Rule:
    def __init__(self, line):
        self.line = line
        self.method, pattern, *keys = line.split()
        self.pattern = re.compile(pattern)
        self.values, self.headers = {}, []
        for key in keys:
            name, _, value = key.partition('=')
            if name == 'header':
                header, _, text = value.partition(':')
                self.headers.append((header, text.replace('_', ' ').strip()))
            else:
                self.values[name] = value

    def number(self, name):
        return int(self.values[name]) if name in self.values else None


class Proxy:
    def __init__(self, options):
        self.options = options
        self.seen = {}  # rule line -> how often it matched

    def rule_for(self, method, target):
        try:
            with open(self.options.rules, encoding='utf-8') as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            if not line.strip() or line.startswith('#'):
                continue
            rule = Rule(line)
            if rule.method not in ('*', method) or not rule.pattern.search(target):
                continue
            seen = self.seen.get(line, 0)
            skip = rule.number('skip') or 0
            times = rule.number('times')
            if times is not None and seen >= skip + times:
                continue
            self.seen[line] = seen + 1
            if seen < skip:
                continue
            return rule
        return None

    def note(self, method, target, status, headers, sent, received):
        auth = headers.get('authorization', '').split(' ')[0].lower() or 'none'
        with open(self.options.log, 'a', encoding='utf-8') as file:
            file.write(f"{method} {target} {status} auth={auth} in={received} out={sent} "
                       f"range={headers.get('range', headers.get('content-range', '-'))} "
                       f"at={headers[BEGAN]:.0f}-{time.monotonic() * 1000:.0f}\n")

    async def serve(self, reader, writer):
        try:
            while await self.one_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, BrokenPipeError):
            pass
        finally:
            writer.close()

    async def one_request(self, reader, writer):
        head = await read_head(reader)
        if head is None:
            return False
        first, headers, raw_headers = head
        headers[BEGAN] = time.monotonic() * 1000
        method, target, _ = first.split(' ', 2)
        rule = self.rule_for(method, target)
        values = rule.values if rule else {}

        if 'cut-upload' in values and has_body(headers):
            if 'expect' in headers:
                writer.write(b'HTTP/1.1 100 Continue\r\n\r\n')
                await writer.drain()
            left = int(values['cut-upload'])
            taken = 0
            async for piece in body_of(reader, headers):
                taken += len(piece)
                if taken >= left:
                    break
            self.note(method, target, 'cut', headers, 0, taken)
            reset(writer)
            return False
        if 'delay' in values:
            await asyncio.sleep(int(values['delay']) / 1000)
        if 'hang' in values:
            self.note(method, target, 'hang', headers, 0, 0)
            await reader.read()
            return False
        if 'status' in values or 'redirect' in values:
            return await self.own_answer(rule, method, target, headers, reader, writer)
        return await self.pass_on(rule, method, target, first, headers, raw_headers, reader, writer)

    async def own_answer(self, rule, method, target, headers, reader, writer):
        if 'expect' not in headers:
            async for _ in body_of(reader, headers):
                pass
        status = 307 if 'redirect' in rule.values else int(rule.values['status'])
        message = rule.values.get('message', f'the fault proxy answers {status}').replace('_', ' ')
        body = b'{"errors":[{"code":"FAULT","message":"%s"}]}' % message.encode()
        answer = [('Content-Type', 'application/json'), ('Content-Length', str(len(body)))]
        answer += rule.headers
        if 'redirect' in rule.values:
            answer.append(('Location', rule.values['redirect'] + target))
        if 'retry-after' in rule.values:
            answer.append(('Retry-After', rule.values['retry-after']))
        keep = 'expect' not in headers
        if not keep:
            answer.append(('Connection', 'close'))
        writer.write(head_bytes(f'HTTP/1.1 {status} {REASONS.get(status, "Fault")}', answer))
        if method != 'HEAD':
            writer.write(body)
        await writer.drain()
        self.note(method, target, status, headers, 0 if method == 'HEAD' else len(body), 0)
        return keep

    async def pass_on(self, rule, method, target, first, headers, raw_headers, reader, writer):
        host, _, port = self.options.upstream.rpartition(':')
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        received = 0
        try:
            forward = [(name, value) for name, value in raw_headers
                       if name.lower() not in ('connection', 'expect', 'keep-alive')]
            forward.append(('Connection', 'close'))
            if self.options.cert:
                forward.append(('X-Forwarded-Proto', 'https'))
            up_writer.write(head_bytes(first, forward))
            if 'expect' in headers:
                writer.write(b'HTTP/1.1 100 Continue\r\n\r\n')
                await writer.drain()
            chunked = 'chunked' in headers.get('transfer-encoding', '').lower()
            async for piece in body_of(reader, headers):
                received += len(piece)
                up_writer.write(b'%x\r\n%s\r\n' % (len(piece), piece) if chunked else piece)
                await up_writer.drain()
            if chunked:
                up_writer.write(b'0\r\n\r\n')
            await up_writer.drain()

            answer = await read_head(up_reader)
            if answer is None:
                reset(writer)
                return False
            status_line, up_headers, up_raw = answer
            status = int(status_line.split(' ')[1])
            sent, keep = await self.send_answer(
                rule, method, status, status_line, up_headers, up_raw, up_reader, writer)
            self.note(method, target, status, headers, sent, received)
            return keep
        finally:
            up_writer.close()

    async def send_answer(self, rule, method, status, status_line, headers, raw, up_reader, writer):
        """-> (bytes of body sent, whether the connection goes on)"""
        values = rule.values if rule else {}
        answer = [(name, value) for name, value in raw
                  if name.lower() not in ('connection', 'transfer-encoding', 'keep-alive')]
        answer += rule.headers if rule else []
        bodiless = method == 'HEAD' or status in (204, 304)
        chunked = 'chunked' in headers.get('transfer-encoding', '').lower()

        if 'body' in values or 'short' in values or 'length' in values or 'corrupt' in values:
            body = b''.join([piece async for piece in body_of(up_reader, headers, bodiless, True)])
            if 'body' in values:
                with open(values['body'], 'rb') as file:
                    body = file.read()
            if 'short' in values:
                body = body[:int(values['short'])]
            if 'corrupt' in values and body:
                at = min(int(values['corrupt']), len(body) - 1)
                body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
            length = len(body) + int(values.get('length', '0'))
            answer = [(n, v) for n, v in answer if n.lower() != 'content-length']
            if bodiless and 'body' not in values:
                length = int(headers.get('content-length', '0')) + int(values.get('length', '0'))
            answer.append(('Content-Length', str(length)))
            if 'length' in values:
                answer.append(('Connection', 'close'))
            writer.write(head_bytes(status_line, answer))
            if not bodiless:
                writer.write(body)
            await writer.drain()
            return (0 if bodiless else len(body)), 'length' not in values

        framed = chunked and not bodiless
        if framed:
            answer.append(('Transfer-Encoding', 'chunked'))
        until_close = not bodiless and not chunked and 'content-length' not in headers
        if until_close:
            answer.append(('Connection', 'close'))
        writer.write(head_bytes(status_line, answer))
        sent, cut = 0, int(values.get('cut', values.get('reset', -1)))
        async for piece in body_of(up_reader, headers, bodiless, True):
            if 0 <= cut <= sent + len(piece):
                writer.write(piece[:cut - sent])
                await writer.drain()
                if 'reset' in values:
                    reset(writer)
                return cut, False
            writer.write(b'%x\r\n%s\r\n' % (len(piece), piece) if framed else piece)
            await writer.drain()
            sent += len(piece)
        if framed:
            writer.write(b'0\r\n\r\n')
        await writer.drain()
        return sent, not until_close


def head_bytes(first, headers):
    return (first + '\r\n' + ''.join(f'{n}: {v}\r\n' for n, v in headers) + '\r\n').encode('latin-1')


async def read_head(reader):
    try:
        # A TLS hello at a plain port: end it at once, as servers do, and the caller tries http.
        raw = await reader.readexactly(1)
        if raw == b'\x16':
            return None
        raw += await reader.readuntil(b'\r\n\r\n')
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = raw.decode('latin-1').split('\r\n')
    raw_headers = [tuple(line.split(': ', 1)) if ': ' in line else (line.rstrip(':'), '')
                   for line in lines[1:] if line]
    return lines[0], {name.lower(): value for name, value in raw_headers}, raw_headers


def has_body(headers):
    return 'chunked' in headers.get('transfer-encoding', '').lower() or \
        int(headers.get('content-length', '0')) > 0


async def body_of(reader, headers, bodiless=False, answer=False):
    if bodiless:
        return
    if 'chunked' in headers.get('transfer-encoding', '').lower():
        while size := int((await reader.readline()).split(b';')[0], 16):
            yield await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif 'content-length' in headers:
        left = int(headers['content-length'])
        while left:
            piece = await reader.read(min(left, 1 << 18))
            if not piece:
                raise ConnectionError('the body ended early')
            left -= len(piece)
            yield piece
    elif answer:
        while piece := await reader.read(1 << 18):
            yield piece


def reset(writer):
    """A hard end, as when a cable is pulled: the peer sees a reset, not a tidy close."""
    sock = writer.get_extra_info('socket')
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.transport.abort()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--upstream', required=True)
    parser.add_argument('--rules', default='/nonexistent')
    parser.add_argument('--log', required=True)
    parser.add_argument('--listen', default='127.0.0.1')
    parser.add_argument('--cert')
    parser.add_argument('--key')
    options = parser.parse_args()
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    server = await asyncio.start_server(Proxy(options).serve, options.listen, 0, ssl=context,
                                        limit=1 << 20)
    host, port = server.sockets[0].getsockname()[:2]
    print(f'listening on {host}:{port}', flush=True)
    async with server:
        await server.serve_forever()


if __name__ == '__main__':
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
