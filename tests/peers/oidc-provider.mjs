// oidc-provider (npm) on loopback, everything in memory: refresh tokens rotate, and one that comes again ends its grant.
// One JSON line on stdout says where it is. It ends with its stdin.
// It signs ID tokens with RS256; for the clients `ps256`, `es256` and `eddsa` with that algorithm.
//   POST /admin/mint {"user"}           tokens of a new grant, as the token endpoint answers them, and the grant's id
//   POST /admin/mint-code {"user", "client_id", "redirect_uri", "code_challenge", "nonce"}   the code of a consent
//   POST /admin/settings {"access_ttl"} how many seconds access tokens live that are issued from now on
//   POST /admin/withdraw {"grant_id"}   the user withdraws consent
//   POST /admin/fault {"n"}             the next n token calls are carried out, and their connection closes unanswered
//   POST /admin/posts                   every post
//   GET  /admin/stats                   token calls by outcome, and how many grants ended because a token came again
import http from 'node:http';
import { once } from 'node:events';
import { generateKeyPairSync } from 'node:crypto';
import { Provider, errors } from 'oidc-provider';

const SIGNED = { sealpost: 'RS256', ps256: 'PS256', es256: 'ES256', eddsa: 'EdDSA' };
const key = (...kind) => generateKeyPairSync(...kind).privateKey.export({ format: 'jwk' });
const SCOPE = 'openid offline_access posts.write';
const records = new Map();
const stats = { refresh: {}, grants_ended: 0 };
const posts = [];
let drops = 0;
let accessTtl = 3600;

class Memory {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { records.set(this.key(id), payload); }
  async find(id) { return records.get(this.key(id)); }
  async findByUid(uid) { return [...records.values()].find((payload) => payload.uid === uid); }
  async findByUserCode() { return undefined; }
  async destroy(id) { records.delete(this.key(id)); }
  async revokeByGrantId(grant) {
    for (const [key, payload] of records) if (payload.grantId === grant) records.delete(key);
  }
  // Found and marked in one turn: of two requests with one token that are under way at once, the second ends the grant.
  async consume(id) {
    const payload = records.get(this.key(id));
    if (!payload || payload.consumed) {
      if (payload) {
        await this.revokeByGrantId(payload.grantId);
        stats.grants_ended += 1;
      }
      throw new errors.InvalidGrant('refresh token already used');
    }
    payload.consumed = Math.floor(Date.now() / 1000);
  }
}

const server = http.createServer((request, response) => {
  handle(request, response).catch((error) => json(response, 500, { error: error.message }));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  adapter: Memory,
  clients: Object.entries(SIGNED).map(([client_id, id_token_signed_response_alg]) => ({
    client_id, id_token_signed_response_alg, client_secret: 'sealpost-secret', application_type: 'native', response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback'], grant_types: ['authorization_code', 'refresh_token'], scope: SCOPE,
  })),
  jwks: { keys: [key('rsa', { modulusLength: 2048 }), key('ec', { namedCurve: 'P-256' }), key('ed25519')] },
  cookies: { keys: ['for tests only'] },
  clockTolerance: 0,
  expiresWithSession: () => false,
  features: { revocation: { enabled: true } },
  findAccount: (_, user) => ({ accountId: user, claims: () => ({ sub: user }) }),
  issueRefreshToken: () => true,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  scopes: SCOPE.split(' '),
  ttl: {
    AccessToken: () => accessTtl, AuthorizationCode: 60, RefreshToken: 86400, Grant: 86400, IdToken: 300,
    Interaction: 600, Session: 3600,
  },
});
const count = (outcome) => { stats.refresh[outcome] = (stats.refresh[outcome] ?? 0) + 1; };
const refreshes = (ctx) => ctx.oidc?.params?.grant_type === 'refresh_token';
provider.on('grant.success', (ctx) => { if (refreshes(ctx)) count('ok'); });
provider.on('grant.error', (ctx, error) => { if (refreshes(ctx)) count(error.error); });
provider.on('grant.revoked', () => { stats.grants_ended += 1; });
const answer = provider.callback();

async function mint(user) {
  const grant = new provider.Grant({ accountId: user, clientId: 'sealpost' });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const client = await provider.Client.find('sealpost');
  const of = { accountId: user, client, grantId, scope: SCOPE, gty: 'authorization_code', expiresWithSession: false };
  const [access, refresh] = [new provider.AccessToken(of), new provider.RefreshToken(of)];
  return { access_token: await access.save(), refresh_token: await refresh.save(), grant_id: grantId };
}

async function mintCode({ user, client_id, redirect_uri, code_challenge, nonce }) {
  const grant = new provider.Grant({ accountId: user, clientId: client_id });
  grant.addOIDCScope(SCOPE);
  const code = new provider.AuthorizationCode({
    accountId: user, client: await provider.Client.find(client_id), grantId: await grant.save(), scope: SCOPE, nonce,
    redirectUri: redirect_uri, codeChallenge: code_challenge, codeChallengeMethod: 'S256', gty: 'authorization_code',
    expiresWithSession: false,
  });
  return { code: await code.save() };
}

async function handle(request, response) {
  const path = new URL(request.url, issuer).pathname;
  if (path === '/admin/stats') return json(response, 200, stats);
  if (path.startsWith('/admin/')) {
    const body = await read(request);
    if (path === '/admin/mint') return json(response, 200, await mint(body.user));
    if (path === '/admin/mint-code') return json(response, 200, await mintCode(body));
    if (path === '/admin/posts') return json(response, 200, posts);
    if (path === '/admin/fault') drops = body.n;
    if (path === '/admin/settings') accessTtl = body.access_ttl;
    if (path === '/admin/withdraw') {
      await new Memory('Grant').revokeByGrantId(body.grant_id);
      records.delete(`Grant:${body.grant_id}`);
    }
    return json(response, 200, {});
  }
  if (path === '/api/posts') return post(request, response);
  if (path !== '/token' || drops === 0) return answer(request, response);
  drops -= 1;
  const unheard = new http.ServerResponse(request);
  unheard.end = () => request.socket.destroy();
  return answer(request, unheard);
}

// A resource server: a post of the user whose access token it is, made once under one idempotency key.
async function post(request, response) {
  const token = await provider.AccessToken.find((request.headers.authorization ?? '').replace(/^Bearer /, ''));
  const content = await read(request);
  if (!token) return json(response, 401, { error: 'invalid_token' });
  if (!token.scopes.has('posts.write')) return json(response, 403, { error: 'insufficient_scope' });
  const [user, key] = [token.accountId, request.headers['idempotency-key']];
  const old = posts.find((post) => post.user === user && post.key === key);
  if (old) return json(response, 200, old);
  posts.push({ id: String(posts.length + 1), user, key, content });
  return json(response, 201, posts.at(-1));
}

async function read(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

console.log(JSON.stringify({ issuer }));
process.stdin.on('end', () => process.exit(0)).resume();
