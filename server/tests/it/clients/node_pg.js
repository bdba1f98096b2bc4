// node's pg against a node: every answer is what Postgres would give.

"use strict";

const assert = require("node:assert/strict");
const { Client, Pool, types } = require("pg");
const Cursor = require("pg-cursor");

// The host, the user and its key are taken from the environment.
const options = { ssl: { rejectUnauthorized: false } };
// The driver makes dates begin in the zone of the machine.
types.setTypeParser(types.builtins.DATE, (text) => text);

const since = new Date("2026-11-23T11:30:00Z");
const minute = 60_000;
// Parameters go as text, without a type: what each is follows from where it stands.
const ANSWERS = [
  ["select tenant from tenants order by 1 limit $1", [2], [{ tenant: "acme" }, { tenant: "globex" }]],
  ["select tenant from tenants order by 1 limit $1 offset $2", [1, 1], [{ tenant: "globex" }]],
  ["select tenant from tenants order by 1 offset $1", ["2"], [{ tenant: "platform" }]],
  ["select tenant from tenants order by 1 limit $1", [null], [{ tenant: "acme" }, { tenant: "globex" }, { tenant: "platform" }]],
  ["select count(*) from usage where tenant = $1", ["acme"], [{ count: "60" }]],
  ["select count(*) from usage where tenant in ($1, $2)", ["acme", "globex"], [{ count: "61" }]],
  ["select count(*) from usage where tenant = any($1)", [["globex", "x"]], [{ count: "1" }]],
  ["select count(*) from usage where tenant <> all($1)", [["globex", "x"]], [{ count: "60" }]],
  ["select count(*) from usage where value = any($1)", [[1, "2.0", 2.5]], [{ count: "2" }]],
  ["select count(*) from usage where window_start = any($1)", [[since, new Date(since - minute)]], [{ count: "3" }]],
  ["select sum(value) from usage where value > $1 and value <= $2", [30.5, "60"], [{ sum: "1365.000000000" }]],
  ["select count(*) from usage where window_start >= $1 and tenant = $2", [since, "acme"], [{ count: "30" }]],
  ["select count(*) from usage where window_start between $1 and $2", [since, "2026-11-23 11:31:00+00"], [{ count: "3" }]],
  ["select count(*) from usage where window_start > $1::timestamptz - $2::interval", [since, "5 minutes"], [{ count: "35" }]],
  ["select count(*) from usage where final = $1", [false], [{ count: "61" }]],
  ["select count(*) from meter_tokens where model like $1", ["sm%"], [{ count: "31" }]],
  ["select count(*) from events where data::json ->> 'model' = $1", ["small"], [{ count: "31" }]],
  ["select tenant, sum(value) from usage group by tenant having sum(value) > $1", [100], [{ tenant: "acme", sum: "1830.000000000" }]],
  ["select coalesce($1, tenant) as name from tenants order by tenant limit 1", [null], [{ name: "acme" }]],
  ["select $1::int as a, $2::bigint as b, $3::float8 as c", [41, "1099511627776", 1.5], [{ a: 41, b: "1099511627776", c: 1.5 }]],
  ["select $1::numeric(20, 5) as a, $2::numeric(3, 1) as b", ["123.45678", 0.1], [{ a: "123.45678", b: "0.1" }]],
  ["select $1::text as a, $2 || 'b' as b", ["it's", "a"], [{ a: "it's", b: "ab" }]],
  ["select $1::boolean as a, $2::date as b", [true, "2026-01-02"], [{ a: true, b: "2026-01-02" }]],
  ["select $1::timestamptz as a", [since], [{ a: since }]],
  ["select $1::int[] as a, $2::text[] as b", [[1, null, 3], ["a,b", null, 'c"d']], [{ a: [1, null, 3], b: ["a,b", null, 'c"d'] }]],
  ["select $1::timestamptz[] as a", [[since, null]], [{ a: [since, null] }]],
  ["select $1::jsonb as a, $2::json as b", [{ a: [1, "x"] }, "[2]"], [{ a: { a: [1, "x"] }, b: [2] }]],
  ["select $1::uuid as a", ["00000000000000000000000000000005"], [{ a: "00000000-0000-0000-0000-000000000005" }]],
  ["select $1::bytea as a", [Buffer.from([0, 1, 255])], [{ a: Buffer.from([0, 1, 255]) }]],
  ["select $1::int as a, $2::text as b", [null, undefined], [{ a: null, b: null }]],
];

async function answers(client) {
  for (const [sql, values, expect] of ANSWERS) {
    const { rows } = await client.query(sql, values);
    assert.deepEqual(rows, expect, sql);
  }
  return `${ANSWERS.length} answers`;
}

async function names(client) {
  const [counted] = (await client.query("select count(*), sum(value), max(window_start) from usage")).rows;
  assert.deepEqual(counted, { count: "61", sum: "1930.000000000", max: new Date("2026-11-23T11:59:00Z") });
  const twice = "select value, value::int, count(*), count(*) from usage where tenant = $1 group by value";
  const { fields, rows } = await client.query({ text: twice, values: ["globex"], rowMode: "array" });
  assert.deepEqual(fields.map((field) => field.name), ["value", "value", "count", "count"]);
  assert.deepEqual(rows, [["100.000000000", 100, "1", "1"]]);
  const [last] = (await client.query(twice, ["globex"])).rows;
  assert.deepEqual(last, { value: 100, count: "1" });
  return `${fields.length} columns of ${Object.keys(last).length} names`;
}

async function prepared(client) {
  const text = "select window_start, value from meter_tokens where model = $1 and value >= $2 order by value limit $3";
  let found = 0;
  for (const [model, least] of [["small", 10], ["large", 20.5], ["small", "59"]]) {
    const { rows, rowCount } = await client.query({ name: "by model", text, values: [model, least, 2] });
    assert.ok(rows.every((row) => row.window_start instanceof Date && Number(row.value) >= Number(least)));
    found += rowCount;
  }
  return `${found} rows by one statement`;
}

async function read(client) {
  const cursor = client.query(new Cursor("select value from usage where tenant = $1 order by value", ["acme"]));
  const portions = [];
  for (let rows = await cursor.read(25); rows.length > 0; rows = await cursor.read(25)) {
    portions.push(rows.length);
  }
  await cursor.close();
  const left = client.query(new Cursor("select value from usage"));
  assert.equal((await left.read(1)).length, 1);
  await left.close();
  assert.deepEqual(portions, [25, 25, 10]);
  return `portions of ${portions.join(", ")}`;
}

async function failures(client) {
  await assert.rejects(client.query("select nothing from usage where tenant = $1", ["acme"]), { code: "42703" });
  await assert.rejects(client.query("select $1::int", ["x"]), { code: "22P02" });
  await assert.rejects(client.query("select 1 limit $1", [-1]), { code: "2201W" });
  await assert.rejects(client.query("delete from usage where tenant = $1", ["acme"]), { code: "25006" });
  await client.query("begin");
  await assert.rejects(client.query("select nothing"), { code: "42703" });
  await assert.rejects(client.query("select 1"), { code: "25P02" });
  await client.query("rollback");
  const [one, two] = await client.query("select 'a' as x; select 'b' as x");
  assert.deepEqual([one.rows, two.rows], [[{ x: "a" }], [{ x: "b" }]]);
  return "6 refusals";
}

async function pooled() {
  const pool = new Pool({ ...options, max: 4 });
  const asked = Array.from({ length: 40 }, (_, n) => pool.query("select value from usage where value = $1 and tenant = 'acme'", [n + 1]));
  const found = (await Promise.all(asked)).map(({ rows }) => Number(rows[0].value));
  assert.deepEqual(found, Array.from({ length: 40 }, (_, n) => n + 1));
  const told = `${found.length} answers by ${pool.totalCount} clients`;
  await pool.end();
  return told;
}

async function main() {
  const client = new Client(options);
  await client.connect();
  for (const part of [answers, names, prepared, read, failures]) {
    console.log(`${part.name}: ${await part(client)}`);
  }
  await client.end();
  console.log(`pooled: ${await pooled()}`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
