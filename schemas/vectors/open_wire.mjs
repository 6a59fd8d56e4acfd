// Opens every vector of wire.json from what ../wire.md says, without Sealpost: npm install @hpke/core@1.9.0 canonicalize@5.1.0

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import canonicalize from "canonicalize";

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const grant = ["code", "code_verifier", "nonce", "assertion", "refresh_token"].map((name) => `/grant/${name}`);
const tokens = ["access_token", "refresh_token"].map((name) => `/device_tokens/${name}`);
const SECRETS = { "exchange-requests": grant, "publish-jobs": tokens };

class Refused extends Error {}

// The object that has what the pointer leads to, and its name there; no name here has an escape in it.
function at(tree, pointer) {
  const path = pointer.split("/").slice(1);
  const last = path.pop();
  return [path.reduce((tree, name) => tree?.[name], tree), last];
}

function joined(parts) {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(8);
      length.writeBigUInt64BE(BigInt(part.length));
      return [length, part];
    }),
  );
}

function check(value) {
  if (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new Refused("number");
  if (value && typeof value === "object") Object.values(value).forEach(check);
}

function digestOfTheRest(text, queue) {
  const body = JSON.parse(text);
  for (const pointer of SECRETS[queue]) {
    const [holder, name] = at(body, pointer);
    if (holder?.[name] && typeof holder[name] === "object") holder[name] = true;
  }
  check(body);
  return createHash("sha256").update(canonicalize(body)).digest();
}

// In lower case and with hyphens, whatever it is written like.
function plainId(id) {
  const digits = id.toLowerCase().replace(/^urn:uuid:/, "").replace(/[{}-]/g, "");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function place(vector) {
  let tree, parts, info;
  if (vector.queue) {
    tree = JSON.parse(vector.body);
    parts = [vector.queue, plainId(tree.id), vector.field].map((text) => Buffer.from(text));
    parts.push(digestOfTheRest(vector.body, vector.queue));
    info = "sealpost request secret 1";
  } else {
    tree = vector.reply;
    const { tenant, user, provider, label } = vector.connection;
    parts = [plainId(vector.request), tenant, user, provider, label, vector.field].map((text) => Buffer.from(text));
    info = "sealpost reply secret 1";
  }
  const [holder, name] = at(tree, vector.field);
  return [holder[name], Buffer.from(info), joined(parts)];
}

async function opened(vector) {
  const [sealed, info, aad] = place(vector);
  if (aad.toString("hex") !== vector.aad) throw new Refused(`aad ${aad.toString("hex")}`);
  if (sealed.key !== vector.kid) throw new Refused("unknown-key");
  const raw = Buffer.from(sealed.sealed, "base64url");
  if (raw.toString("base64url") !== sealed.sealed) throw new Refused("not-base64url");
  if (raw.length < 48) throw new Refused("truncated");
  const { privateKey } = await suite.kem.deriveKeyPair(Buffer.from(vector.ikm, "hex"));
  let plain;
  try {
    plain = await suite.open({ recipientKey: privateKey, enc: raw.subarray(0, 32), info }, raw.subarray(32), aad);
  } catch {
    throw new Refused("mismatch");
  }
  try {
    if (!new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain)) throw new Refused("not-text");
  } catch {
    throw new Refused("not-text");
  }
  return Buffer.from(plain).toString("hex");
}

const { vectors } = JSON.parse(readFileSync(process.argv[2] ?? new URL("wire.json", import.meta.url), "utf8"));
let wrong = 0;
for (const vector of vectors) {
  let result = "opens";
  let plain;
  try {
    plain = await opened(vector);
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    result = refused.message;
  }
  if (result !== vector.result || plain !== vector.plain) {
    wrong += 1;
    console.error(`${vector.name}: ${result}, and should be ${vector.result}`);
  }
}
console.log(`${vectors.length - wrong} of ${vectors.length} vectors give their result`);
process.exit(wrong ? 1 : 0);
