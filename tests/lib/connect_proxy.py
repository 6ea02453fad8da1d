#!/usr/bin/python3
"""A proxy whose every CONNECT ends at one address: connect_proxy.py --to HOST:PORT

So a client with https_proxy reaches an emulator under the name of the cloud that it stands for.
Prints 'listening on HOST:PORT'.
"""
import argparse
import asyncio


async def copy(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(reader, writer):
    try:
        await reader.readuntil(b'\r\n\r\n')
        to_reader, to_writer = await asyncio.open_connection(*TO)
    except (OSError, asyncio.IncompleteReadError):
        writer.close()
        return
    writer.write(b'HTTP/1.1 200 there\r\n\r\n')
    await asyncio.gather(copy(reader, to_writer), copy(to_reader, writer))


async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    print(f'listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}', flush=True)
    await server.serve_forever()


parser = argparse.ArgumentParser()
parser.add_argument('--to', required=True)
TO = parser.parse_args().to.rsplit(':', 1)
asyncio.run(main())
