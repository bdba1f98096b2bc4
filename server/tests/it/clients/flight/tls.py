"""ADBC over TLS: with the node's certificate everything works, without it or without TLS nothing does."""

import datetime as dt
import sys

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import pyarrow as pa
from adbc_driver_flightsql import DatabaseOptions

port, acme, certificate = sys.argv[1:]
LOGIN = {"username": "acme", "password": acme}


def connect(scheme, **options):
    return flightsql.connect(f"{scheme}://127.0.0.1:{port}", db_kwargs={**LOGIN, **options})


def refused(scheme, expect, **options):
    try:
        with connect(scheme, **options) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()
    except adbc_driver_manager.Error as error:
        assert expect in str(error), error
    else:
        raise AssertionError(f"{scheme} {options} was let in")


with open(certificate) as file:
    root = {DatabaseOptions.TLS_ROOT_CERTS.value: file.read()}

with connect("grpc+tls", **root) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM events WHERE tenant = ?", ("acme",))
    assert cursor.fetchall() == [(3,)]
    names = ["id", "source", "type", "tenant"]
    time = pa.array([dt.datetime.now(dt.timezone.utc)], pa.timestamp("us", "UTC"))
    batch = pa.table([pa.array([value]) for value in ["tls-1", "/tls", "call", "acme"]] + [time], names + ["time"])
    assert cursor.adbc_ingest("events", batch, mode="append") == 1

refused("grpc+tls", "certificate")
refused("grpc", "")
