"""What a producer does: bulk ingestion with ADBC, a stream of batches with pyarrow, and being told what is wrong."""

import datetime
import json
import sys

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as flight
from adbc_driver_flightsql import DatabaseOptions

port, acme, platform, reader = sys.argv[1:]
uri = f"grpc://127.0.0.1:{port}"
now = datetime.datetime.now(datetime.timezone.utc)
Status = adbc_driver_manager.AdbcStatusCode


def connect(key):
    header = {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {key}"}
    return flightsql.connect(uri, db_kwargs=header, autocommit=True)


def events(first, count, **more):
    columns = {
        "id": [f"e{number}" for number in range(first, first + count)],
        "source": pa.array(["/py"] * count).dictionary_encode(),
        "type": ["call"] * count,
        "time": pa.array([now] * count, pa.timestamp("ns", "UTC")),
        "tokens": [float(number) / 4 for number in range(count)],
        "model": pa.array(["small", "large"] * (count // 2) + ["small"] * (count % 2)).dictionary_encode(),
        "usage": [{"input": number, "cached": number % 2 == 0} for number in range(count)],
        "tags": [["a", str(number)] for number in range(count)],
    }
    columns.update(more)
    return pa.table({name: column for name, column in columns.items() if column is not None})


def ingest(key, table, mode="append", name="events"):
    with connect(key) as connection, connection.cursor() as cursor:
        return cursor.adbc_ingest(name, table, mode=mode)


def refused(act, status, *words):
    try:
        act()
    except adbc_driver_manager.Error as error:
        assert error.status_code == status, (error.status_code, str(error))
        for word in words:
            assert word in str(error), str(error)
    else:
        raise AssertionError(f"expected to be refused with {status}")


# Bulk: all in, and in once however often it is sent.
assert ingest(acme, events(0, 1000)) == 1000
assert ingest(acme, events(0, 1000)) == 1000
assert ingest(acme, events(1000, 10), mode="create_append") == 10
# The platform names the tenants.
assert ingest(platform, events(0, 2, tenant=["acme", "globex"], source=["/p", "/p"])) == 2

# Many at once: more than the engine takes in one piece.
assert ingest(acme, events(100_000, 100_000, tags=None, usage=None)) == 100_000

# What is refused, and why.
refused(lambda: ingest(acme, events(0, 1, id=None)), Status.INVALID_ARGUMENT, "column id", "missing")
refused(lambda: ingest(acme, events(0, 1, blob=[b"x"])), Status.INVALID_ARGUMENT, "column blob", "Binary")
refused(lambda: ingest(platform, events(0, 1)), Status.INVALID_ARGUMENT, "column tenant")
refused(lambda: ingest(acme, events(0, 1), name="usage"), Status.INVALID_ARGUMENT, "table events")
refused(lambda: ingest(acme, events(0, 1), mode="create"), Status.ALREADY_EXISTS, "append")
refused(lambda: ingest(acme, events(0, 1), mode="replace"), Status.INVALID_ARGUMENT, "never replaced")
refused(lambda: ingest(reader, events(0, 1)), Status.UNAUTHORIZED, "scope ingest")
# Part of it is no event: the rest is in, and that is said.
old = datetime.datetime(1990, 1, 1, tzinfo=datetime.timezone.utc)
partly = events(2000, 3, time=pa.array([now, old, now], pa.timestamp("us", "UTC")))
refused(lambda: ingest(acme, partly), Status.INVALID_ARGUMENT, "1 of 3 events were rejected", "e2001", "too_old")

# A stream of batches, each with its answer.
client = flight.connect(uri)
options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {acme}".encode())])
batches = [events(number, 10).combine_chunks().to_batches()[0] for number in (3000, 3010, 3000)]
writer, answers = client.do_put(flight.FlightDescriptor.for_path("events"), batches[0].schema, options)
found = []
for batch in batches:
    writer.write_batch(batch)
    found.append(json.loads(answers.read().to_pybytes()))
writer.close()
assert [answer["admitted"] for answer in found] == [10, 10, 0], found
assert [answer["duplicate"] for answer in found] == [0, 0, 10], found

conflicting = events(3000, 2, tokens=[77.0, 0.25]).combine_chunks().to_batches()[0]
writer, answers = client.do_put(flight.FlightDescriptor.for_path("events"), conflicting.schema, options)
writer.write_batch(conflicting)
answer = json.loads(answers.read().to_pybytes())
writer.close()
assert (answer["duplicate"], answer["rejected"]) == (1, 1) and answer["errors"][0]["reason"] == "conflict", answer

writer, answers = client.do_put(flight.FlightDescriptor.for_path("tenants"), batches[0].schema, options)
try:
    writer.write_batch(batches[0])
    answers.read()
    writer.close()
    raise AssertionError("expected to be refused")
except pa.ArrowException as error:
    assert "events" in str(error), error
