"""A gateway in front of a language model that asks Tenantry before each request and tells it what the answer used.

Usage: gateway.py TENANTRY_URL KEY. Prints the port that it listens on. The model is a stub.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

URL, KEY = sys.argv[1:3]


def send(event):
    """Sends one event until Tenantry has answered for it; the reason if the event is refused, else None.

    An answer means durable. The same event may be sent as often as it takes: its id is remembered.
    """
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-ndjson"}
    request = urllib.request.Request(f"{URL}/v1/events", json.dumps(event).encode(), headers)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                errors = json.load(answer)["errors"]
                return errors[0]["reason"] if errors else None
        except urllib.error.HTTPError as problem:
            if problem.code not in (429, 503):
                raise
            time.sleep(float(problem.headers.get("Retry-After", 1)))
        except OSError:
            time.sleep(0.2)


def event(tenant, kind, request_id, data):
    # A source of its own for each type: an id is unique within its tenant and source.
    return {"specversion": "1.0", "id": request_id, "source": f"/gateway/{kind}", "type": f"llm.{kind}",
            "tenant": tenant, "data": data}


def model(prompt):
    """Stands for the model: a text and what it used."""
    words = len(prompt.split())
    return "lorem ipsum", {"prompt_tokens": words, "completion_tokens": 2, "tokens": words + 2}


class Gateway(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        # A real gateway takes the tenant from its caller's credential.
        tenant, request_id = self.headers["X-Tenant"], self.headers["X-Request-Id"]
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = send(event(tenant, "request", request_id, {"model": asked["model"]}))
        if refused in ("quota_exceeded", "rate_limited"):
            return self.answer(429, {"error": refused})
        if refused:
            return self.answer(403, {"error": refused})
        text, usage = model(asked["prompt"])
        completion = event(tenant, "completion", request_id, {"model": asked["model"], "usage": usage})
        send(completion)
        # As if the answer had been lost on the way: sending again changes nothing.
        send(completion)
        self.answer(200, {"text": text, "usage": usage})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
print(server.server_port, flush=True)
server.serve_forever()
