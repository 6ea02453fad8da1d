#!/usr/bin/python3
"""Random Dockerfiles and contexts, random edits: a build with cache is a build without.

  property.py --kiln KILN --base REF --work DIR [--seconds S] [--seed N] [--turns N]

After every edit the same thing is built twice: in a store that has seen all the turns before, and
with --no-cache in another. Every other time it is built a third time, in an empty store, with a
cache home that has seen those turns before. Both must fail, or both give the same files and config; with
SOURCE_DATE_EPOCH the same digests. What is built is deterministic by construction, so a
difference is a wrong hit. The last context is left in DIR when there is one.
"""
import argparse
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import oci  # noqa: E402  (its folder is known only now)

NAMES = ['a', 'b', 'c', 'd1', 'd2', 'x.txt', 'y.txt', 'link']
DESTS = ['/', '/app', '/app/', '/app/sub/', '/d', '/d/', '/d/e/f', '/tmp/../q/', 'rel/', '.', '/ln/']
EPOCHS = [None, None, 1000000000, 1700000000]
PLACES = ['/', '/app', '/d', '/q', '/tmp', '/w']


class World:
    """A context and a Dockerfile as Python values; every choice comes from rng."""

    def __init__(self, rng, base):
        self.rng, self.base, self.counter = rng, base, 0
        self.files = {}  # path -> ('file', text, mode) | ('link', target) | ('dir', mode)
        self.ignore = []
        self.args = {'V': '1'}
        self.epoch = rng.choice(EPOCHS)
        self.stages = []
        for _ in range(12):
            self.edit_file()
        for i in range(rng.randint(1, 4)):
            self.stages.append({'base': None if i == 0 or rng.random() < .6 else rng.randrange(i),
                                'steps': []})
            for _ in range(rng.randint(1, 4)):
                self.stages[-1]['steps'].append(self.step(i))

    def fresh(self):
        self.counter += 1
        return f'text {self.counter}\n'

    # ------------------------------------------------------------------ the context

    def folders(self):
        return [''] + [p for p, what in self.files.items() if what[0] == 'dir']

    def edit_file(self):
        rng, kind = self.rng, self.rng.choice(['new', 'new', 'text', 'mode', 'mode', 'remove', 'swap'])
        if kind == 'new' or not self.files:
            folder = rng.choice(self.folders())
            path = (folder + '/' if folder else '') + rng.choice(NAMES)
            if path in self.files or path.count('/') > 3:
                return
            shape = rng.choice(['file', 'file', 'dir', 'dir', 'link', 'hard', 'tar'])
            files = [p for p, what in self.files.items() if what[0] == 'file']
            if shape == 'file':
                self.files[path] = ('file', self.fresh(), rng.choice([0o644, 0o755, 0o600]))
            elif shape == 'dir':
                self.files[path] = ('dir', rng.choice([0o755, 0o755, 0o700]))
            elif shape == 'link':
                self.files[path] = ('link', rng.choice(NAMES + ['../a', '/d1', 'd1/a', 'nowhere']))
            elif shape == 'hard' and files:
                self.files[path] = ('hard', rng.choice(files))
            elif shape == 'tar':
                self.files[path] = ('tar', self.fresh())
            return
        path = rng.choice(list(self.files))
        what = self.files[path]
        if kind == 'remove':
            for below in [p for p in self.files if p == path or p.startswith(path + '/')]:
                del self.files[below]
            for name in [p for p, w in self.files.items() if w[0] == 'hard' and w[1] not in self.files]:
                del self.files[name]
        elif kind == 'text' and what[0] == 'file':
            self.files[path] = ('file', self.fresh(), what[2])
        elif kind == 'mode' and what[0] == 'file':
            self.files[path] = ('file', what[1], rng.choice([0o644, 0o755, 0o400, 0o4755]))
        elif kind == 'swap' and what[0] == 'link':
            self.files[path] = ('link', rng.choice(NAMES))

    def touch(self):
        """The content or the mode of a file that is there."""
        files = [p for p, what in self.files.items() if what[0] == 'file']
        if files:
            path = self.rng.choice(files)
            _, text, mode = self.files[path]
            self.files[path] = self.rng.choice([('file', self.fresh(), mode),
                                                ('file', text, self.rng.choice([0o644, 0o755, 0o400, 0o4755]))])

    def write(self, where):
        shutil.rmtree(where, ignore_errors=True)
        os.makedirs(where)
        for path, what in sorted(self.files.items(), key=lambda item: item[0].count('/')):
            full = os.path.join(where, path)
            if what[0] == 'dir':
                os.mkdir(full)
            elif what[0] == 'link':
                os.symlink(what[1], full)
            elif what[0] == 'file':
                with open(full, 'w', encoding='utf-8') as file:
                    file.write(what[1])
                os.chmod(full, what[2])
            elif what[0] == 'tar':
                self.write_tar(full, what[1])
        for path, what in self.files.items():
            if what[0] == 'hard':
                os.link(os.path.join(where, what[1]), os.path.join(where, path))
        for path, what in self.files.items():
            if what[0] == 'dir':
                os.chmod(os.path.join(where, path), what[1])
        if self.ignore:
            with open(where + '/.dockerignore', 'w', encoding='utf-8') as file:
                file.write('\n'.join(self.ignore) + '\n')

    @staticmethod
    def write_tar(where, text):
        with tarfile.open(where, 'w') as tar:
            for name in ('t/one', 'd/two', text.replace(' ', '-').strip()):
                member = tarfile.TarInfo(name)
                member.size, member.mode, member.uid = len(text), 0o640, 7
                tar.addfile(member, io.BytesIO(text.encode()))

    # ------------------------------------------------------------------ the Dockerfile

    def source(self):
        rng = self.rng
        known = list(self.files) or ['a']
        return rng.choice([rng.choice(known), rng.choice(known), rng.choice(known), rng.choice(known), '.', '.', '.',
                           rng.choice(NAMES), '*.txt', 'd*', '?', 'd1/*', '*/a'])

    def flags(self):
        rng = self.rng
        return rng.choice(['', '', '', '--chown=7:8 ', '--chown=bin ', '--chmod=751 ', '--chmod=u+x,go-w ',
                           '--link ', '--link --chown=5 ', '--exclude=*.txt '])

    @staticmethod
    def sums(where):
        """What is below, names and contents, in a file."""
        return (f"find {where} -xdev ! -path '/m/proc/*' ! -path '/m/sys/*' ! -path '/m/dev/*' | sort >/names; "
                "while read -r f; do [ ! -f \"$f\" ] || sha256sum \"$f\"; done </names >/sums.m; stat -c '%n %a %u' $(cat /names) >/modes")

    def step(self, stage):
        rng = self.rng
        place = rng.choice(PLACES)
        choices = [
            lambda: f'COPY {self.flags()}{self.source()} {rng.choice(DESTS)}',
            lambda: f'COPY {self.flags()}{self.source()} {rng.choice(DESTS)}',
            lambda: f'COPY {self.flags()}{self.source()} {self.source()} /many/',
            lambda: f'ADD {self.source()} {rng.choice(DESTS)}',
            lambda: f'COPY <<E /h/doc\n{rng.choice(["one", "two", "$V"])}\nE',
            lambda: f'RUN mkdir -p {place} && echo {self.fresh().strip()} >{place}/made',
            lambda: f'RUN mkdir -p {place} && echo $V $W >{place}/seen',
            lambda: "RUN L=$(find / -xdev -type f ! -path '/proc/*' ! -path '/sys/*' ! -path '/dev/*' "
                    "! -path '/etc/*' ! -path /sums | sort); sha256sum $L >/sums",
            lambda: f'RUN rm -rf {rng.choice(["/app", "/d", "/d/e", "/q"])}',
            lambda: 'RUN ln -sfn /d /ln',
            lambda: 'RUN mkdir -p /d && touch /d/t1 && ln -f /d/t1 /d/t2',
            lambda: 'RUN chmod 711 /tmp && mv /d /d.old 2>/dev/null; true',
            lambda: 'RUN true',
            lambda: f'WORKDIR {rng.choice(["/w", "/w/deep", "sub", "/ln/in"])}',
            lambda: f'ENV W={rng.randint(1, 3)}',
            lambda: f'USER {rng.choice(["0", "7", "bin"])}',
            lambda: f'LABEL l={rng.randint(1, 3)}',
            lambda: 'ARG V=default',
            lambda: f'COPY --parents {self.source()} {rng.choice(DESTS)}',
            lambda: f'COPY --parents d1/./{rng.choice(["a", "*", "d2"])} /parents/',
            lambda: f'ADD --unpack={rng.choice(["true", "false"])} {self.source()} /unpacked/',
            lambda: f'RUN <<E\nmkdir -p {place}\necho "$V" {rng.randint(1, 3)} >>{place}/log\nE',
            lambda: f'RUN --mount=type=bind,target=/m{rng.choice(["", ",rw"])} {self.sums("/m")}',
            lambda: f'RUN --mount=type=bind,source={rng.choice(NAMES)},target=/m {self.sums("/m")}',
            lambda: f'RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/t mkdir -p {place}/mounted',
            lambda: 'SHELL ["/bin/sh", "-%s"]' % rng.choice(['c', 'ec']),
        ]
        if stage:
            choices += [lambda: f'RUN --mount=type=bind,from=s{rng.randrange(stage)},source='
                                f'{rng.choice(["/", "/app", "/d", "/h"])},target=/m {self.sums("/m")}'] * 2
            choices += [lambda: f'COPY {self.flags()}--from=s{rng.randrange(stage)} '
                                f'{rng.choice(["/app", "/d", "/h", "/sums", "/many", "/d/t*", "/tmp"])} '
                                f'{rng.choice(DESTS)}'] * 5
        return rng.choice(choices)()

    def edit_steps(self):
        rng = self.rng
        i = rng.randrange(len(self.stages))
        steps = self.stages[i]['steps']
        kind = rng.choice(['add', 'change', 'remove', 'move'])
        if kind == 'add' or not steps:
            steps.insert(rng.randint(0, len(steps)), self.step(i))
        elif kind == 'change':
            steps[rng.randrange(len(steps))] = self.step(i)
        elif kind == 'remove':
            del steps[rng.randrange(len(steps))]
        else:
            steps.insert(rng.randrange(len(steps)), steps.pop(rng.randrange(len(steps))))

    def tweak(self):
        """One part of a COPY or ADD, and nothing else: what is in no key would hit."""
        rng = self.rng
        # What nothing needs is not built: mostly the last stage's.
        stages = self.stages[-1:] if rng.random() < .7 else self.stages
        found = [(stage['steps'], i, match) for stage in stages for i, step in enumerate(stage['steps'])
                 if (match := re.fullmatch(r'(COPY|ADD) ((?:--\S+ )*)(.+) (\S+)', step))]
        if not found:
            return
        steps, i, match = rng.choice(found)
        word, flags, sources, dest = match.groups()
        what = rng.choice(['flags', 'flags', 'dest', 'source'])
        if what == 'flags':
            families = {'--chmod': ['751', '640', '711'], '--chown': ['7:8', '5', 'bin']}
            if word == 'COPY':
                families.update({'--exclude': ['*.txt', 'a'], '--link': ['true']})
            family = rng.choice(list(families))
            kept = [flag for flag in flags.split() if not flag.startswith(family)]
            if len(kept) == len(flags.split()) or rng.random() < .5:
                kept.append(f'{family}={rng.choice(families[family])}')
            flags = ''.join(flag + ' ' for flag in kept)
        elif what == 'dest':
            dest = rng.choice(DESTS)
        elif '--from' not in flags:
            sources = self.source()
        steps[i] = f'{word} {flags}{sources} {dest}'

    def edit(self):
        rng = self.rng
        kind = rng.choice(['file', 'file', 'touch', 'touch', 'touch', 'steps', 'steps', 'tweak', 'tweak', 'tweak', 'arg', 'ignore', 'nothing'])
        if kind == 'file':
            self.edit_file()
        elif kind == 'steps':
            self.edit_steps()
        elif kind == 'touch':
            self.touch()
        elif kind == 'tweak':
            self.tweak()
        elif kind == 'arg':
            self.args['V'] = str(rng.randint(1, 3))
        elif kind == 'ignore':
            self.ignore = rng.choice([[], ['*.txt'], ['d1', '!d1/a'], ['*', '!a', '!d2'], ['**/b']])

    def dockerfile(self):
        lines = []
        for i, stage in enumerate(self.stages):
            base = self.base if stage['base'] is None else f's{stage["base"]}'
            lines += [f'FROM {base} AS s{i}', 'ARG V', *stage['steps']]
        return '\n'.join(lines) + '\n'


def summary(archive, with_digests):
    """What must be the same."""
    image = oci.open_image(archive)
    tree = oci.flatten(image)
    links = oci.link_groups(tree)
    lines = [oci.describe(path, inode, links.get(path, ())) for path, inode in sorted(tree.items())]
    config = image.config
    if with_digests:
        return lines + [json.dumps(config, sort_keys=True), image.descriptor['digest']]
    config.pop('created', None)
    config.pop('rootfs')
    for entry in config.get('history', []):
        entry.pop('created', None)
    return lines + [json.dumps(config, sort_keys=True)]


def build(options, world, context, store, out, *more, epoch=None):
    env = dict(os.environ, KILN_ROOT=store)
    env.pop('SOURCE_DATE_EPOCH', None)
    if epoch is not None:
        env['SOURCE_DATE_EPOCH'] = str(epoch)
    command = [options.kiln, 'build', '--progress', 'plain', '-f', context + '.dockerfile',
               '-o', f'type=oci,dest={out}']
    for name, value in world.args.items():
        command += ['--build-arg', f'{name}={value}']
    done = subprocess.run([*command, *more, context], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=240)
    if done.returncode not in (0, 1):
        sys.exit(f'the build exits with {done.returncode}:\n{done.stdout[-3000:]}')
    return done.returncode == 0, done.stdout


def differ(ours, theirs):
    a, b = set(ours), set(theirs)
    return '\n'.join([f'cached only: {line}' for line in ours if line not in b] +
                     [f'fresh only:  {line}' for line in theirs if line not in a])


def turn(options, world, work):
    """One edit, two builds. -> None, or what is wrong."""
    rng = world.rng
    context, cached, fresh = work + '/context', work + '/cached.tar', work + '/fresh.tar'
    world.edit()
    world.write(context)
    with open(context + '.dockerfile', 'w', encoding='utf-8') as file:
        file.write(world.dockerfile())
    # It is part of keys: another one each time would hide what is missing in them.
    epoch = world.epoch if rng.random() < .8 else rng.choice(EPOCHS)
    more = rng.choice([[], [], [], ['--compression', 'zstd'], ['--squash'], ['--target', 's0']])
    if rng.random() < .04:
        subprocess.run([options.kiln, 'prune', '--force', *rng.choice([[], ['--all']])], check=False,
                       env=dict(os.environ, KILN_ROOT=work + '/store'), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    good, said = build(options, world, context, work + '/store', cached, *more, epoch=epoch)
    wanted, why = build(options, world, context, work + '/other', fresh, '--no-cache', *more,
                        epoch=epoch)
    if good != wanted:
        return f'with cache: {good}, without: {wanted}\n{said[-2000:]}\n{why[-2000:]}'
    if not good:
        return None
    with_digests = epoch is not None
    ours, theirs = summary(cached, with_digests), summary(fresh, with_digests)
    turn.built += 1
    turn.hits += said.count(' CACHED')
    if ours != theirs:
        return f'epoch {epoch}, {more}\n{differ(ours, theirs)}\n{said[-3000:]}'
    return far_turn(options, world, work, theirs, more, epoch) if rng.random() < .5 else None


def far_turn(options, world, work, theirs, more, epoch):
    """The same on an empty disk, from what a cache home has."""
    home, store = work + '/home', work + '/far'
    remove_store(store)
    good, said = build(options, world, work + '/context', store, work + '/far.tar',
                       '--cache-from', f'type=local,src={home}',
                       '--cache-to', f'type=local,dest={home},ignore-error=false,mode='
                       + world.rng.choice(['max', 'max', 'min']), *more, epoch=epoch)
    turn.far += said.count(' CACHED')
    wrong = ('; not used', 'goes on without it', 'the step runs again', 'was not exported')
    if not good or any(text in said for text in wrong):
        return f'from a home, epoch {epoch}, {more}: {said[-3000:]}'
    ours = summary(work + '/far.tar', epoch is not None)
    if ours != theirs:
        return f'from a home, epoch {epoch}, {more}\n{differ(ours, theirs)}\n{said[-3000:]}'
    return None


def remove_store(store):
    """Trees may deny their owner, and belong to other ids."""
    subprocess.run(['rm', '-rf', store], check=False, stderr=subprocess.DEVNULL)


turn.built = turn.hits = turn.far = 0


def main():
    parser = argparse.ArgumentParser()
    for name in ('kiln', 'base', 'work'):
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--seconds', type=float, default=50)
    parser.add_argument('--turns', type=int, default=10**9)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f'seed {options.seed}', flush=True)
    rng = random.Random(options.seed)
    end, turns = time.monotonic() + options.seconds, 0
    world = World(rng, options.base)
    while turns < options.turns and time.monotonic() < end:
        if turns % 25 == 24:
            world = World(rng, options.base)
        wrong = turn(options, world, options.work)
        turns += 1
        if wrong:
            sys.exit(f'seed {options.seed}, turn {turns}: {wrong}\n{world.dockerfile()}')
    # Worlds whose builds all fail would prove nothing.
    if turn.built < turns / 10 or not turn.hits:
        sys.exit(f'{turns} turns, and only {turn.built} built, {turn.hits} steps from the cache')
    print(f'{turns} turns, {turn.built} images the same, {turn.hits} steps from the cache, '
          f'{turn.far} from a home')


if __name__ == '__main__':
    main()
