#!/usr/bin/python3
"""Runs a command, maybe ends it at a moment, and wants nothing of it to stay behind.

  watch.py [--signal NAME] [--after SECONDS | --when TEXT] [--grace SECONDS] COMMAND...

--after ends the command so many seconds from its start, --when as soon as its output has TEXT.
The output goes to stdout. All descendants, orphans too, become children of this program (it is a
subreaper), so what outlives the command is seen whatever its session or namespace: if something
is still there --grace seconds later it is named on stderr and the status is 70. New mounts in
this mount namespace are named too. Otherwise the status is the command's, 128 + N for signal N.
"""
import argparse
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def mounts():
    with open('/proc/self/mountinfo', encoding='utf-8', errors='replace') as file:
        return {line.split()[4] for line in file}


def descendants():
    """-> ['pid state command', ...] of all processes below this one."""
    parents, names = {}, {}
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as file:
                stat = file.read()
            with open(f'/proc/{entry}/cmdline', encoding='utf-8', errors='replace') as file:
                command = file.read().replace('\0', ' ').strip()
        except OSError:
            continue
        state, parent = stat.rpartition(')')[2].split()[:2]
        parents[int(entry)] = int(parent)
        names[int(entry)] = f"{entry} {state} {command or stat.split('(')[1].split(')')[0]}"
    found = []
    for pid in parents:
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and pid != os.getpid():
            found.append(names[pid])
    return found


def raise_timeout(*_):
    raise TimeoutError


def reap_until(deadline):
    """Waits for every child. -> True if none is left, False at the deadline."""
    signal.signal(signal.SIGALRM, raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.001))
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return True
    except TimeoutError:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--signal', default='SIGKILL')
    parser.add_argument('--after', type=float)
    parser.add_argument('--when')
    parser.add_argument('--grace', type=float, default=10)
    parser.add_argument('--limit', type=float, default=120, help='end it anyway after so long')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ['--'] else options.command
    number = getattr(signal, options.signal)

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    mounted = mounts()
    # A shell in the background starts its children with SIGINT ignored; a terminal does not.
    for restored in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(restored, signal.SIG_DFL)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    pidfd = os.pidfd_open(process.pid)
    output = process.stdout.fileno()
    os.set_blocking(output, False)
    selector = selectors.DefaultSelector()
    selector.register(pidfd, selectors.EVENT_READ)
    selector.register(output, selectors.EVENT_READ)
    started, sent, seen = time.monotonic(), False, b''

    def send():
        try:
            signal.pidfd_send_signal(pidfd, number)
        except ProcessLookupError:
            pass

    while True:
        due = options.limit if sent or options.after is None else options.after
        left = started + due - time.monotonic()
        if left <= 0:
            if sent or options.after is None:
                sys.stderr.write('watch: still running at the time limit\n')
                process.kill()
            else:
                send()
            sent = True
            options.limit += 10
            continue
        ended = False
        for key, _ in selector.select(left):
            if key.fd == pidfd:
                ended = True
            else:
                piece = os.read(output, 65536)
                if not piece:
                    selector.unregister(output)
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
                seen = (seen + piece)[-65536:]
                if options.when and not sent and options.when.encode() in seen:
                    send()
                    sent = True
        if ended:
            break
    status = process.wait()
    # What the command wrote before it ended may still be in the pipe.
    try:
        while piece := os.read(output, 65536):
            sys.stdout.buffer.write(piece)
    except BlockingIOError:
        pass
    sys.stdout.flush()

    bad = []
    if not reap_until(time.monotonic() + options.grace):
        bad += ['process left behind: ' + line for line in descendants()]
        for line in descendants():
            os.kill(int(line.split()[0]), signal.SIGKILL)
    bad += [f"mount left behind: '{path}'" for path in sorted(mounts() - mounted)]
    if bad:
        sys.stderr.write('\n'.join(bad) + '\n')
        return 70
    return status if status >= 0 else 128 - status


if __name__ == '__main__':
    sys.exit(main())
