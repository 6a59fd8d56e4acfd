// Prism on the OpenAPI document of a gateway, which answers what the document says and refuses what it does not allow; before
// it a proxy that keeps every request. The document comes with Twilio's own command line tool.

import { spawn } from 'node:child_process';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const folder = (name) => path.join(path.dirname(import.meta.filename), 'node_modules', name);
const document = path.join(folder('@twilio/cli-core'), 'src/services/twilio-api/twilio_api_v2010.json');
const prismPackage = require(path.join(folder('@stoplight/prism-cli'), 'package.json'));
const program = path.join(folder('@stoplight/prism-cli'), Object.values(prismPackage.bin)[0]);

const prism = spawn(process.execPath, [program, 'mock', '-h', '127.0.0.1', '-p', '0', document], { stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => prism.kill());
prism.on('exit', () => process.exit(1));
const port = await new Promise((resolve) => {
  createInterface({ input: prism.stdout }).on('line', (line) => {
    const found = line.match(/listening on http:\/\/127\.0\.0\.1:(\d+)/);
    if (found) resolve(Number(found[1]));
  });
});

const seen = [];

const server = http.createServer(async (request, response) => {
  if (request.url === '/admin/requests') {
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(seen));
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { method, url, headers } = request;
  const forward = http.request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    const said = [];
    answer.on('data', (chunk) => said.push(chunk));
    answer.on('end', () => {
      seen.push({ method, url, headers, body: body.toString(), status: answer.statusCode, answer: Buffer.concat(said).toString() });
      response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] ?? 'application/json' });
      response.end(Buffer.concat(said));
    });
  });
  forward.on('error', () => response.destroy());
  forward.end(body);
});

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ issuer: `http://127.0.0.1:${server.address().port}` })));
process.stdin.on('end', () => process.exit(0)).resume();
