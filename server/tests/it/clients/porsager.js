// porsager's postgres against a node: every answer is what Postgres would give.

"use strict";

const assert = require("node:assert/strict");
const postgres = require("postgres");

// The host, the user and its key are taken from the environment. A server that is not verified is enough here.
const options = { ssl: "require", max: 4, onnotice: () => {} };

const since = new Date("2026-11-23T11:30:00Z");

// Parameters have the types that the driver sees in them; of others it asks.
async function answers(sql) {
  const wanted = ["globex", "x"];
  const asked = [
    [sql`select tenant from tenants order by 1 limit ${2}`, [{ tenant: "acme" }, { tenant: "globex" }]],
    [sql`select tenant from tenants order by 1 limit ${1} offset ${1}`, [{ tenant: "globex" }]],
    [sql`select count(*) from usage where tenant = ${"acme"}`, [{ count: "60" }]],
    [sql`select count(*) from usage where tenant = any(${wanted})`, [{ count: "1" }]],
    [sql`select count(*) from usage where tenant in ${sql(wanted)}`, [{ count: "1" }]],
    [sql`select count(*) from usage where value = any(${[1, 2, 2.5]})`, [{ count: "2" }]],
    [sql`select count(*) from usage where window_start = any(${sql.array([since])})`, [{ count: "2" }]],
    [sql`select sum(value) from usage where value > ${30.5} and value <= ${60}`, [{ sum: "1365.000000000" }]],
    [sql`select count(*) from usage where window_start >= ${since} and final = ${false}`, [{ count: "31" }]],
    [sql`select count(*) from meter_tokens where model like ${"sm%"}`, [{ count: "31" }]],
    [sql`select ${since}::timestamptz as a, ${"2026-01-02"}::text as b`, [{ a: since, b: "2026-01-02" }]],
    [sql`select ${41}::int as a, ${1n << 40n}::bigint as b, ${1.5}::float8 as c`, [{ a: 41, b: "1099511627776", c: 1.5 }]],
    [sql`select ${"123.45678"}::numeric(20, 5) as a, ${true}::boolean as b`, [{ a: "123.45678", b: true }]],
    [sql`select ${sql.json({ a: [1, "x"] })}::jsonb as a`, [{ a: { a: [1, "x"] } }]],
    [sql`select ${[1, 2, 3]}::int[] as a, ${["a,b", 'c"d']}::text[] as b`, [{ a: [1, 2, 3], b: ["a,b", 'c"d'] }]],
    [sql`select ${sql.array([since])}::timestamptz[] as a, ${["1.5", "2"]}::numeric(3, 1)[] as b`, [{ a: [since], b: ["1.5", "2.0"] }]],
    [sql`select ${Buffer.from([0, 1, 255])}::bytea as a, ${null}::text as b`, [{ a: Buffer.from([0, 1, 255]), b: null }]],
    [sql.unsafe("select tenant from tenants where tenant = $1 limit $2", ["acme", 5]), [{ tenant: "acme" }]],
  ];
  for (const [query, expect] of asked) {
    const rows = await query;
    assert.deepEqual([...rows], expect, rows.statement.string);
  }
  return `${asked.length} answers`;
}

async function names(sql) {
  const [counted] = await sql`select count(*), sum(value) from usage`;
  assert.equal(counted.count, "61");
  const rows = await sql`select value, value::int, count(*) from usage where tenant = ${"globex"} group by value`.values();
  assert.deepEqual([...rows], [["100.000000000", 100, "1"]]);
  assert.deepEqual(rows.columns.map((column) => column.name), ["value", "value", "count"]);
  const { types, columns } = await sql`select window_start from usage where value > ${1} limit ${1}`.describe();
  assert.deepEqual([types, columns[0].type], [[1700, 20], 1184]);
  return rows.columns.map((column) => column.name).join(", ");
}

async function fragments(sql) {
  const total = async (model, least) => {
    const by = model ? sql`and model = ${model}` : sql``;
    const [{ total }] = await sql`select sum(value) as total from meter_tokens where value >= ${least} ${by}`;
    return Number(total);
  };
  const totals = [await total(null, 1), await total("large", 1), await total("small", 60)];
  assert.deepEqual(totals, [1930, 930, 100]);
  return totals.join(", ");
}

async function portions(sql) {
  const found = [];
  await sql`select value from usage where tenant = ${"acme"} order by value`.cursor(25, (rows) => {
    found.push(rows.length);
  });
  let first = 0;
  await sql`select value from usage where tenant = ${"acme"} order by value`.cursor(10, ([row]) => {
    first = Number(row.value);
    return sql.CLOSE;
  });
  let sum = 0;
  await sql`select value from usage`.forEach((row) => {
    sum += Number(row.value);
  });
  assert.deepEqual([found, first, sum], [[25, 25, 10], 1, 1930]);
  return found.join(", ");
}

async function transactions(sql) {
  const kept = await sql.begin("read only", async (sql) => {
    const [{ count }] = await sql`select count(*) from usage where tenant = ${"acme"}`;
    return count;
  });
  assert.equal(kept, "60");
  const failing = sql.begin(async (sql) => {
    await sql`select nothing from usage`;
  });
  await assert.rejects(failing, { code: "42703" });
  await assert.rejects(sql`delete from usage where tenant = ${"acme"}`, { code: "25006" });
  return `${kept} rows in a block`;
}

// More queries than connections, sent one behind the other on each.
async function pooled(sql) {
  const numbers = Array.from({ length: 40 }, (_, n) => n + 1);
  const found = await Promise.all(numbers.map((n) => sql`select value from usage where value = ${n} and tenant = 'acme'`));
  assert.deepEqual(found.map(([row]) => Number(row.value)), numbers);
  return `${found.length} answers`;
}

async function main() {
  const sql = postgres(options);
  for (const part of [answers, names, fragments, portions, transactions, pooled]) {
    console.log(`${part.name}: ${await part(sql)}`);
  }
  await sql.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
