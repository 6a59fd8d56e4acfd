"""Synapse, a Matrix homeserver, on loopback. Arguments: a folder for its database, how long its access tokens live (as in
5m), and the names of its users, whose password is `password`. Its access tokens expire and its refresh tokens rotate; token
requests and answers are JSON objects. A message that comes again under its transaction id is the same message. One JSON
line on stdout says where it is. It ends with its stdin.
"""

import contextlib
import hashlib
import hmac
import json
import os
import socket
import sys
import threading
import time
import urllib.request

from synapse.app import homeserver

folder, lifetime, *users = sys.argv[1:]
stdout = sys.stdout  # Synapse takes it for its log
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
issuer = f"http://127.0.0.1:{port}"

config = {
    "server_name": "matrix.example",
    "listeners": [
        {"port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False, "resources": [{"names": ["client"]}]}
    ],
    "database": {"name": "sqlite3", "args": {"database": os.path.join(folder, "homeserver.db")}},
    "media_store_path": os.path.join(folder, "media"),
    "signing_key_path": os.path.join(folder, "signing.key"),
    "pid_file": os.path.join(folder, "homeserver.pid"),
    "log_config": os.path.join(folder, "log.yaml"),
    "registration_shared_secret": "for tests only",
    "macaroon_secret_key": "for tests only",
    "form_secret": "for tests only",
    "trusted_key_servers": [],
    "refreshable_access_token_lifetime": lifetime,
    "report_stats": False,
}


def write(name, content):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file)  # JSON is YAML
    return path


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(issuer + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def register(user):
    nonce = call("/_synapse/admin/v1/register")["nonce"]
    said = b"\0".join(part.encode() for part in (nonce, user, "password", "notadmin"))
    mac = hmac.new(config["registration_shared_secret"].encode(), said, hashlib.sha1).hexdigest()
    account = {"nonce": nonce, "username": user, "password": "password", "admin": False, "mac": mac}
    call("/_synapse/admin/v1/register", account)


def begin():
    """Waits until it answers, makes its users, and says so."""
    try:
        until = time.monotonic() + 60
        while True:
            try:
                call("/_matrix/client/versions")
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        for user in users:
            register(user)
        print(json.dumps({"issuer": issuer}), file=stdout, flush=True)
        sys.stdin.read()
    finally:
        os._exit(0)


write("log.yaml", {"version": 1, "root": {"level": "ERROR"}})
path = write("homeserver.yaml", config)
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    sys.argv = ["homeserver", "-c", path, "--generate-keys"]
    homeserver.main()
threading.Thread(target=begin, daemon=True).start()
sys.argv = ["homeserver", "-c", path]
homeserver.main()
