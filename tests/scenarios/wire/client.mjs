// A client on @hpke/core: a line of JSON in, one out. Seals the fields of a message, or makes a key and opens what is sealed to it.

import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import canonicalize from "canonicalize";

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

function joined(parts) {
  const withLength = (part) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(part.length));
    return Buffer.concat([length, part]);
  };
  return Buffer.concat(parts.map((part) => withLength(Buffer.from(part))));
}

async function seal({ jwks, queue, body, fields }) {
  const jwk = jwks.keys[0];
  const recipientPublicKey = await suite.kem.importKey("raw", Buffer.from(jwk.x, "base64url"), true);
  const places = fields.map((pointer) => {
    const [, holder, name] = pointer.split("/");
    const secret = body[holder][name];
    body[holder][name] = true;
    return { pointer, holder: body[holder], name, secret };
  });
  const rest = sha256(canonicalize(body));
  for (const { pointer, holder, name, secret } of places) {
    const aad = joined([queue, body.id.toLowerCase(), pointer, rest]);
    const info = Buffer.from("sealpost request secret 1");
    const { ct, enc } = await suite.seal({ recipientPublicKey, info }, Buffer.from(secret), aad);
    const sealed = Buffer.concat([Buffer.from(enc), Buffer.from(ct)]).toString("base64url");
    holder[name] = { sealed, key: jwk.kid };
  }
  return body;
}

async function openReply({ request, connection, field, sealed }, pair, jwk) {
  const { tenant, user, provider, label } = connection;
  const raw = Buffer.from(sealed.sealed, "base64url");
  const recipient = { recipientKey: pair.privateKey, enc: raw.subarray(0, 32), info: Buffer.from("sealpost reply secret 1") };
  const plain = await suite.open(recipient, raw.subarray(32), joined([request, tenant, user, provider, label, field]));
  const thumbprint = sha256(canonicalize(jwk)).toString("base64url");
  return { text: Buffer.from(plain).toString(), is_mine: sealed.key === thumbprint };
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const asked = await next();
if (asked.make) {
  const pair = await suite.kem.generateKeyPair();
  const raw = Buffer.from(await suite.kem.serializePublicKey(pair.publicKey));
  const jwk = { kty: "OKP", crv: "X25519", x: raw.toString("base64url") };
  say(jwk);
  say(await openReply(await next(), pair, jwk));
} else {
  say(await seal(asked));
}
process.exit(0);
