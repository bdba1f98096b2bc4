"""Parquet files of every kind that pyarrow writes, and what pyarrow itself reads from them.

Writes NAME.parquet into the folder that is named, each with the columns at, n and c, and prints a line of JSON for each: the
data that its rows are to have, by n, or null where the column c can't be taken.
"""
import datetime, decimal, json, sys, uuid
import pyarrow as pa
import pyarrow.parquet as pq

folder = sys.argv[1]
utc = datetime.timezone.utc
at = datetime.datetime(2026, 11, 1, 10, tzinfo=utc)


def short(text):
    return text.rstrip("0").rstrip(".") if "." in text else text


def stamp(value):
    return short(value.replace(tzinfo=None).isoformat()) + "Z"


def plain(value):
    """A value as data has it; struct members without a value are absent, as columns of nulls are."""
    if isinstance(value, datetime.datetime):
        return stamp(value)
    if isinstance(value, (datetime.date, uuid.UUID)):
        return str(value)
    if isinstance(value, datetime.time):
        return short(value.isoformat())
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return {name: plain(member) for name, member in value}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def write(name, column, taken=True, **options):
    rows = len(column)
    table = pa.table({"at": pa.array([at] * rows, pa.timestamp("us", "UTC")), "n": pa.array(range(rows)), "c": column})
    path = f"{folder}/{name}.parquet"
    pq.write_table(table, path, **options)
    expect = None
    if taken:
        expect = []
        for n, value in enumerate(pq.read_table(path)["c"].to_pylist()):
            data = {"n": n}
            value = plain(value)
            if value is not None and value != {}:
                data["c"] = value
            expect.append(data)
    print(json.dumps({"name": name, "expect": expect}))


D = decimal.Decimal
numbers = {
    "int8": (pa.int8(), [-128, None, 127]),
    "int16": (pa.int16(), [-32768, None, 32767]),
    "int32": (pa.int32(), [-(2**31), None, 2**31 - 1]),
    "int64": (pa.int64(), [-(2**63), None, 2**63 - 1]),
    "uint8": (pa.uint8(), [0, None, 255]),
    "uint32": (pa.uint32(), [0, None, 2**32 - 1]),
    "uint64": (pa.uint64(), [0, None, 2**64 - 1]),
    "double": (pa.float64(), [0.1, None, -1e300, 1 / 3]),
    "bool": (pa.bool_(), [True, None, False]),
    "decimal9": (pa.decimal128(9, 3), [D("123456.789"), None, D("-0.001")]),
    "decimal18": (pa.decimal128(18, 0), [D(10**17), None]),
    "decimal38": (pa.decimal128(38, 10), [D("1e27"), None, D("-0.0000000001")]),
    "decimal76": (pa.decimal256(76, 20), [D("1e50"), None]),
}
for name, (kind, values) in numbers.items():
    write(name, pa.array(values, kind))
write("float16", pa.array([0.5, None, -2.0], pa.float16()))
write("float32", pa.array([0.5, None, -2.25], pa.float32()))
write("string", pa.array(["a\"b\n", None, ""]))
write("large_string", pa.array(["a", None], pa.large_string()))
write("string_view", pa.array(["a", None], pa.string_view()))
write("dictionary", pa.array(["a", None, "b", "a"]).dictionary_encode())
write("null", pa.nulls(3))
write("date32", pa.array([datetime.date(2024, 2, 29), None, datetime.date(1, 1, 1)], pa.date32()))
write("time32", pa.array([datetime.time(10, 15, 0, 1000), None], pa.time32("ms")))
write("time64", pa.array([datetime.time(10, 15, 0, 123456), None], pa.time64("us")))
moment = datetime.datetime(2024, 1, 1, 12, 0, 0, 250000)
for unit in ["s", "ms", "us", "ns"]:
    write(f"local_{unit}", pa.array([moment.replace(microsecond=0), None], pa.timestamp(unit)))
    write(f"utc_{unit}", pa.array([moment.replace(microsecond=0, tzinfo=utc), None], pa.timestamp(unit, "UTC")))
write("int96", pa.array([moment, None], pa.timestamp("ns")), use_deprecated_int96_timestamps=True)
write("list", pa.array([[1, None, 3], [], None], pa.list_(pa.int64())))
write("large_list", pa.array([["a"], None], pa.large_list(pa.string())))
write("list_of_lists", pa.array([[[1], []], None], pa.list_(pa.list_(pa.int32()))))
write("list_of_times", pa.array([[moment]], pa.list_(pa.timestamp("us"))))
write("list_of_decimals", pa.array([[D("1.5")]], pa.list_(pa.decimal128(50 - 20, 2))))
inner = pa.struct([("a", pa.int64()), ("b", pa.struct([("s", pa.string())]))])
write("struct", pa.array([{"a": 1, "b": {"s": "x"}}, {"a": 2, "b": {"s": "y"}}, None], inner))
write("list_of_structs", pa.array([[{"a": 1, "b": {"s": "x"}}]], pa.list_(inner)))
write("map", pa.array([[("k", 1), ("l", 2)], None], pa.map_(pa.string(), pa.int64())))
write("uuid", pa.array([uuid.UUID(int=7).bytes, None], pa.uuid()))
write("binary", pa.array([b"a"]), taken=False)
write("fixed", pa.array([b"abcde"], pa.binary(5)), taken=False)
write("map_by_number", pa.array([[(1, 1)]], pa.map_(pa.int64(), pa.int64())), taken=False)
write("list_of_bytes", pa.array([[b"a"]], pa.list_(pa.binary())), taken=False)
many = pa.array([None if n % 5 == 0 else n * 3 for n in range(3000)], pa.int64())
texts = pa.array([None if n % 7 == 0 else f"text {n % 50}" for n in range(3000)])
halves = pa.array([n / 2 for n in range(3000)])
for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
    write(f"codec_{codec}", texts, compression=codec, row_group_size=700, data_page_size=512)
for version in ["1.0", "2.0"]:
    write(f"pages_{version[0]}", many, data_page_version=version, row_group_size=1000)
write("delta", many, use_dictionary=False, column_encoding={"at": "PLAIN", "n": "PLAIN", "c": "DELTA_BINARY_PACKED"})
for encoding in ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]:
    write(encoding.lower(), texts, use_dictionary=False, column_encoding={"at": "PLAIN", "n": "PLAIN", "c": encoding})
write("split", halves, use_dictionary=False, column_encoding={"at": "PLAIN", "n": "PLAIN", "c": "BYTE_STREAM_SPLIT"})
write("checksums", many, write_page_checksum=True)
write("no_rows", pa.array([], pa.int64()))
