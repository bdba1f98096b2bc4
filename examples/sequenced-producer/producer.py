"""A producer that numbers its bodies, as Kafka's idempotent producer does, on a network that loses answers.

Usage: producer.py TENANTRY_URL KEY EPOCH BODIES EVENTS_A_BODY. Prints each number that was taken.
"""

import json
import random
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

url, key = sys.argv[1:3]
epoch, bodies, events = map(int, sys.argv[3:6])

# Bodies that may be under way at once and overtake each other; Tenantry allows 64.
IN_FLIGHT = 16


def body(number):
    """The events of a body follow from its number, as those of a partition follow from their offset."""
    lines = (
        json.dumps({"specversion": "1.0", "id": f"{epoch}-{number}-{at}", "source": "/loader", "type": "row.loaded",
                    "tenant": "acme", "data": {"value": number}})
        for at in range(events))
    return "\n".join(lines).encode()


def send(number):
    """Sends the body until it is answered. A number that was taken before is answered as duplicates and changes nothing."""
    chance = random.Random(number)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson", "Tenantry-Producer": "loader",
               "Tenantry-Epoch": str(epoch), "Tenantry-Sequence": str(number)}
    while True:
        try:
            request = urllib.request.Request(f"{url}/v1/events", body(number), headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                if chance.random() < 0.3:
                    raise OSError("the answer is lost")
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            if problem.code not in (429, 503):
                # 409: a later epoch has begun, or a number before this one is missing. Waiting does not help.
                sys.exit(f"{problem.code}: {json.load(problem)['detail']}")
            time.sleep(float(problem.headers.get("Retry-After", 1)))
        except OSError:
            time.sleep(0.1)


with ThreadPoolExecutor(IN_FLIGHT) as senders:
    # No body is more than IN_FLIGHT ahead of the first that is not answered.
    for first in range(0, bodies, IN_FLIGHT):
        numbers = range(first, min(first + IN_FLIGHT, bodies))
        for number, _ in zip(numbers, senders.map(send, numbers)):
            print(number, flush=True)
