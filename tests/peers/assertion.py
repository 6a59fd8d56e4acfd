"""A client assertion (RFC 7523) signed by PyJWT: JSON on stdin with `certificate` and `key` (PEM), `claims` and, if wanted, `thumbprint`
(`x5t` or `x5t#S256`); the token on stdout."""
import base64
import json
import sys

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes

asked = json.load(sys.stdin)
certificate = x509.load_pem_x509_certificate(asked["certificate"].encode())
name = asked.get("thumbprint", "x5t#S256")
print_of = certificate.fingerprint(hashes.SHA1() if name == "x5t" else hashes.SHA256())
header = {name: base64.urlsafe_b64encode(print_of).rstrip(b"=").decode()}
print(jwt.encode(asked["claims"], asked["key"], algorithm=asked.get("alg", "RS256"), headers=header))
