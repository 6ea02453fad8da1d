#!/usr/bin/python3
"""Signatures made and read without kiln: what cosign puts beside an image in a registry.

  sign.py attach REGISTRY/REPO DIGEST KEY NAME [FLAG]   sign with openssl, push the manifest
  sign.py check REGISTRY/REPO DIGEST PUBKEY                   verify all with openssl, print their names
  sign.py digest REGISTRY/REPO TAG                            the digest that a tag stands for
  sign.py manifest REGISTRY/REPO REF                          the document itself
  sign.py flood REGISTRY/REPO DIGEST                          the manifest of signatures with 9,000 that are not there
  sign.py cosign-key KEY PASSPHRASE OUT                       the key as cosign keeps it: scrypt and a secret box

--no-tag attaches as a referrer alone: the manifest by its digest, and the index sha256-HEX. --payload FILE signs that
instead. --bad changes a byte of the signature.
"""

import base64
import ctypes
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
NOTE = "dev.cosignproject.cosign/signature"
ACCEPT = ", ".join([MANIFEST, INDEX, "application/vnd.docker.distribution.manifest.v2+json",
                    "application/vnd.docker.distribution.manifest.list.v2+json"])


def ask(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers


def base_of(name):
    host, repository = name.split("/", 1)
    return f"http://{host}/v2/{repository}"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put_blob(base, data):
    _, headers = ask("POST", f"{base}/blobs/uploads/", b"")
    where = headers["Location"]
    where += ("&" if "?" in where else "?") + "digest=" + digest_of(data)
    ask("PUT", where, data, {"Content-Type": "application/octet-stream"})
    return {"digest": digest_of(data), "size": len(data)}


def put_manifest(base, ref, document, media_type):
    ask("PUT", f"{base}/manifests/{ref}", document, {"Content-Type": media_type})


def openssl_sign(key, data):
    with tempfile.NamedTemporaryFile() as message, tempfile.NamedTemporaryFile() as out:
        message.write(data)
        message.flush()
        kind = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], capture_output=True, text=True,
                              check=True).stdout
        if "ED25519" in kind:
            subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message.name, "-out",
                            out.name], check=True)
        else:
            subprocess.run(["openssl", "dgst", "-sha256", "-sign", key, "-out", out.name, message.name], check=True)
        return out.read()


def attach(name, digest, key, signed_name, flags):
    base = base_of(name)
    payload = json.dumps({"critical": {"identity": {"docker-reference": signed_name},
                                       "image": {"docker-manifest-digest": digest},
                                       "type": "cosign container image signature"}, "optional": None}).encode()
    if "--payload" in flags:
        with open(flags[flags.index("--payload") + 1], "rb") as file:
            payload = file.read()
    signature = bytearray(openssl_sign(key, payload))
    if "--bad" in flags:
        signature[len(signature) // 2] ^= 1
    layer = {"mediaType": PAYLOAD, **put_blob(base, payload),
             "annotations": {NOTE: base64.b64encode(signature).decode()}}
    config = json.dumps({"architecture": "", "os": "", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode()
    document = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **put_blob(base, config)},
                "layers": [layer]}
    if "--no-tag" not in flags:
        put_manifest(base, digest.replace(":", "-") + ".sig", json.dumps(document).encode(), MANIFEST)
        return
    _, headers = ask("HEAD", f"{base}/manifests/{digest}", headers={"Accept": ACCEPT})
    document["artifactType"] = ARTIFACT
    document["subject"] = {"mediaType": headers["Content-Type"], "digest": digest,
                           "size": int(headers["Content-Length"])}
    text = json.dumps(document).encode()
    put_manifest(base, digest_of(text), text, MANIFEST)
    index = {"schemaVersion": 2, "mediaType": INDEX,
             "manifests": [{"mediaType": MANIFEST, "digest": digest_of(text), "size": len(text),
                            "artifactType": ARTIFACT}]}
    put_manifest(base, digest.replace(":", "-"), json.dumps(index).encode(), INDEX)


def check(name, digest, pubkey):
    base = base_of(name)
    text, _ = ask("GET", f"{base}/manifests/{digest.replace(':', '-')}.sig", headers={"Accept": MANIFEST})
    for layer in json.loads(text)["layers"]:
        payload, _ = ask("GET", f"{base}/blobs/{layer['digest']}")
        assert digest_of(payload) == layer["digest"], "payload's digest"
        with tempfile.NamedTemporaryFile() as message, tempfile.NamedTemporaryFile() as signature:
            message.write(payload)
            message.flush()
            signature.write(base64.b64decode(layer["annotations"][NOTE]))
            signature.flush()
            good = subprocess.run(["openssl", "dgst", "-sha256", "-verify", pubkey, "-signature", signature.name,
                                   message.name], capture_output=True, check=False).returncode == 0
        critical = json.loads(payload)["critical"]
        assert critical["type"] == "cosign container image signature", critical
        print("good" if good else "bad", critical["identity"]["docker-reference"],
              "same" if critical["image"]["docker-manifest-digest"] == digest else "other")


def flood(name, digest):
    base, tag = base_of(name), digest.replace(":", "-") + ".sig"
    text, _ = ask("GET", f"{base}/manifests/{tag}", headers={"Accept": MANIFEST})
    document = json.loads(text)
    # The same blob, so that the registry takes the manifest; a size that is not its own.
    document["layers"] = [dict(document["layers"][0], size=document["layers"][0]["size"] + 1)] * 9000
    put_manifest(base, tag, json.dumps(document).encode(), MANIFEST)


def cosign_key(key, passphrase, out):
    der = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", key], capture_output=True,
                         check=True).stdout
    salt, nonce = os.urandom(32), os.urandom(24)
    secret = hashlib.scrypt(passphrase.encode(), salt=salt, n=32768, r=8, p=1, maxmem=1 << 26, dklen=32)
    box = ctypes.create_string_buffer(len(der) + 16)
    if ctypes.CDLL("libsodium.so.23").crypto_secretbox_easy(box, der, ctypes.c_ulonglong(len(der)), nonce, secret):
        sys.exit("no secret box")
    text = json.dumps({"kdf": {"name": "scrypt", "params": {"N": 32768, "r": 8, "p": 1},
                               "salt": base64.b64encode(salt).decode()},
                       "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
                       "ciphertext": base64.b64encode(box.raw).decode()})
    with open(out, "w") as file:
        label = "ENCRYPTED COSIGN PRIVATE KEY"
        body = base64.encodebytes(text.encode()).decode()
        file.write(f"-----BEGIN {label}-----\n{body}-----END {label}-----\n")


def main(args):
    if args[0] == "attach":
        attach(args[1], args[2], args[3], args[4], args[5:])
    elif args[0] == "check":
        check(*args[1:4])
    elif args[0] == "digest":
        text, _ = ask("GET", f"{base_of(args[1])}/manifests/{args[2]}", headers={"Accept": ACCEPT})
        print(digest_of(text))
    elif args[0] == "manifest":
        text, _ = ask("GET", f"{base_of(args[1])}/manifests/{args[2]}", headers={"Accept": ACCEPT})
        sys.stdout.write(text.decode())
    elif args[0] == "flood":
        flood(args[1], args[2])
    elif args[0] == "cosign-key":
        cosign_key(*args[1:4])
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
