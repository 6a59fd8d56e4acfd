// The vendor's JavaScript SDK against the practice vault and tenant: argv is places.json, the vault's name and the credential.
// Every step is asserted; the exit status is the answer. Challenge verification stays on. Node trusts the CA by NODE_EXTRA_CA_CERTS.
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';

const [file, vault, credential] = process.argv.slice(2);
const places = JSON.parse(readFileSync(file, 'utf8'));
const plain = dns.lookup;
dns.lookup = (host, options, done) => plain(host.endsWith('.vault.azure.net') ? '127.0.0.1' : host, options, done);

const common = { authorityHost: places.authority, disableInstanceDiscovery: true };
const proofs = {
  secret: () => new ClientSecretCredential(places.tenant, places.client_id, places.client_secret, common),
  identity: () => {
    process.env.IDENTITY_ENDPOINT = places.identity_endpoint;
    process.env.IDENTITY_HEADER = places.identity_header;
    return new ManagedIdentityCredential();
  },
  workload: () => new WorkloadIdentityCredential({
    tenantId: places.tenant, clientId: places.client_id, tokenFilePath: places.federated_token_file, ...common,
  }),
};
const client = new SecretClient(`https://${vault}.vault.azure.net:${places.vault_port}`, proofs[credential]());
const refused = (status, call) => assert.rejects(call, (error) => error.statusCode === status);

const made = [];
for (const value of ['a', 'b', 'c']) made.push((await client.setSecret('dek', value)).properties.version);
const latest = await client.getSecret('dek');
assert.deepEqual([latest.value, latest.properties.version], ['c', made[2]]);
assert.equal((await client.getSecret('dek', { version: made[0] })).value, 'a');
const listed = [];
for await (const page of client.listPropertiesOfSecretVersions('dek').byPage({ maxPageSize: 1 })) {
  assert.equal(page.length, 1);
  listed.push(page[0].version);
}
assert.deepEqual(listed.sort(), [...made].sort());
await client.updateSecretProperties('dek', made[0], { enabled: false });
await refused(403, () => client.getSecret('dek', { version: made[0] }));
await refused(404, () => client.getSecret('other'));
await (await client.beginDeleteSecret('dek')).pollUntilDone();
await refused(404, () => client.getSecret('dek'));
await refused(409, () => client.setSecret('dek', 'd'));
await (await client.beginRecoverDeletedSecret('dek')).pollUntilDone();
// The caller has throttled two requests.
console.log('recovered');
await once(process.stdin, 'data');
assert.equal((await client.getSecret('dek')).value, 'c');
console.log('done');
process.exit(0);
