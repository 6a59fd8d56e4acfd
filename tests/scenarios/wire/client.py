"""A client on pyhpke: a line of JSON in, one out. Seals the fields of a message, or makes a key and opens what is sealed to it."""

import base64
import hashlib
import json
import os
import sys
import uuid

import rfc8785
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def joined(parts):
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def seal(asked):
    body, jwk, places = asked["body"], asked["jwks"]["keys"][0], []
    for pointer in asked["fields"]:
        _, holder, name = pointer.split("/")
        places.append((pointer, body[holder], name, body[holder][name]))
        body[holder][name] = True
    rest = hashlib.sha256(rfc8785.dumps(body)).digest()
    for pointer, holder, name, secret in places:
        aad = joined([asked["queue"].encode(), str(uuid.UUID(body["id"])).encode(), pointer.encode(), rest])
        enc, context = SUITE.create_sender_context(KEMKey.from_jwk(jwk), info=b"sealpost request secret 1")
        holder[name] = {"sealed": b64(enc + context.seal(secret.encode(), aad=aad)), "key": jwk["kid"]}
    return body


def open_reply(asked, pair, jwk):
    whose = asked["connection"]
    texts = [asked["request"], *(whose[name] for name in ("tenant", "user", "provider", "label")), asked["field"]]
    text = asked["sealed"]["sealed"]
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    context = SUITE.create_recipient_context(raw[:32], pair.private_key, b"sealpost reply secret 1")
    plain = context.open(raw[32:], joined([text.encode() for text in texts])).decode()
    thumbprint = b64(hashlib.sha256(rfc8785.dumps(jwk)).digest())
    return {"text": plain, "is_mine": asked["sealed"]["key"] == thumbprint}


asked = json.loads(sys.stdin.readline())
if "make" in asked:
    pair = SUITE.kem.derive_key_pair(os.urandom(32))
    jwk = {"kty": "OKP", "crv": "X25519", "x": b64(pair.public_key.to_public_bytes())}
    print(json.dumps(jwk), flush=True)
    print(json.dumps(open_reply(json.loads(sys.stdin.readline()), pair, jwk)), flush=True)
else:
    print(json.dumps(seal(asked)))
