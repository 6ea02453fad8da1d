#!/usr/bin/python3
"""Reads and makes container images on disk, for tests: no code shared with kiln.

As a program:
  oci.py pack LAYOUT [--ref REF] [--config JSON] LAYER.tar...   an OCI layout from layer tars
  oci.py split BASE.tar FULL.tar OUT.tar                        what FULL adds to BASE, as a layer
  oci.py list IMAGE                                             the flattened tree, a line a path
  oci.py config IMAGE                                           the image config as JSON
  oci.py layers IMAGE                                           size, digest and type of each layer
  oci.py validate IMAGE                                         digests, sizes, JSON schemas, tars

An IMAGE is an OCI layout directory (DIR or DIR:REF), a skopeo `dir:` directory, or a tar of an
OCI layout or of `docker save`.
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zlib

SCHEMAS = '/usr/share/gocode/src/github.com/opencontainers/image-spec/schema'
INDEXES = ('application/vnd.oci.image.index.v1+json',
           'application/vnd.docker.distribution.manifest.list.v2+json')


class BadImage(Exception):
    pass


# ---------------------------------------------------------------------------------- blobs

class Image:
    """One manifest with its config and layers. Open with open_image()."""

    def __init__(self, read, manifest_descriptor, index=None):
        self.read = read  # digest -> bytes
        self.descriptor = manifest_descriptor
        self.index = index
        self.manifest = json.loads(read(manifest_descriptor['digest']))
        self.config = json.loads(read(self.manifest['config']['digest']))

    def layer_tar(self, i):
        return decompress(self.read(self.manifest['layers'][i]['digest']))


def decompress(data):
    if data[:2] == b'\x1f\x8b':
        return gzip.decompress(data)
    if data[:4] == b'\x28\xb5\x2f\xfd':
        import subprocess
        return subprocess.run(['zstd', '-dcq'], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    return data


def sha256(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def pick_manifest(read, descriptor, arch='amd64'):
    """Follows indexes down to one manifest."""
    for _ in range(4):
        document = json.loads(read(descriptor['digest']))
        if descriptor.get('mediaType') not in INDEXES and 'manifests' not in document:
            return descriptor
        fits = [d for d in document['manifests']
                if d.get('platform', {}).get('architecture', arch) == arch]
        if not fits:
            raise BadImage(f'no manifest for {arch}')
        descriptor = fits[0]
    raise BadImage('indexes are nested too deep')


def open_image(where):
    path, _, ref = where.partition(':') if not os.path.exists(where) else (where, '', '')
    if os.path.isfile(path):
        return open_archive(path, ref)
    if os.path.exists(os.path.join(path, 'oci-layout')):
        return open_layout(path, ref)
    if os.path.exists(os.path.join(path, 'manifest.json')):
        return open_dir(path)
    raise BadImage(f"'{where}' is no image that I know")


def layout_reader(path):
    def read(digest):
        algorithm, _, hexadecimal = digest.partition(':')
        with open(os.path.join(path, 'blobs', algorithm, hexadecimal), 'rb') as blob:
            return blob.read()

    return read


def open_layout(path, ref=''):
    read = layout_reader(path)
    with open(os.path.join(path, 'index.json'), 'rb') as file:
        index = json.load(file)
    found = [d for d in index['manifests'] if not ref or
             ref in (d.get('annotations', {}).get('org.opencontainers.image.ref.name', ''),
                     d.get('annotations', {}).get('io.containerd.image.name', ''))]
    if not found:
        raise BadImage(f"'{path}' has no image '{ref}'")
    return Image(read, pick_manifest(read, found[-1]), index)


def open_dir(path):
    """What `skopeo copy ... dir:PATH` writes: manifest.json and blobs named by their hex."""
    with open(os.path.join(path, 'manifest.json'), 'rb') as file:
        manifest = file.read()
    own = sha256(manifest)

    def read(digest):
        if digest == own:
            return manifest
        with open(os.path.join(path, digest.split(':')[1]), 'rb') as blob:
            return blob.read()

    return Image(read, {'digest': own, 'size': len(manifest)})


def open_archive(path, ref=''):
    """A tar of an OCI layout, or of `docker save`."""
    unpacked = tempfile.mkdtemp(prefix='oci-archive-')
    try:
        with tarfile.open(path) as tar:
            tar.extractall(unpacked)
        if os.path.exists(os.path.join(unpacked, 'oci-layout')):
            image = open_layout(unpacked, ref)
            blobs = {}
            for d in [image.descriptor, image.manifest['config'], *image.manifest['layers']]:
                blobs[d['digest']] = image.read(d['digest'])
            return Image(blobs.__getitem__, image.descriptor, image.index)
        with open(os.path.join(unpacked, 'manifest.json'), 'rb') as file:
            saved = json.load(file)[0]
        blobs, layers = {}, []
        for name in [saved['Config'], *saved['Layers']]:
            with open(os.path.join(unpacked, name), 'rb') as file:
                data = file.read()
            blobs[sha256(data)] = data
            layers.append({'digest': sha256(data), 'size': len(data)})
        manifest = json.dumps({'config': layers[0], 'layers': layers[1:]}).encode()
        blobs[sha256(manifest)] = manifest
        return Image(blobs.__getitem__, {'digest': sha256(manifest), 'size': len(manifest)})
    finally:
        shutil.rmtree(unpacked)


# ---------------------------------------------------------------------------------- trees

class Inode:
    """What a path is. Paths that share an Inode are hard links of one another."""
    __slots__ = ('type', 'mode', 'uid', 'gid', 'size', 'sha256', 'target', 'device', 'xattrs',
                 'mtime')

    def same(self, other):
        return all(getattr(self, name) == getattr(other, name)
                   for name in self.__slots__ if name != 'mtime')


TYPES = {tarfile.REGTYPE: 'file', tarfile.AREGTYPE: 'file', tarfile.CONTTYPE: 'file',
         tarfile.GNUTYPE_SPARSE: 'file', tarfile.DIRTYPE: 'dir', tarfile.SYMTYPE: 'symlink',
         tarfile.CHRTYPE: 'chardev', tarfile.BLKTYPE: 'blockdev', tarfile.FIFOTYPE: 'fifo'}


def clean(name):
    """'./a//b/' -> 'a/b'; the root is ''."""
    parts = [part for part in name.split('/') if part not in ('', '.')]
    if '..' in parts:
        raise BadImage(f"layer path '{name}' climbs")
    return '/'.join(parts)


def inode_of(tar, member):
    inode = Inode()
    inode.type = TYPES[member.type]
    inode.mode = member.mode & 0o7777
    inode.uid, inode.gid = member.uid, member.gid
    inode.mtime = member.mtime
    inode.size, inode.sha256, inode.target, inode.device = 0, None, None, None
    if inode.type == 'file':
        inode.size = member.size
        content = tar.extractfile(member)
        digest = hashlib.sha256()
        while chunk := content.read(1 << 20):
            digest.update(chunk)
        inode.sha256 = digest.hexdigest()
    elif inode.type == 'symlink':
        inode.target = member.linkname
    elif inode.type in ('chardev', 'blockdev'):
        inode.device = (member.devmajor, member.devminor)
    inode.xattrs = {key[len('SCHILY.xattr.'):]: value for key, value in member.pax_headers.items()
                    if key.startswith('SCHILY.xattr.')}
    return inode


def parse_layer(data):
    """-> [(path, Inode | ('link', path) | 'whiteout' | 'opaque')] in the order of the tar."""
    changes = []
    with tarfile.open(fileobj=io.BytesIO(data), mode='r:', encoding='utf-8',
                      errors='surrogateescape') as tar:
        for member in tar:
            path = clean(member.name)
            folder, _, name = path.rpartition('/')
            if name == '.wh..wh..opq':
                changes.append((folder, 'opaque'))
            elif name.startswith('.wh..wh.'):
                continue  # AUFS bookkeeping
            elif name.startswith('.wh.'):
                changes.append((clean(folder + '/' + name[4:]), 'whiteout'))
            elif member.type == tarfile.LNKTYPE:
                changes.append((path, ('link', clean(member.linkname))))
            else:
                changes.append((path, inode_of(tar, member)))
    return changes


parsed_layers = {}  # digest -> changes; most images of a test run share their base


def remove_below(tree, path):
    prefix = path + '/' if path else ''
    for name in [n for n in tree if n.startswith(prefix) and n != path and n != '']:
        del tree[name]


def implied_parents(tree, path):
    """A layer may leave parent directories out; tools make them 0755 root."""
    while path:
        path = path.rpartition('/')[0]
        if path in tree:
            return
        inode = Inode()
        inode.type, inode.mode, inode.uid, inode.gid = 'dir', 0o755, 0, 0
        inode.size, inode.sha256, inode.target, inode.device = 0, None, None, None
        inode.xattrs, inode.mtime = {}, 0
        tree[path] = inode


def apply_layer(tree, changes):
    """The rules of the image spec's layer.md, as plainly as they can be written."""
    added = set()
    for path, what in changes:
        if what == 'opaque':
            prefix = path + '/' if path else ''
            for name in [n for n in tree if n.startswith(prefix) and n not in added and n != path]:
                if name:
                    del tree[name]
        elif what == 'whiteout':
            if path not in added:
                tree.pop(path, None)
                remove_below(tree, path)
        else:
            inode = tree.get(what[1]) if isinstance(what, tuple) else what
            if inode is None:
                raise BadImage(f"hard link '{path}' to '{what[1]}', which is not there")
            implied_parents(tree, path)
            old = tree.get(path)
            if old is not None and old.type == 'dir' and inode.type != 'dir':
                remove_below(tree, path)
            tree[path] = inode
            added.add(path)


def flatten(image):
    """-> {path: Inode}: the tree that a container of this image would see."""
    tree = {}
    for i, layer in enumerate(image.manifest['layers']):
        digest = layer['digest']
        if digest not in parsed_layers:
            parsed_layers[digest] = parse_layer(image.layer_tar(i))
        apply_layer(tree, parsed_layers[digest])
    return tree


def link_groups(tree):
    """-> {path: sorted paths of the same file}, only for files with more than one name."""
    names = {}
    for path, inode in tree.items():
        if inode.type != 'dir':
            names.setdefault(id(inode), []).append(path)
    return {path: sorted(group) for group in names.values() if len(group) > 1 for path in group}


def describe(path, inode, links=()):
    text = f'{inode.type} {inode.mode:04o} {inode.uid}:{inode.gid} /{path}'
    if inode.type == 'file':
        text += f' size={inode.size} sha256={inode.sha256[:12]}'
    if inode.target is not None:
        text += f' -> {inode.target}'
    if inode.device:
        text += ' device={}:{}'.format(*inode.device)
    for key in sorted(inode.xattrs):
        text += f' {key}={inode.xattrs[key].encode("utf-8", "surrogateescape").hex()}'
    if links:
        text += ' links=' + ','.join(links)
    return text


# ---------------------------------------------------------------------------------- making

def pack(layout, layers, config, ref='latest', level=6):
    """Writes an OCI layout of the layer tars. The same input gives the same bytes."""
    blobs = os.path.join(layout, 'blobs', 'sha256')
    os.makedirs(blobs, exist_ok=True)

    def put(data, media_type):
        digest = sha256(data)
        with open(os.path.join(blobs, digest[7:]), 'wb') as blob:
            blob.write(data)
        return {'mediaType': media_type, 'digest': digest, 'size': len(data)}

    descriptors, diff_ids = [], []
    for layer in layers:
        with open(layer, 'rb') as file:
            data = file.read()
        diff_ids.append(sha256(data))
        deflate = zlib.compressobj(level, zlib.DEFLATED, 31)
        descriptors.append(put(deflate.compress(data) + deflate.flush(),
                               'application/vnd.oci.image.layer.v1.tar+gzip'))
    document = {'created': '2023-11-14T22:13:20Z', 'architecture': 'amd64', 'os': 'linux',
                'config': config, 'rootfs': {'type': 'layers', 'diff_ids': diff_ids},
                'history': [{'created': '2023-11-14T22:13:20Z', 'created_by': 'test base'}
                            for _ in layers]}
    config_blob = put(json.dumps(document).encode(), 'application/vnd.oci.image.config.v1+json')
    manifest = put(json.dumps({
        'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
        'config': config_blob, 'layers': descriptors}).encode(),
        'application/vnd.oci.image.manifest.v1+json')
    manifest['annotations'] = {'org.opencontainers.image.ref.name': ref}
    with open(os.path.join(layout, 'oci-layout'), 'w', encoding='utf-8') as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    with open(os.path.join(layout, 'index.json'), 'w', encoding='utf-8') as file:
        json.dump({'schemaVersion': 2, 'manifests': [manifest]}, file)


def split(base, full, out):
    """Writes the entries of FULL that BASE has not, or has otherwise, and whiteouts for the rest."""
    with open(base, 'rb') as file:
        below = {}
        apply_layer(below, parse_layer(file.read()))
    with tarfile.open(full, 'r:') as tar, tarfile.open(out, 'w', format=tarfile.PAX_FORMAT) as layer:
        seen = set()
        for member in tar:
            path = clean(member.name)
            seen.add(path)
            member.name = path or '.'
            if member.type == tarfile.LNKTYPE:
                member.linkname = clean(member.linkname)
                if path not in below:
                    if clean(member.linkname) in below:
                        raise BadImage(f"'{path}' links into the base; split cannot say that")
                    layer.addfile(member)
                continue
            if path in below and below[path].same(inode_of(tar, member)):
                continue
            layer.addfile(member, tar.extractfile(member) if member.isreg() else None)
        for path in sorted(set(below) - seen):
            if path and path.rpartition('/')[0] in seen:
                folder, _, name = path.rpartition('/')
                layer.addfile(tarfile.TarInfo((folder + '/' if folder else '') + '.wh.' + name))


# ---------------------------------------------------------------------------------- checking

def schema_errors(document, schema):
    import warnings
    warnings.simplefilter('ignore')
    import jsonschema

    def load(name):
        with open(os.path.join(SCHEMAS, os.path.basename(name)), encoding='utf-8') as file:
            return json.load(file)

    class Local(jsonschema.RefResolver):
        """Every reference is a file of the package, whatever address it is written with."""

        def resolve_from_url(self, url):
            url, _, fragment = url.partition('#')
            return self.resolve_fragment(load(url), fragment)

    rules = load(schema)
    checker = jsonschema.Draft4Validator(rules, resolver=Local(rules.get('id', ''), rules))
    return [f'{schema}: {"/".join(map(str, e.absolute_path))}: {e.message}'
            for e in checker.iter_errors(document)]


def validate(where):
    """-> a list of what is wrong by the image spec; empty if nothing is.

    Of a layout directory without a reference, every blob and every image is looked at.
    """
    if not os.path.exists(os.path.join(where, 'oci-layout')):
        return validate_image(open_image(where))
    with open(os.path.join(where, 'oci-layout'), encoding='utf-8') as file:
        wrong = schema_errors(json.load(file), 'image-layout-schema.json')
    with open(os.path.join(where, 'index.json'), encoding='utf-8') as file:
        index = json.load(file)
    wrong += schema_errors(index, 'image-index-schema.json')
    blobs = os.path.join(where, 'blobs', 'sha256')
    for name in os.listdir(blobs):
        with open(os.path.join(blobs, name), 'rb') as file:
            if hashlib.file_digest(file, 'sha256').hexdigest() != name:
                wrong.append(f'blob {name} has other bytes than its name says')
    read = layout_reader(where)
    checked = set()
    for descriptor in index['manifests']:
        try:
            picked = pick_manifest(read, descriptor)
            if picked['digest'] not in checked:
                checked.add(picked['digest'])
                wrong += validate_image(Image(read, picked, index))
        except OSError as error:
            wrong.append(f"image {descriptor['digest']}: {error}")
    return wrong


def validate_image(image):
    wrong = []
    if image.manifest.get('mediaType', '').startswith('application/vnd.oci'):
        wrong += schema_errors(image.manifest, 'image-manifest-schema.json')
        wrong += schema_errors(image.config, 'config-schema.json')
    for descriptor in [image.descriptor, image.manifest['config'], *image.manifest['layers']]:
        data = image.read(descriptor['digest'])
        if sha256(data) != descriptor['digest'] or len(data) != descriptor['size']:
            wrong.append(f"blob {descriptor['digest']} is not what its descriptor says")
    diff_ids = image.config['rootfs']['diff_ids']
    if len(diff_ids) != len(image.manifest['layers']):
        wrong.append(f"{len(image.manifest['layers'])} layers but {len(diff_ids)} diff_ids")
    history = [h for h in image.config.get('history', []) if not h.get('empty_layer')]
    if image.config.get('history') and len(history) != len(diff_ids):
        wrong.append(f'{len(diff_ids)} layers but {len(history)} history entries with a layer')
    for i, diff_id in enumerate(diff_ids):
        data = image.layer_tar(i)
        if sha256(data) != diff_id:
            wrong.append(f'layer {i} unpacks to another diff_id')
        names = [path for path, what in parse_layer(data) if what not in ('opaque', 'whiteout')]
        if len(names) != len(set(names)):
            wrong.append(f'layer {i} names a path twice')
    flatten(image)
    return wrong


def main(argv):
    verb, rest = argv[1], argv[2:]
    if verb == 'pack':
        ref, config = 'latest', {'Env': ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:'
                                         '/sbin:/bin'], 'Cmd': ['sh']}
        while rest[0].startswith('--') or rest[1].startswith('--'):
            at = 0 if rest[0].startswith('--') else 1
            option, value = rest.pop(at), rest.pop(at)
            if option == '--ref':
                ref = value
            else:
                config = json.loads(value)
        pack(rest[0], rest[1:], config, ref)
    elif verb == 'split':
        split(*rest)
    elif verb == 'list':
        tree = flatten(open_image(rest[0]))
        links = link_groups(tree)
        for path in sorted(tree):
            print(describe(path, tree[path], links.get(path, ())))
    elif verb == 'config':
        json.dump(open_image(rest[0]).config, sys.stdout, indent=1)
        print()
    elif verb == 'layers':
        for layer in open_image(rest[0]).manifest['layers']:
            print(layer['size'], layer['digest'], layer.get('mediaType', '-'))
    elif verb == 'validate':
        wrong = validate(rest[0])
        print('\n'.join(wrong) or 'valid')
        return 1 if wrong else 0
    else:
        raise SystemExit(__doc__)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv))
    except BadImage as error:
        sys.exit(f'oci.py: {error}')
