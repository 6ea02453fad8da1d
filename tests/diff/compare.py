#!/usr/bin/python3
"""What is different between two images: compare.py IMAGE IMAGE

Compares the flattened trees (paths, types, modes, owners, sizes, contents, link targets, hard
link groups, device numbers, extended attributes) and what the configs tell a container to do.
Times, layer boundaries and histories are not compared. Prints a line for each difference.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib'))
import oci  # noqa: E402

CONFIG = ['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir', 'Labels',
          'StopSignal', 'OnBuild', 'Healthcheck', 'Shell']
FACTS = ['type', 'mode', 'uid', 'gid', 'size', 'sha256', 'target', 'device', 'xattrs']


def snapshot(image):
    """Everything that is compared, as plain data that can be kept as JSON."""
    tree = oci.flatten(image)
    links = oci.link_groups(tree)
    paths = {}
    for path, inode in tree.items():
        facts = {name: getattr(inode, name) for name in FACTS if getattr(inode, name) is not None}
        facts['mode'] = f'{inode.mode:04o}'
        if inode.type == 'symlink':
            del facts['mode']  # Linux has none
        if 'device' in facts:
            facts['device'] = list(facts['device'])
        facts['links'] = links.get(path, [])
        facts['xattrs'] = {key: value.encode('utf-8', 'surrogateescape').hex()
                           for key, value in inode.xattrs.items()}
        paths[path.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')] = facts
    config = image.config.get('config') or {}
    chosen = {name: config.get(name) or None for name in CONFIG}
    chosen['Author'] = image.config.get('author') or None
    chosen['Platform'] = f"{image.config.get('os')}/{image.config.get('architecture')}"
    return {'tree': paths, 'config': chosen}


def differences(a, b, names=('a', 'b')):
    """-> lines, sorted; empty if the snapshots agree."""
    lines = []
    for path in sorted(set(a['tree']) | set(b['tree'])):
        one, two = a['tree'].get(path), b['tree'].get(path)
        if one is None or two is None:
            only = names[0] if two is None else names[1]
            facts = one or two
            lines.append(f"/{path}: only in {only}: {facts['type']} {facts.get('mode', '')} "
                         f"{facts['uid']}:{facts['gid']} size={facts['size']}")
            continue
        for fact in FACTS + ['links']:
            if one.get(fact) != two.get(fact):
                lines.append(f'/{path}: {fact}: {names[0]}={one.get(fact)} '
                             f'{names[1]}={two.get(fact)}')
    for name in sorted(set(a['config']) | set(b['config'])):
        one, two = a['config'].get(name), b['config'].get(name)
        if one == two:
            continue
        if isinstance(one, dict) or isinstance(two, dict):
            one, two = one or {}, two or {}
            for key in sorted(set(one) | set(two)):
                if one.get(key) != two.get(key):
                    lines.append(f'config {name} {key}: {names[0]}={one.get(key)!r} '
                                 f'{names[1]}={two.get(key)!r}')
        else:
            lines.append(f'config {name}: {names[0]}={one!r} {names[1]}={two!r}')
    return lines


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = differences(*(snapshot(oci.open_image(name)) for name in sys.argv[1:]))
    print('\n'.join(found))
    sys.exit(1 if found else 0)
