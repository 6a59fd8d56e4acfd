"""Opens sealed values as ../sealed.md says, and checks every vector of a file against it.

Written from that page alone. Usage: python open_vector.py [sealed.json]; needs the package `cryptography`.
"""

import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class NotOpened(Exception):
    """The message is the name of the failure."""


def aes256(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b))


def derived_key(key: bytes, nonce: bytes) -> bytes:
    l = int.from_bytes(aes256(key, bytes(16)), "big")
    k1 = (l << 1) % (1 << 128)
    if l >> 127:
        k1 ^= 0x87
    k1 = k1.to_bytes(16, "big")
    m1 = bytes.fromhex("00015800") + nonce[:12]
    m2 = bytes.fromhex("00025800") + nonce[:12]
    return aes256(key, xor(m1, k1)) + aes256(key, xor(m2, k1))


def associated_data(purpose: str, record: bytes, key_id: str, key_version: str) -> bytes:
    fields = [b"sealpost sealed value", b"\x01", purpose.encode(), record, key_id.encode(), key_version.encode()]
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def opened(key: bytes, bound: bytes, sealed: bytes) -> bytes:
    if not sealed:
        raise NotOpened("truncated")
    if sealed[0] != 1:
        raise NotOpened("unknown-format")
    if len(sealed) < 41:
        raise NotOpened("truncated")
    nonce, rest = sealed[1:25], sealed[25:]
    try:
        return AESGCM(derived_key(key, nonce)).decrypt(nonce[12:], rest, bound)
    except InvalidTag:
        raise NotOpened("tag-mismatch") from None


def outcome(vector: dict) -> dict:
    bound = associated_data(
        vector["purpose"], bytes.fromhex(vector["record"]), vector["key_id"], vector["key_version"]
    )
    outcome = {"associated_data": bound.hex()}
    try:
        plain = opened(bytes.fromhex(vector["key"]), bound, bytes.fromhex(vector["sealed"]))
        return outcome | {"result": "opens", "plain": plain.hex()}
    except NotOpened as failure:
        return outcome | {"result": str(failure)}


def main() -> int:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("sealed.json")
    vectors = json.loads(file.read_text(encoding="utf-8"))["vectors"]
    wrong = 0
    for vector in vectors:
        expected = {name: vector[name] for name in ("associated_data", "result", "plain") if name in vector}
        found = outcome(vector)
        if found != expected:
            wrong += 1
            print(f"{vector['name']}: expected {expected}, found {found}", file=sys.stderr)
    print(f"{len(vectors) - wrong} of {len(vectors)} vectors give their result")
    return 1 if wrong or not vectors else 0


if __name__ == "__main__":
    sys.exit(main())
