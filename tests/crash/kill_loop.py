#!/usr/bin/python3
"""Kills a build at random moments, until so many were killed, and then wants a good one.

  kill_loop.py --kiln KILN --watch WATCH --base REF --work DIR [--kills N] [--seed S]

Runs as the user it is started by. Each build is of the same kind: RUN steps, a COPY, a second
stage. Some are new to the cache, some are not, and now and then the store starts empty. After
every kill nothing may be left running (watch.py). Every 25 kills, and at the end, a build must
succeed and the store must answer.

A moment is drawn from the time that a build takes. How long that is on this machine at this hour is
learned on the way: a build that ended before its moment says how long it took, and is not counted.
"""
import argparse
import os
import random
import shutil
import subprocess
import sys
import time

DOCKERFILE = '''ARG BASE
FROM $BASE AS made
ARG TURN=0
RUN echo "turn $TURN" >/turn && dd if=/dev/zero of=/zeros bs=64k count=16 2>/dev/null
RUN mkdir -p /d/e && echo 1 >/d/1 && echo 2 >/d/e/2 && rm /etc/group
COPY files /files
RUN rm -r /d/e && ln /d/1 /d/link && cat /files/* >/all
FROM $BASE
COPY --from=made /all /turn /d /got/
RUN test -s /got/all
'''

# Seconds: what a build takes before one was seen to end, and at the least.
FIRST_GUESS, SHORTEST = 1.0, 0.02


def main():
    parser = argparse.ArgumentParser()
    for name in ('kiln', 'watch', 'base', 'work'):
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    print(f'seed {options.seed}', flush=True)

    context, store = options.work + '/context', options.work + '/store'
    os.makedirs(context + '/files', exist_ok=True)
    with open(context + '/Dockerfile', 'w', encoding='utf-8') as file:
        file.write(DOCKERFILE)
    for i in range(200):
        with open(f'{context}/files/{i}', 'w', encoding='utf-8') as file:
            file.write(f'file {i}\n' * (i + 1))
    env = dict(os.environ, KILN_ROOT=store)

    def command(turn, *more):
        return [options.kiln, 'build', '--progress', 'plain', '--build-arg', 'BASE=' + options.base,
                '--build-arg', f'TURN={turn}', '-t', 'crash/app', *more, context]

    def good(what, turn, *more):
        done = subprocess.run([options.watch, '--', *command(turn, *more)], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode:
            sys.exit(f'{what}: the build exits with {done.returncode}:\n{done.stdout[-3000:]}')
        listed = subprocess.run([options.kiln, 'images'], env=env, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, check=False)
        if listed.returncode or 'crash/app' not in listed.stdout:
            sys.exit(f'{what}: kiln images exits with {listed.returncode}:\n{listed.stdout}')

    good('before any kill', 0)
    killed, turn, whole = 0, 0, FIRST_GUESS
    while killed < options.kills:
        turn += 1
        if turn > 4 * options.kills:
            sys.exit(f'only {killed} of {turn} builds were still running when they were to be killed')
        if turn % 40 == 0:
            # An empty store: kills while it is being made, and while the base is unpacked.
            remove(options.kiln, store)
        # Mostly new steps, sometimes a build that is all cached.
        number = turn if rng.random() < 0.8 else 0
        moment = rng.uniform(0, whole)
        started = time.monotonic()
        done = subprocess.run(
            [options.watch, '--signal', 'SIGKILL', '--after', f'{moment:.6f}', '--',
             *command(number)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        if done.returncode not in (0, 137):
            sys.exit(f'kill {turn} after {moment:.3f} s: status {done.returncode}:\n'
                     + done.stdout[-3000:])
        if done.returncode == 137:
            killed += 1
            # It may have been far from its end: later moments are tried until one is too late.
            whole *= 1.02
        elif number:
            whole = max(0.9 * min(whole, time.monotonic() - started), SHORTEST)
        if done.returncode == 137 and killed % 25 == 0:
            good(f'after {killed} kills', turn)
    good('at the end', 0)
    good('at the end, without cache', 'last', '--no-cache', '--load', '--output',
         f'type=oci,tar=false,dest={options.work}/after')
    left = os.listdir(store + '/tmp') if os.path.isdir(store + '/tmp') else []
    if left:
        sys.exit(f'left in tmp/ of the store after a good build: {left}')
    env['KILN_ROOT'] = options.work + '/fresh'
    good('in a fresh store', 'last', '--load', '--output', f'type=oci,tar=false,dest={options.work}/fresh-image')
    remove(options.kiln, options.work + '/fresh')
    print(f'{killed} of {turn} builds were killed, the last within {whole:.3f} s')


def remove(kiln, store):
    """A store holds files of subordinate ids, which only kiln (in its user namespace) can remove."""
    subprocess.run([kiln, 'prune', '--all', '--force'], env=dict(os.environ, KILN_ROOT=store),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(store, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
