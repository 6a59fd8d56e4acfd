#!/usr/bin/env python3
"""Opens every vector of wire.json from what ../wire.md says, without Sealpost: pip install pyhpke==0.6.5 rfc8785==0.1.4"""

import base64
import copy
import hashlib
import json
import sys
import uuid
from pathlib import Path

import rfc8785
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, PyHPKEError

SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)
SECRETS = {
    "exchange-requests": [f"/grant/{name}" for name in ("code", "code_verifier", "nonce", "assertion", "refresh_token")],
    "publish-jobs": [f"/device_tokens/{name}" for name in ("access_token", "refresh_token")],
}


class Refused(Exception):
    """The name of a failure."""


def at(tree, pointer):
    """What the pointer leads to: the object that has it, and its name there; no name here has an escape in it."""
    *path, last = pointer.split("/")[1:]
    for name in path:
        tree = tree.get(name, {})
    return tree, last


def is_sealed(tree, pointer):
    holder, name = at(tree, pointer)
    return isinstance(holder.get(name), dict)


def joined(parts):
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def check(value):
    """json reads what is too large for a double as infinite, and true as 1."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        raise Refused("number")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check(item)


def digest_of_the_rest(body, queue):
    body = copy.deepcopy(body)
    for pointer in SECRETS[queue]:
        if is_sealed(body, pointer):
            holder, name = at(body, pointer)
            holder[name] = True
    check(body)
    return hashlib.sha256(rfc8785.dumps(body)).digest()


def place(vector):
    """The sealed secret, its info and its aad."""
    if "queue" in vector:
        queue, tree = vector["queue"], json.loads(vector["body"])
        parts = [queue.encode(), str(uuid.UUID(tree["id"])).encode(), vector["field"].encode(), digest_of_the_rest(tree, queue)]
        info = b"sealpost request secret 1"
    else:
        tree, whose = vector["reply"], vector["connection"]
        texts = [str(uuid.UUID(vector["request"])), *(whose[name] for name in ("tenant", "user", "provider", "label")), vector["field"]]
        parts, info = [text.encode() for text in texts], b"sealpost reply secret 1"
    holder, name = at(tree, vector["field"])
    return holder[name], info, joined(parts)


def opened(vector):
    sealed, info, aad = place(vector)
    if aad.hex() != vector["aad"]:
        raise Refused(f"aad {aad.hex()}")
    if sealed["key"] != vector["kid"]:
        raise Refused("unknown-key")
    text = sealed["sealed"]
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Refused("not-base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise Refused("not-base64url")
    if len(raw) < 48:
        raise Refused("truncated")
    key = SUITE.kem.derive_key_pair(bytes.fromhex(vector["ikm"])).private_key
    try:
        plain = SUITE.create_recipient_context(raw[:32], key, info).open(raw[32:], aad)
    except (PyHPKEError, ValueError):
        raise Refused("mismatch") from None
    try:
        if not plain.decode():
            raise Refused("not-text")
    except UnicodeDecodeError:
        raise Refused("not-text") from None
    return plain


def main():
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("wire.json")
    vectors, wrong = json.loads(file.read_text())["vectors"], 0
    for vector in vectors:
        try:
            result = ("opens", opened(vector).hex())
        except Refused as refused:
            result = (str(refused), None)
        if result != (vector["result"], vector.get("plain")):
            wrong += 1
            print(f"{vector['name']}: {result[0]}, and should be {vector['result']}", file=sys.stderr)
    print(f"{len(vectors) - wrong} of {len(vectors)} vectors give their result")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
