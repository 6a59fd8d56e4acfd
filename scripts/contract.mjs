// The contract as one page: node contract.mjs asyncapi.yaml page.html. It is parsed by AsyncAPI's own parser first, whose errors
// are told a line each; then drawn by AsyncAPI's own component, with all that it needs in the page.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Parser } from '@asyncapi/parser';

const [document, page] = process.argv.slice(2);
const text = readFileSync(document, 'utf8');
const { diagnostics } = await new Parser().parse(text);
const errors = diagnostics.filter(({ severity }) => severity === 0);
for (const { message, path, range } of errors) {
  console.log(`${document}:${range.start.line + 1}: ${path.join('/')}: ${message}`);
}
if (errors.length > 0) process.exit(1);

const near = createRequire(import.meta.url);
const of = (file) => readFileSync(near.resolve(`@asyncapi/react-component/${file}`), 'utf8');
const inScript = (source) => source.replaceAll('</script', '<\\/script');
writeFileSync(page, `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sealpost's contract</title>
<style>${of('styles/default.min.css')}</style>
<div id="contract"></div>
<script>${inScript(of('browser/standalone/index.js'))}</script>
<script>
AsyncApiStandalone.render(
  { schema: ${inScript(JSON.stringify(text))}, config: { show: { errors: false, sidebar: true }, expand: { messageExamples: true } } },
  document.getElementById('contract'),
);
</script>
`);
console.log('written');
