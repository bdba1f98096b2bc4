"""Keeps a table of what is to be billed up to date with Tenantry. Run it as often as you like; kill it whenever you like.

Usage: billing_job.py TENANTRY_URL KEY DATABASE. Prints how many rows have changed.
"""

import json
import os
import sqlite3
import sys
import urllib.request

url, key, path = sys.argv[1:4]

database = sqlite3.connect(path)
database.executescript("""
    CREATE TABLE IF NOT EXISTS billed (
        tenant TEXT, meter TEXT, period_start TEXT, period_end TEXT, value TEXT, final BOOLEAN, correction BOOLEAN,
        PRIMARY KEY (tenant, meter, period_start));
    CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), after INTEGER NOT NULL);
""")
found = database.execute("SELECT after FROM cursor").fetchone()
after = f"&after={found[0]}" if found else ""

request = urllib.request.Request(f"{url}/v1/usage/export?format=ndjson{after}", headers={"Authorization": f"Bearer {key}"})
changed = 0
# Rows and cursor are stored in one transaction. If the export breaks off, or this process does, nothing is stored, and the
# next run asks for the same changes again.
with urllib.request.urlopen(request, timeout=60) as export, database:
    for line in export:
        row = json.loads(line, parse_float=str, parse_int=str)
        changed += 1
        if row["removed"]:
            database.execute("DELETE FROM billed WHERE (tenant, meter, period_start) = (:tenant, :meter, :period_start)", row)
        else:
            database.execute(
                "INSERT OR REPLACE INTO billed VALUES "
                "(:tenant, :meter, :period_start, :period_end, :value, :final, :correction)", row)
    if "CRASH" in os.environ:
        os._exit(1)
    database.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (int(export.headers["Tenantry-Next"]),))
print(changed)
