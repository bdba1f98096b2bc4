"""The command line: makes what is missing, runs every engine in turn, compares the answers, prints the table.

Only the standard library, because it runs before there is an environment.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from . import environment, report
from .measure import Failed, measure

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLONE = os.path.dirname(os.path.dirname(HERE))

ENGINES = {
    "tenantry": (
        "batch",
        "parquet",
        "durable before it answers, exactly once by id for 34 days, checkpoints, late events counted",
    ),
    "tenantry-csv": ("batch", "csv", "the same"),
    "duckdb": ("batch", "parquet", "none: one pass in memory"),
    "polars": ("batch", "parquet", "none: one pass in memory"),
    "chdb": ("batch", "parquet", "none: one pass in memory"),
    "flink": (
        "flink",
        "csv",
        "exactly once by id while the job lives, checkpoints; events later than the bound are dropped",
    ),
}
"""Environment, file, and what somebody who kills it or sends twice can rely on."""


def parser():
    description = """Runs one job on Tenantry and four peers and prints what each costs:
events with repeats and late rows -> per tenant, type, region, model and minute: count, sum, max -> three questions.
All must give the same answers. CPU seconds are user and system of all processes; they are the figure to compare,
since wall time suffers from whatever else the machine does."""
    flags = argparse.ArgumentParser(
        prog="benches/peers/run", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--rows", type=int, default=10_000_000, help="events in the file (default: %(default)s)")
    flags.add_argument("--runs", type=int, default=3, help="runs of each engine; medians count (default: %(default)s)")
    flags.add_argument("--flink-runs", type=int, default=1, help="the same for Flink, which takes minutes (default: 1)")
    flags.add_argument(
        "--engines",
        default=",".join(ENGINES),
        help="which, separated by commas (default: %(default)s)",
    )
    flags.add_argument("--seed", type=int, default=1, help="of the events (default: %(default)s)")
    flags.add_argument(
        "--tenantry",
        default=os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(CLONE, "target")), "release", "tenantry"),
        help="the binary (default: %(default)s)",
    )
    flags.add_argument(
        "--cache",
        default=os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "tenantry-peers"),
        help="folder for the environments (about 2 GB) and the events (default: %(default)s)",
    )
    flags.add_argument("--markdown", metavar="FILE", help="also write the table there")
    return flags


def main():
    flags = parser()
    options = flags.parse_args()
    engines = options.engines.split(",")
    for engine in engines:
        if engine not in ENGINES:
            flags.error(f"no engine {engine}; there are {', '.join(ENGINES)}")
    if any(engine.startswith("tenantry") for engine in engines) and not os.path.exists(options.tenantry):
        flags.error(f"no {options.tenantry}: build it with cargo build --release, or name it with --tenantry")
    if "flink" in engines and shutil.which("java") is None:
        flags.error("flink needs java 17 in the PATH, for instance from the package openjdk-17-jre-headless")
    pythons = {"batch": environment.ready(options.cache, HERE, "batch")}
    if "flink" in engines:
        pythons["flink"] = environment.ready(options.cache, HERE, "flink")
    events, facts = make_events(pythons["batch"], options, any(ENGINES[engine][1] == "csv" for engine in engines))

    results, answers = {}, {}
    for engine in engines:
        runs = options.flink_runs if engine == "flink" else options.runs
        try:
            measured = [run(engine, pythons, events, options) for _ in range(runs)]
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
        results[engine] = summary(measured)
        answers[engine] = measured[0]["answers"]
        print(report.line(engine, results[engine]), file=sys.stderr)
    agreement = compare(answers, facts)
    table = report.table(results, {engine: ENGINES[engine][2] for engine in engines}, facts)
    print(table)
    print(agreement or "All answers are the same.")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(table)
    return 1 if agreement else 0


def make_events(python, options, csv):
    folder = os.path.join(options.cache, "events", f"{options.rows}-{options.seed}")
    print(f"events: {folder}", file=sys.stderr)
    command = [python, "-B", os.path.join(HERE, "jobs", "events.py"), folder, str(options.rows), str(options.seed)]
    done = subprocess.run([*command, "csv"] if csv else command, check=True, stdout=subprocess.PIPE, text=True)
    return folder, json.loads(done.stdout)


def run(engine, pythons, events, options):
    python, kind, _ = ENGINES[engine]
    file = os.path.join(events, f"events.{kind}")
    job = os.path.join(HERE, "jobs", f"on_{engine.partition('-')[0]}.py")
    # Everybody finds the file in the page cache.
    with open(file, "rb", buffering=0) as warm:
        while warm.read(1 << 22):
            pass
    with tempfile.TemporaryDirectory(dir=options.cache, prefix="run-") as folder:
        handed_in = os.path.join(folder, "answers.json")
        cost = measure(
            [pythons[python], "-B", job, file, handed_in, folder],
            {**os.environ, "TENANTRY": os.path.abspath(options.tenantry)},
            os.path.join(folder, "output"),
        )
        with open(handed_in, encoding="utf-8") as answers:
            return {**cost, **json.load(answers)}


def summary(measured):
    """Medians; the version is the same in all."""
    figures = ("wall_s", "cpu_s", "minutes_cpu_s", "peak_bytes")
    medians = {figure: statistics.median(one[figure] for one in measured) for figure in figures}
    spread = [min(one["cpu_s"] for one in measured), max(one["cpu_s"] for one in measured)]
    return {**medians, "cpu_s_spread": spread, "runs": len(measured), "version": measured[0]["version"]}


def compare(answers, facts):
    """What differs, or an empty text. Events of the last question add up to the different ones that were generated."""
    faults = []
    (first, expected), *others = answers.items()
    counted = sum(row[3] for row in expected["largest"])
    if counted != facts["unique"]:
        faults.append(f"{first} counts {counted} events, the file has {facts['unique']} different ones")
    for engine, given in others:
        faults += [f"{engine} and {first} differ in {name}" for name in expected if given[name] != expected[name]]
    return "\n".join(faults)
