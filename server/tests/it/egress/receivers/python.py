"""Receivers as Python's users write them: each path believes a message in another way, and answers with a signature of its own."""

import base64
import os
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook as Standard
from svix.webhooks import Webhook as Svix

SECRET = os.environ["SECRET"]
KEY = Ed25519PublicKey.from_public_bytes(base64.b64decode(os.environ["PUBLIC_KEY"].removeprefix("whpk_")))


def library(webhook):
    def receive(headers, body):
        receiver = webhook(SECRET)
        receiver.verify(body, headers)
        sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=timezone.utc)
        return receiver.sign(headers["webhook-id"], sent, body.decode())

    return receive


def ed25519(headers, body):
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for one in headers["webhook-signature"].split(" "):
        version, signature = one.split(",")
        try:
            if version == "v1a":
                KEY.verify(base64.b64decode(signature), content)
                return ""
        except InvalidSignature:
            continue
    raise ValueError("no signature matches")


RECEIVERS = {"/standardwebhooks": library(Standard), "/svix": library(Svix), "/ed25519": ed25519}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            status, answer = 200, RECEIVERS[self.path](headers, body)
        except Exception as error:  # whatever a library says
            status, answer = 400, str(error)
        self.send_response(status)
        self.send_header("content-length", str(len(answer.encode())))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
