#!/usr/bin/python3
"""Real servers on a port of 127.0.0.1 that is free, without asking twice which one is.

  listen.py each COMMAND...    COMMAND for each connection, which is its input and output (inetd)
  listen.py pass COMMAND...    COMMAND once, with the listening socket as its file 3 (LISTEN_FDS)

Prints 'listening on HOST:PORT' first. {port} in an argument is the port, and in 'pass' also in a
file that an argument FILE.in names: FILE is written from it and named instead.
"""
import os
import socket
import subprocess
import sys
import threading


def filled(argument, port):
    argument = argument.replace('{port}', str(port))
    if not argument.endswith('.in'):
        return argument
    with open(argument, encoding='utf-8') as file:
        text = file.read().replace('{port}', str(port))
    with open(argument[:-3], 'w', encoding='utf-8') as file:
        file.write(text)
    return argument[:-3]


def serve_each(listener, command):
    def handle(connection):
        with connection:
            subprocess.run(command, stdin=connection, stdout=connection, check=False)

    while True:
        threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True).start()


def main():
    how, command = sys.argv[1], sys.argv[2:]
    listener = socket.create_server(('127.0.0.1', 0))
    port = listener.getsockname()[1]
    command = [filled(argument, port) for argument in command]
    print('listening on 127.0.0.1:%d' % port, flush=True)
    if how == 'each':
        serve_each(listener, command)
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)  # dup2 of a file onto itself leaves it as it is
    os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
    os.execvp(command[0], command)


main()
