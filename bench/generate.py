#!/usr/bin/python3
"""Makes the build contexts of the benchmarks: generate.py WORKLOAD DIR

  steps        Dockerfile with 50 x RUN true
  copy-small   50,000 files, 200 MB, text that compresses like source code
  copy-large   one file of 1 GiB that compresses to about 0.72, as a disk of mixed things does
  cproject     200 C files, a Makefile and a two-stage Dockerfile
  pull         FROM the big image and one RUN

The same WORKLOAD gives the same bytes everywhere: the only randomness is a seeded generator.
Dockerfiles name their bases by the build argument REGISTRY.
"""
import os
import random
import sys

WORDS = ('buffer length offset result status handle config option parser token stream index entry '
         'value count limit cursor record table column packet header payload digest signature '
         'session channel request response timeout retry worker queue thread mutex signal').split()
LETTERS = 'abcdefghijklmnopqrstuvwxyz_ABCDEFGH 0123456789'
TYPES = 'int long size_t uint32_t uint64_t bool'.split() + ['const char *', 'struct node *']


def name(rng):
    return f'{rng.choice(WORDS)}_{rng.choice(WORDS)}{rng.randrange(1000)}'


def source_line(rng):
    """A line as programs have them: few words often, and names that do not repeat."""
    a, b, c = name(rng), name(rng), name(rng)
    text = ''.join(rng.choices(LETTERS, k=rng.randrange(20, 76)))
    return rng.choice((
        f'\tlog_debug("{text}", {a});\n',
        f'\t{{ "{text}", 0x{rng.getrandbits(64):016x}ull }},\n',
        f'\tif ({a} > {b} && !{c})\n\t\treturn -{rng.randrange(200)};\n',
        f'\t{rng.choice(TYPES)} {a} = {b}({c}, {rng.randrange(100000)});\n',
        f'\tfor (size_t i = 0; i < {a}; i++)\n\t\t{b}[i] ^= {c}[i % {rng.randrange(1, 4096)}];\n',
        f'\t/* {rng.choice(WORDS)} the {rng.choice(WORDS)} before its {a} is {rng.choice(WORDS)} */\n',
        f'\t{a}->{b} = {c} + 0x{rng.getrandbits(32):08x};\n',
        f'}}\n\nstatic {rng.choice(TYPES)} {a}({rng.choice(TYPES)} {b}, {rng.choice(TYPES)} {c})\n{{\n',
    ))


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb' if isinstance(data, bytes) else 'w') as file:
        file.write(data)


def steps(root):
    write(root + '/Dockerfile', 'ARG REGISTRY\nFROM $REGISTRY/base/busybox\n' + 'RUN true\n' * 50)


def copy_small(root):
    rng = random.Random(1)
    # Lines are drawn from a pool: drawing 10 million names one by one would take minutes.
    pool = [source_line(rng) for _ in range(200000)]
    total, number = 200_000_000, 50_000
    mean = total // number
    for i in range(number):
        want, text, at = int(mean * (0.2 + 1.6 * rng.random())), [], 0
        while at < want:
            start = rng.randrange(len(pool))
            piece = ''.join(pool[start:start + 3])
            text.append(piece)
            at += len(piece)
        folder = f'{root}/tree/{i % 40:02d}/{i // 40 % 25:02d}'
        write(f'{folder}/{WORDS[i % len(WORDS)]}_{i}.c', ''.join(text))
    write(root + '/Dockerfile', 'FROM scratch\nCOPY tree /tree\n')


def copy_large(root):
    rng = random.Random(2)
    pool = [source_line(rng) for _ in range(20000)]
    os.makedirs(root, exist_ok=True)
    with open(root + '/large.bin', 'wb') as file:
        for _ in range(1024):
            # Of each MiB: 0.6 noise (media, archives), 0.3 text, 0.1 runs of zero.
            start = rng.randrange(len(pool) - 9000)
            text = ''.join(pool[start:start + 9000]).encode()[:314572]
            chunk = rng.randbytes(629145) + text
            file.write(chunk + bytes((1 << 20) - len(chunk)))
    write(root + '/Dockerfile',
          'ARG REGISTRY\nFROM $REGISTRY/base/debian\nCOPY large.bin /large.bin\n')


def function(rng, number, file):
    lines = [f'uint64_t f{file}_{number}(uint64_t a, const struct item *items, size_t n)\n{{\n'
             f'\tuint64_t sum = a * {rng.randrange(3, 1 << 30) | 1}u;\n\n'
             '\tfor (size_t i = 0; i < n; i++) {\n']
    for _ in range(6):
        lines.append(f'\t\tif (items[i].key % {rng.randrange(2, 97)} == {rng.randrange(2)})\n'
                     f'\t\t\tsum = mix(sum ^ items[i].value, {rng.getrandbits(30)}u);\n')
    lines.append(f'\t\tsum += (uint64_t)strlen(items[i].name) << {rng.randrange(1, 30)};\n\t}}\n'
                 '\treturn sum;\n}\n\n')
    return ''.join(lines)


def cproject(root):
    rng = random.Random(3)
    files, functions = 200, 2
    declarations = ''.join(f'uint64_t entry{i}(const struct item *items, size_t n);\n'
                           for i in range(files))
    write(root + '/include/app.h',
          '#pragma once\n#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n'
          '#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n\n'
          'struct item {\n\tuint64_t key, value;\n\tchar name[32];\n};\n\n'
          'static inline uint64_t mix(uint64_t a, uint64_t b)\n{\n'
          '\ta ^= b + 0x9e3779b97f4a7c15ull + (a << 6) + (a >> 2);\n\treturn a * 0xff51afd7ed558ccdull;\n'
          '}\n\n' + declarations)
    for i in range(files):
        body = '#include "app.h"\n\n' + ''.join(
            'static ' + function(rng, n, i) for n in range(functions))
        body += (f'uint64_t entry{i}(const struct item *items, size_t n)\n{{\n\tuint64_t sum = {i};\n\n' +
                 ''.join(f'\tsum ^= f{i}_{n}(sum, items, n);\n' for n in range(functions)) +
                 '\treturn sum;\n}\n')
        write(f'{root}/src/part{i:03d}.c', body)
    write(root + '/src/main.c',
          '#include "app.h"\n\nint main(void)\n{\n\tstruct item items[4] = { { 1, 2, "one" } };\n'
          '\tuint64_t sum = 0;\n\n' + ''.join(f'\tsum += entry{i}(items, 4);\n' for i in range(files)) +
          '\tprintf("%llx\\n", (unsigned long long)sum);\n\treturn 0;\n}\n')
    write(root + '/Makefile',
          'SOURCES := $(wildcard src/*.c)\nOBJECTS := $(SOURCES:.c=.o)\nCFLAGS := -O1 -Iinclude\n\n'
          'app: $(OBJECTS)\n\t$(CC) -static -o $@ $^\n\n$(OBJECTS): include/app.h\n')
    write(root + '/Dockerfile',
          'ARG REGISTRY\nFROM $REGISTRY/base/gcc AS build\nWORKDIR /src\nCOPY Makefile ./\n'
          'COPY include include\nCOPY src src\nRUN make -j2\n\n'
          'FROM $REGISTRY/base/busybox\nCOPY --from=build /src/app /usr/bin/app\nCMD ["app"]\n')


def pull(root):
    write(root + '/Dockerfile', 'ARG REGISTRY\nFROM $REGISTRY/base/big\nRUN true\n')


WORKLOADS = {'steps': steps, 'copy-small': copy_small, 'copy-large': copy_large,
             'cproject': cproject, 'pull': pull}

if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] not in WORKLOADS:
        sys.exit(__doc__)
    os.umask(0o022)
    WORKLOADS[sys.argv[1]](sys.argv[2])
