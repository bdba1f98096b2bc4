"""What pyarrow's Flight client asks beside rows: the columns of a statement, and to cancel one while its rows are fetched."""

import sys
import threading

import pyarrow as pa
import pyarrow.flight as flight

port, acme, globex = sys.argv[1:]
ENDLESS = "select count(*) from generate_series(1, 100000000000)"
LARGE = "select repeat('x', 1000) || cast(value as varchar) from generate_series(1, 1000000) AS value"


def varint(number):
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def member(number, value):
    """A member of a protobuf message, of bytes."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def packed(name, message):
    return member(1, f"type.googleapis.com/arrow.flight.protocol.sql.{name}".encode()) + member(2, message)


def asked(key):
    return flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {key}".encode())])


def statement(sql):
    return flight.FlightDescriptor.for_command(packed("CommandStatementQuery", member(1, sql.encode())))


def refused(kind, act, *words):
    try:
        act()
    except kind as error:
        assert all(word in str(error) for word in words), error
    else:
        raise AssertionError(f"expected {kind}")


client = flight.connect(f"grpc://127.0.0.1:{port}")
mine = asked(acme)

# The columns, without running it; of a list too.
schema = client.get_schema(statement("select id, time, 1 as one from events"), mine).schema
assert schema == client.get_flight_info(statement("select id, time, 1 as one from events"), mine).schema, schema
assert [str(field.type) for field in schema] == ["string", "timestamp[us, tz=UTC]", "int64"], schema
tables = flight.FlightDescriptor.for_command(packed("CommandGetTables", b""))
assert "table_name" in client.get_schema(tables, mine).schema.names
refused(pa.ArrowInvalid, lambda: client.get_schema(statement("select nothing from events"), mine), "nothing")
# This call of pyarrow has no exception of its own for it.
refused(OSError, lambda: client.get_schema(statement("select 1")), "unauthenticated")

assert {"CancelFlightInfo", "CancelQuery"} <= {action.type for action in client.list_actions(mine)}


def cancel_flight_info(info, options):
    body = member(1, info.serialize())
    (answer,) = client.do_action(flight.Action("CancelFlightInfo", body), options)
    assert answer.body.to_pybytes() == b"\x08\x01", "cancelled"


def cancel_query(info, options):
    body = packed("ActionCancelQueryRequest", member(1, info.serialize()))
    (answer,) = client.do_action(flight.Action("CancelQuery", body), options)
    assert answer.body.to_pybytes().endswith(b"\x08\x01"), "cancelled"


def until_cancelled(cancel, info):
    """There is nothing to cancel until the fetch has begun."""
    while True:
        try:
            return cancel(info, mine)
        except (KeyError, pa.ArrowKeyError, flight.FlightError) as error:
            assert "is being fetched" in str(error), error


for cancel in [cancel_flight_info, cancel_query]:
    # Whether it computes or waits for its reader; the same statement in another ticket goes on.
    for sql in [ENDLESS, LARGE]:
        info, other = (client.get_flight_info(statement(sql), mine) for _ in range(2))
        bystander = client.do_get(other.endpoints[0].ticket, mine)
        outcome = []

        def fetch():
            try:
                reader = client.do_get(info.endpoints[0].ticket, mine)
                if sql == LARGE:
                    cancelled.wait()
                for _ in reader:
                    pass
                outcome.append("read to its end")
            except flight.FlightCancelledError as error:
                outcome.append(str(error))

        cancelled = threading.Event()
        thread = threading.Thread(target=fetch)
        thread.start()
        refused(Exception, lambda: cancel(info, asked(globex)), "is being fetched")
        until_cancelled(cancel, info)
        cancelled.set()
        thread.join()
        assert "cancelled by its client" in outcome[0], outcome
        refused(Exception, lambda: cancel(info, mine), "is being fetched")
        until_cancelled(cancel, other)
        refused(flight.FlightCancelledError, lambda: list(bystander), "cancelled by its client")

# What has no ticket of a statement can't be cancelled.
refused(Exception, lambda: cancel_flight_info(client.get_flight_info(tables, mine), mine), "ticket")
refused(flight.FlightUnauthenticatedError, lambda: cancel_flight_info(info, None))
ended = client.get_flight_info(statement("select state from queries where sqlstate = '57014'"), mine)
assert client.do_get(ended.endpoints[0].ticket, mine).read_all().num_rows == 8
