"""The events that every engine reads: made from a seed, the same bytes for the same seed, rows and pinned libraries.

Rows stand in the order of arrival. Some events come late (at most LATE_S_MAX behind their time), some come twice (the
same id, the same payload). Late ones stay inside the bound that all engines wait for, so none may be dropped by any
of them.
"""

import json
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

TENANTS = 2_000
TENANT_EXPONENT = 1.1
TYPES = ["api.request", "llm.completion", "search.query", "storage.write"]
TYPE_SHARES = [0.40, 0.30, 0.20, 0.10]
# Mean and width of the logarithm of the units of one event, a type each.
TYPE_UNITS = [(2.0, 0.5), (6.0, 1.0), (1.0, 0.5), (9.0, 1.5)]
REGIONS = ["ap-south", "eu-central", "eu-west", "us-east"]
MODELS = ["large", "medium", "micro", "small", "vision"]

FIRST_S = 1_750_003_200
"""Event time of the first event, seconds since the epoch: a full hour."""
SPAN_S = 3_600
LATE_SHARE = 0.05
LATE_S_MAX = 45.0
DUPLICATE_SHARE = 0.03
REPEAT_S_MAX = 300.0
CHUNK_ROWS = 1 << 20


def make(folder, rows, seed, csv):
    """Writes `events.parquet` (and `events.csv`, without a heading) into `folder`, unless they are there; returns
    what is in them.
    """
    os.makedirs(folder, exist_ok=True)
    wanted = ["events.parquet"] + (["events.csv"] if csv else [])
    facts_path = os.path.join(folder, "facts.json")
    if all(os.path.exists(os.path.join(folder, name)) for name in [*wanted, "facts.json"]):
        with open(facts_path, encoding="utf-8") as file:
            return json.load(file)
    events = _events(rows, seed)
    _write_parquet(os.path.join(folder, "events.parquet"), events)
    if csv:
        _write_csv(os.path.join(folder, "events.csv"), events)
    facts = {key: events[key] for key in ("rows", "unique", "late")}
    with open(facts_path, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    return facts


def _events(rows, seed):
    random = np.random.Generator(np.random.PCG64(seed))
    repeats = int(rows * DUPLICATE_SHARE)
    unique = rows - repeats
    time_us = FIRST_S * 1_000_000 + np.sort(random.integers(0, SPAN_S * 1_000_000, unique, dtype=np.int64))
    late = random.random(unique) < LATE_SHARE
    arrival_us = time_us + np.where(late, random.random(unique) * LATE_S_MAX * 1e6, 0.0).astype(np.int64)
    repeated = random.choice(unique, repeats, replace=False)
    repeat_us = arrival_us[repeated] + 1 + (random.random(repeats) * REPEAT_S_MAX * 1e6).astype(np.int64)
    event = np.concatenate([np.arange(unique), repeated])
    # A stable sort, so that an event stands before its repeat.
    event = event[np.argsort(np.concatenate([arrival_us, repeat_us]), kind="stable")]

    weights = 1.0 / np.arange(1, TENANTS + 1) ** TENANT_EXPONENT
    kind = _pick(random, TYPE_SHARES, unique)
    units = np.empty(unique, dtype=np.int64)
    for at, (mean, width) in enumerate(TYPE_UNITS):
        of_kind = kind == at
        units[of_kind] = 1 + random.lognormal(mean, width, int(of_kind.sum())).astype(np.int64)
    return {
        "rows": rows,
        "unique": unique,
        "late": int(late.sum()),
        "event": event,
        "time": time_us,
        "tenant": _pick(random, weights, unique),
        "type": kind,
        "region": _pick(random, np.ones(len(REGIONS)), unique),
        "model": _pick(random, 1.0 / np.arange(1, len(MODELS) + 1), unique),
        "units": units,
        "key": random.integers(0, 1 << 32, dtype=np.uint64),
    }


def _pick(random, weights, count):
    """`count` indices into `weights`, by weight."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(edges / edges[-1], random.random(count), side="right").astype(np.int32)


def _ids(events, key):
    """16 hex digits each: the finaliser of splitmix64, which is a bijection, so different events have different ids."""
    with np.errstate(over="ignore"):
        mixed = (events.astype(np.uint64) + (key << np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    octets = mixed.astype(">u8").view(np.uint8)
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    text = np.empty(octets.size * 2, dtype=np.uint8)
    text[0::2], text[1::2] = digits[octets >> 4], digits[octets & 15]
    offsets = np.arange(0, text.size + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(events.size, pa.py_buffer(offsets), pa.py_buffer(text))


def _chunks(events, time):
    names = {
        "tenant": pa.array([f"tenant-{number:04}" for number in range(1, TENANTS + 1)]),
        "type": pa.array(TYPES),
        "region": pa.array(REGIONS),
        "model": pa.array(MODELS),
    }
    for start in range(0, events["rows"], CHUNK_ROWS):
        event = events["event"][start : start + CHUNK_ROWS]
        text = {column: values.take(pa.array(events[column][event])) for column, values in names.items()}
        yield pa.RecordBatch.from_pydict({
            "id": _ids(event, events["key"]),
            "time": pa.array(events["time"][event]).cast(time),
            **text,
            "units": pa.array(events["units"][event]),
        })


def _write_parquet(path, events):
    chunks = _chunks(events, pa.timestamp("us"))
    first = next(chunks)
    # Ids are all different: a dictionary of them would only be thrown away by the writer.
    columns = [name for name in first.schema.names if name != "id"]
    with pyarrow.parquet.ParquetWriter(path + ".part", first.schema, use_dictionary=columns) as writer:
        writer.write_batch(first)
        for chunk in chunks:
            writer.write_batch(chunk)
    os.replace(path + ".part", path)


def _write_csv(path, events):
    chunks = _chunks(events, pa.int64())
    first = next(chunks)
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with pyarrow.csv.CSVWriter(path + ".part", first.schema, write_options=options) as writer:
        writer.write(first)
        for chunk in chunks:
            writer.write(chunk)
    os.replace(path + ".part", path)


if __name__ == "__main__":
    folder, rows, seed, *csv = sys.argv[1:]
    print(json.dumps(make(folder, int(rows), int(seed), csv == ["csv"])))
