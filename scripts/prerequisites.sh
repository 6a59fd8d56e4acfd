#!/bin/sh
# Finds what the build (cc), the tests (python, chromium) and CI (make) need beside Rust, as its arguments name it. On Debian and
# Ubuntu it says what is missing and installs it; elsewhere it only says. RabbitMQ and Redis are `sealpost dev`'s matter.
set -eu

if ! command -v cargo >/dev/null; then
  echo "Rust is missing: install it from https://rustup.rs, then open a new shell" >&2
  exit 1
fi

missing=
for need in "$@"; do
  case $need in
    # ring is partly C: a compiler, and the C library's headers.
    cc) echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1 || missing="$missing gcc libc6-dev" ;;
    make) command -v make >/dev/null || missing="$missing make" ;;
    # Debian's python3 comes without what `python3 -m venv` needs.
    python) python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3 python3-venv" ;;
    chromium) command -v chromedriver >/dev/null || missing="$missing chromium chromium-driver" ;;
    *) echo "prerequisites.sh: $need is none of cc, make, python, chromium" >&2; exit 2 ;;
  esac
done
if [ -z "$missing" ]; then exit 0; fi

by_hand="apt-get update && apt-get install --no-install-recommends$missing"
if ! command -v apt-get >/dev/null; then
  echo "Missing:$missing. This is not Debian or Ubuntu, so install them in your system's way (there: $by_hand)" >&2
  exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing:$missing. Installing needs root, and there is no sudo. As root: $by_hand" >&2
    exit 1
  fi
  # Without a terminal nobody is there to type a password.
  if [ -t 0 ]; then as_root="sudo"; else as_root="sudo -n"; fi
fi
echo "Missing:$missing. Installing with apt-get${as_root:+ through $as_root}" >&2
log=$(mktemp)
run() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" >"$log" 2>&1; }
# shellcheck disable=SC2086 # one word a package
if run update && run install -y --no-install-recommends $missing; then
  rm -f "$log"
else
  tail -n 20 "$log" >&2
  echo "That failed (log: $log). As root: $by_hand" >&2
  exit 1
fi
