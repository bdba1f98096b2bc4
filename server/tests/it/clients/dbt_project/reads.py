"""dbt over a target that only reads: what it tests, shows and documents, and how it says that it can't build."""

import json
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner

# The folder has the profile, and gets what dbt makes.
project, made = Path(__file__).parent, Path(sys.argv[1])
places = ["--project-dir", project, "--profiles-dir", made, "--target-path", made, "--log-path", made]
dbt = dbtRunner()


def ask(*command):
    told = dbt.invoke(["--no-use-colors", "--quiet", *map(str, command), *map(str, places)])
    assert told.exception is None, (command, told.exception)
    return told


tested = ask("test")
assert tested.success, [(result.node.name, result.message) for result in tested.result]
print(f"test: {len(tested.result)} passed")

fresh = ask("source", "freshness")
ages = {result.node.name: str(result.max_loaded_at) for result in fresh.result}
assert ages == {"usage": "2026-11-23 12:00:00+00:00"}, ages
print(f"freshness: {ages['usage']}")

shown = ask("show", "--select", "hours", "--output", "json").result.results[0].agate_table
rows = [(row["tenant"], str(row["hour"]), int(row["value"]), int(row["windows"])) for row in shown.rows]
hour = "2026-11-23 11:00:00+00:00"
assert sorted(rows) == [("acme", hour, 1830, 60), ("globex", hour, 100, 1)], rows
print(f"show: {rows}")

ask("docs", "generate")
catalog = json.loads((made / "catalog.json").read_text())
usage = catalog["sources"]["source.tenantry.node.usage"]
columns = {name: column["type"] for name, column in usage["columns"].items()}
assert usage["metadata"]["type"] == "VIEW" and columns["tenant"] == "text", usage
assert columns["window_start"] == "timestamp with time zone" and columns["final"] == "boolean", columns
print(f"docs: {len(columns)} columns of usage")

built = ask("run", "--select", "hours", "--vars", "{kind: view}")
[refused] = built.result
assert not built.success and "only reads" in refused.message, refused.message
print("run: refused")
