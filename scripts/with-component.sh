#!/bin/sh
# with-component.sh <component> cargo <subcommand> …: runs the command, with the component of the Rust toolchain that it
# needs. Minimal toolchains come without rustfmt and clippy; rustup can add them. Where it cannot, says so and goes on.
set -eu
component=$1
shift
there() { "$1" "$2" --version >/dev/null 2>&1; }
if ! there "$@" && command -v rustup >/dev/null; then
  echo "$component is missing: rustup component add $component" >&2
  rustup component add "$component" >/dev/null 2>&1 || true
fi
if ! there "$@"; then
  echo "SKIPPED: $*, since $component is not installed and could not be (rustup component add $component)"
  exit 0
fi
echo "$*"
exec "$@"
