#!/bin/sh
# Draws schemas/asyncapi.yaml as the page .sealpost/contract/index.html. Needs Node 20 or newer, with npm.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then
  echo "Node with npm is missing (20 or newer; Debian 13 and Ubuntu 26.04: apt-get install npm)" >&2
  exit 1
fi
folder=.sealpost/contract
mkdir -p "$folder"
npm install --no-audit --no-fund --ignore-scripts --prefix "$folder" @asyncapi/parser@3.6.3 @asyncapi/react-component@3.2.1 >/dev/null
cp scripts/contract.mjs "$folder/"
node "$folder/contract.mjs" schemas/asyncapi.yaml "$folder/index.html" >/dev/null
echo "$PWD/$folder/index.html"
