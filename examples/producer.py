#!/usr/bin/env python3
"""A producer in Python: sends one request to Sealpost, waits for the reply, and prints it as JSON.

    python3 -m venv producer && . producer/bin/activate
    pip install pika==1.4.4 msgpack==1.2.4 pyhpke==0.6.5 rfc8785==0.1.4
    export SEALPOST_AMQP_URL='amqp://user:password@127.0.0.1:5672/%2f'
    export SEALPOST_JWKS='http://127.0.0.1:9464/jwks'  # or a file that `sealpost keys jwks` wrote

1.  Where does the user give consent? Prints the page's address and a new PKCE verifier (RFC 7636):

    ./producer.py consent --authorize-url http://127.0.0.1:7070/authorize --client-id sealpost \\
        --redirect-uri http://127.0.0.1:7777/callback --scope posts.write

2.  The page sends the user's browser to the redirect URI with a code. Sealpost exchanges the code and keeps the tokens:

    SEALPOST_CODE=… SEALPOST_VERIFIER=… ./producer.py exchange --provider practice --tenant acme --user ada \\
        --redirect-uri http://127.0.0.1:7777/callback

3.  From then on Sealpost publishes on the user's behalf:

    ./producer.py publish --provider practice --tenant acme --user ada --text 'Hello'

Code and verifier are read from the environment, else from standard input (a line each), and never from the command
line, where every user of the machine could see them. They travel sealed to Sealpost's public key, as schemas/wire.md says, so that
no broker writes them to its disk.

When no reply came, send the same request again under its id (--id): the same id is the same request, done once and
answered as often as it is sent.

Exit status: 0 done; 1 failed, and the reply says why; 2 wrong usage; 3 nobody knows whether it was done; 4 not sent, or
no reply in time.
"""

import argparse
import base64
import getpass
import hashlib
import json
import os
import secrets
import sys
import time
import urllib.parse
import urllib.request
import uuid

import msgpack
import pika
import pika.exceptions
import rfc8785
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

# RabbitMQ's "Direct Reply-to": replies come on the channel that the request went out on, without a queue.
REPLIES = "amq.rabbitmq.reply-to"
EXIT_STATUS = {"stored": 0, "published": 0, "failed": 1, "unknown": 3, "conflict": 3}
NO_REPLY = 4
SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)


class NoReply(Exception):
    """The request was not sent, or nobody answered it in time."""


def main():
    args = arguments()
    if args.command == "consent":
        show(consent(args))
        return 0
    queue, type_name, body = exchange_request(args) if args.command == "exchange" else publish_job(args)
    try:
        reply = ask(args, queue, type_name, body)
    except NoReply as problem:
        print(f"producer.py: {problem}\nTo send the same request again: --id {body['id']}", file=sys.stderr)
        return NO_REPLY
    show(reply)
    if failure := reply.get("failure"):
        print(f"producer.py: {reply['outcome']} ({failure['code']}): {failure['message']}", file=sys.stderr)
    return EXIT_STATUS.get(reply["outcome"], 3)


def consent(args):
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = secrets.token_urlsafe(16)
    query = {
        "response_type": "code",
        "client_id": args.client_id,
        "redirect_uri": args.redirect_uri,
        "scope": " ".join(args.scope),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return {"open": f"{args.authorize_url}?{urllib.parse.urlencode(query)}", "state": state, "code_verifier": verifier}


def exchange_request(args):
    grant = {
        "type": "authorization_code",
        "code": secret("SEALPOST_CODE"),
        "code_verifier": secret("SEALPOST_VERIFIER"),
        "redirect_uri": args.redirect_uri,
    }
    body = {**connection(args), "grant": grant}
    seal("exchange-requests", body, ["/grant/code", "/grant/code_verifier"], public_key(args.jwks))
    return "exchange-requests", "exchange-request.v1", body


def public_key(place):
    """The key to seal to, a JWK: the first of the set that Sealpost's operations port or a file has."""
    try:
        if place.startswith(("http://", "https://")):
            with urllib.request.urlopen(place, timeout=10) as answer:
                return json.load(answer)["keys"][0]
        with open(place, encoding="utf-8") as file:
            return json.load(file)["keys"][0]
    except (OSError, ValueError, LookupError, TypeError) as problem:
        sys.exit(f"producer.py: no key to seal to in {place} (SEALPOST_JWKS): {problem!r}; nothing was sent")


def seal(queue, body, pointers, jwk):
    """Seals these fields of a body, JSON pointers, for their places in it. What else the body says must not change after this."""
    places = []
    for pointer in pointers:
        *path, name = pointer.split("/")[1:]
        holder = body
        for step in path:
            holder = holder[step]
        places.append((pointer, holder, name, holder[name]))
        holder[name] = True
    rest = hashlib.sha256(rfc8785.dumps(body)).digest()
    key = KEMKey.from_jwk({name: jwk[name] for name in ("kty", "crv", "x")})
    for pointer, holder, name, secret in places:
        parts = [queue.encode(), str(uuid.UUID(body["id"])).encode(), pointer.encode(), rest]
        bound = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        enc, context = SUITE.create_sender_context(key, info=b"sealpost request secret 1")
        sealed = base64.urlsafe_b64encode(enc + context.seal(secret.encode(), aad=bound)).rstrip(b"=").decode()
        holder[name] = {"sealed": sealed, "key": jwk["kid"]}


def publish_job(args):
    content = {"type": "post", "text": args.text}
    return "publish-jobs", "publish-job.v1", {**connection(args), "content": content}


def connection(args):
    owner = {"tenant": args.tenant, "user": args.user}
    return {"id": str(args.id), "owner": owner, "provider": args.provider, "label": args.label}


def ask(args, queue, type_name, body):
    """Publishes a request and returns its reply. Raises NoReply."""
    try:
        parameters = pika.URLParameters(args.amqp)
    except Exception:
        # What the library says quotes the address, and with it the password.
        raise NoReply("SEALPOST_AMQP_URL is not an address like amqp://user:password@host:5672/%2f") from None
    # A broker that is short of memory or disk takes nothing and says nothing: wait for it as long as for a reply.
    parameters.blocked_connection_timeout = args.timeout
    try:
        connection = pika.BlockingConnection(parameters)
    except (pika.exceptions.AMQPError, OSError) as error:
        at = f"{parameters.host}:{parameters.port}, virtual host {parameters.virtual_host}"
        raise NoReply(f"no connection to RabbitMQ at {at}: {error!r}") from None
    try:
        channel = connection.channel()
        reply = listen(channel, correlation_id=body["id"])
        publish(channel, queue, type_name, body, "application/msgpack" if args.msgpack else "application/json")
        deadline = time.monotonic() + args.timeout
        while not reply and (left := deadline - time.monotonic()) > 0:
            connection.process_data_events(time_limit=left)
    except (pika.exceptions.AMQPError, OSError) as error:
        raise NoReply(f"the connection to RabbitMQ ended, and the request may have been sent: {error!r}") from None
    finally:
        if connection.is_open:
            connection.close()
    if not reply:
        raise NoReply(f"the request is in queue {queue}, but no reply came within {args.timeout:g} s")
    return reply[0]


def listen(channel, correlation_id):
    """A list that the reply will be put into."""
    reply = []

    def on_message(_channel, _method, properties, body):
        if properties.correlation_id == correlation_id:
            unpack = msgpack.unpackb if properties.content_type == "application/msgpack" else json.loads
            reply.append(unpack(body))

    channel.basic_consume(REPLIES, on_message, auto_ack=True)
    return reply


def publish(channel, queue, type_name, body, content_type):
    """Returns when the broker has taken the message. Raises NoReply."""
    properties = pika.BasicProperties(
        type=type_name,
        content_type=content_type,
        message_id=body["id"],
        correlation_id=body["id"],
        reply_to=REPLIES,
        delivery_mode=pika.DeliveryMode.Persistent,
    )
    packed = msgpack.packb(body) if content_type == "application/msgpack" else json.dumps(body).encode()
    # With confirms a refused message is an exception, and with `mandatory` one that no queue takes is, too.
    channel.confirm_delivery()
    try:
        channel.basic_publish("", queue, packed, properties, mandatory=True)
    except pika.exceptions.UnroutableError:
        raise NoReply(f"there is no queue {queue}; start a worker, which makes it") from None
    except pika.exceptions.NackError:
        raise NoReply(f"queue {queue} is full; try again later") from None


def secret(variable):
    """A secret from the environment, from the terminal without showing it, or the next line of standard input."""
    value = os.environ.get(variable)
    if not value:
        value = getpass.getpass(f"{variable}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not value:
        sys.exit(f"producer.py: set {variable}, or give it on standard input")
    return value


def show(value):
    print(json.dumps(value, indent=2, ensure_ascii=False))


def arguments():
    parser = argparse.ArgumentParser(description="Sends one request to Sealpost and prints the reply.")
    url = os.environ.get("SEALPOST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f")
    parser.add_argument("--amqp", metavar="URL", default=url, help="a password belongs into SEALPOST_AMQP_URL instead")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=30, help="wait so long for the reply")
    commands = parser.add_subparsers(dest="command", required=True)

    page = commands.add_parser("consent", help="print where the user gives consent")
    page.add_argument("--authorize-url", required=True)
    page.add_argument("--client-id", required=True)
    page.add_argument("--scope", action="append", default=[])

    exchange = commands.add_parser("exchange", help="have a consent exchanged for tokens")
    jwks = os.environ.get("SEALPOST_JWKS", "http://127.0.0.1:9464/jwks")
    exchange.add_argument("--jwks", metavar="URL|FILE", default=jwks, help="where the key is that secrets are sealed to")
    publish = commands.add_parser("publish", help="have a post published")
    publish.add_argument("--text", required=True)
    for command in (page, exchange):
        command.add_argument("--redirect-uri", required=True)
    for command in (exchange, publish):
        for name in ("--provider", "--tenant", "--user"):
            command.add_argument(name, required=True)
        command.add_argument("--label", default="default", help="which of the user's accounts there")
        command.add_argument("--id", type=uuid.UUID, default=uuid.uuid4(), help="the id of an earlier try")
        command.add_argument("--msgpack", action="store_true", help="MessagePack instead of JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
