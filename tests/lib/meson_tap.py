#!/usr/bin/python3
"""Runs `meson test` and prints each cmocka test as a line of TAP: meson_tap.py BUILD

A program that dies before its summary counts as one failure. T in the environment selects
programs whose name holds it. MESON_WRAPPER, if set, runs each program (valgrind, for one).
"""
import json
import os
import re
import subprocess
import sys

build = sys.argv[1]
wanted = os.environ.get('T', '')
log = os.path.join(build, 'meson-logs', 'testlog.json')

listed = subprocess.run(['meson', 'test', '-C', build, '--list', '--no-rebuild'],
                        capture_output=True, text=True)
names = [line.strip().split(' / ')[-1].split(' ')[-1] for line in listed.stdout.splitlines()
         if '/' in line and not line.startswith('ninja')]
chosen = [name for name in names if wanted in name]
if not chosen:
    # A build folder without test programs would pass with nothing run.
    sys.exit(0 if names else f'{build} has no test programs: it was configured without cmocka')

if os.path.exists(log):
    os.unlink(log)
command = ['meson', 'test', '-C', build, '--no-rebuild', '--print-errorlogs']
if os.environ.get('MESON_WRAPPER'):
    command += ['--wrapper', os.environ['MESON_WRAPPER']]
subprocess.run(command + (chosen if wanted else []), stdout=subprocess.DEVNULL,
               stderr=subprocess.DEVNULL)
if not os.path.exists(log):
    sys.exit('meson test wrote no log; is the build whole?')

number = 0


def say(ok, text, details=()):
    global number
    number += 1
    print(f"{'ok' if ok else 'not ok'} {number} {text}")
    for detail in details:
        print(f'# {detail}')


for line in open(log, encoding='utf-8'):
    program = json.loads(line)
    name = program['name'].split(' / ')[-1]
    output = program.get('stdout', '') + '\n' + program.get('stderr', '')
    good = re.findall(r'^\[ *OK *\] (\S+)', output, re.M)
    bad = list(dict.fromkeys(re.findall(r'^\[ *FAILED *\] (\S+)', output, re.M)))
    bad = [test for test in bad if not test.startswith(('tests:', 'test(s)')) and not test.isdigit()]
    skipped = list(dict.fromkeys(re.findall(r'^\[ *SKIPPED *\] (\S+)', output, re.M)))
    skipped = [test for test in skipped if not test.startswith('tests:') and not test.isdigit()]
    for test in good:
        say(True, f'{name}: {test}')
    for test in skipped:
        reason = re.search(r'skip: (.*)', output)
        say(True, f"{name}: {test} # skip {reason.group(1) if reason else 'no reason given'}")
    tail = output.strip().splitlines()[-40:]
    for test in bad:
        say(False, f'{name}: {test}', tail)
    if program['result'] not in ('OK', 'SKIP') and not bad:
        say(False, f"{name}: {program['result']} (status {program.get('returncode')})", tail)
    if not good and not bad and not skipped and program['result'] == 'OK':
        say(True, name)
