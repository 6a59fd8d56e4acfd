#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml in secrets/ (or the folder that is named): what is there already stays as it is.
# The folder is for its owner only (0700). What is in it is readable (0644), since Compose mounts each file as it is into a container
# whose user is another one; `admin.txt`, which no container gets, is not (0600).
set -euo pipefail
umask 077
folder=${1:-secrets}
mkdir -p "$folder"
chmod 700 "$folder"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
sha256() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
bytes() { printf %b "$(printf %s "$1" | sed 's/../\\x&/g')"; } # from hexadecimal
# RabbitMQ's hash: base64 of salt and SHA-256 of salt and password.
hashed() {
  local salt
  salt=$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
  { bytes "$salt"; bytes "$({ bytes "$salt"; printf %s "$1"; } | sha256sum | cut -d' ' -f1)"; } | base64 -w0
}
# Each in one step, so that a run that is cut off leaves no half of a file.
keep() { # name, mode; the content comes by stdin
  cat >"$folder/.new"
  chmod "$2" "$folder/.new"
  mv "$folder/.new" "$folder/$1"
  echo "made $folder/$1"
}

files="broker.url store.url rabbitmq.json redis.acl web.url admin.txt"
there=0
for file in $files; do [ ! -e "$folder/$file" ] || there=$((there + 1)); done
if [ "$there" -eq 0 ]; then
  worker=$(random) web=$(random) admin=$(random) store=$(random) keeper=$(random)
  # The permissions of SECURITY.md for a producer, and those that the workers need.
  keep rabbitmq.json 644 <<JSON
{
  "users": [
    {"name": "sealpost", "password_hash": "$(hashed "$worker")", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []},
    {"name": "web", "password_hash": "$(hashed "$web")", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []},
    {"name": "admin", "password_hash": "$(hashed "$admin")", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["administrator"]}
  ],
  "vhosts": [{"name": "/"}],
  "permissions": [
    {"user": "sealpost", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
    {"user": "web", "vhost": "/", "configure": "^web\\\\.", "write": "^(sealpost\\\\.(exchange-requests|publish-jobs)|web\\\\..*)\$", "read": "^web\\\\."},
    {"user": "admin", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
  ]
}
JSON
  sed -e "s/SEALPOST_SHA256/$(sha256 "$store")/" -e "s/ADMIN_SHA256/$(sha256 "$keeper")/" \
    "$(dirname "$0")/../examples/redis.acl" | grep -v '^#' | keep redis.acl 644
  printf 'amqp://sealpost:%s@rabbitmq:5672/%%2f\n' "$worker" | keep broker.url 644
  printf 'redis://sealpost:%s@redis:6379\n' "$store" | keep store.url 644
  printf 'amqp://web:%s@127.0.0.1:5672/%%2f\n' "$web" | keep web.url 600
  printf 'RabbitMQ (http://127.0.0.1:15672): admin %s\nRedis: admin %s\n' "$admin" "$keeper" | keep admin.txt 600
elif [ "$there" -lt 6 ]; then
  echo "$folder has some of: $files; and not all. They belong together: remove the rest to have all made anew" >&2
  exit 1
fi
[ -e "$folder/grafana.password" ] || random | keep grafana.password 644
# A provider gives this one.
[ -e "$folder/provider.secret" ] || keep provider.secret 644 </dev/null
