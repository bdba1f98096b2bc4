//! SQL gives what Postgres gives, or an error: names, arithmetic, times and zones. Each answer here is that of PostgreSQL 16.

use arrow::util::display::{ArrayFormatter, FormatOptions};
use pipelines::catalog::{Catalog, Visibility};

use super::generate::{batches, meters, tenants};
use super::node::TestNode;
use super::random::Random;

/// The rows of `sql` as text, columns by `|`, under their names.
async fn answered(catalog: &Catalog, sql: &str, zone: Option<&str>) -> Result<String, String> {
    let frame = catalog.query_in(&Visibility::Platform, sql, zone).await.map_err(|error| error.to_string())?;
    let names = frame.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    let mut lines = vec![names.join("|")];
    for batch in batches {
        let told = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        assert_eq!(told, names, "{sql}");
        let options = FormatOptions::default().with_null("NULL");
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap());
        let columns = columns.collect::<Vec<_>>();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    Ok(lines.join("\n"))
}

fn catalog() -> Catalog {
    let node = TestNode::new(meters(), tenants());
    batches(&mut Random::new(7), 0, 200).iter().for_each(|batch| drop(node.append(batch)));
    node.publish();
    node.catalog()
}

async fn check(catalog: &Catalog, sql: &str, expect: &str) {
    let got = answered(catalog, sql, None).await.unwrap_or_else(|error| error);
    assert_eq!(got, expect, "{sql}");
}

async fn refused(catalog: &Catalog, sql: &str, expect: &str) {
    let got = answered(catalog, sql, None).await;
    assert!(got.as_ref().is_err_and(|told| told.contains(expect)), "{sql}: {got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_have_the_names_that_postgres_gives() {
    let catalog = catalog();
    let check = async |select: &str, names: &str| {
        let got = answered(&catalog, &format!("SELECT {select}"), None).await.unwrap_or_else(|error| error);
        assert_eq!(got.lines().next().unwrap_or_default(), names, "{select}");
    };
    let of = "FROM (VALUES (1.5, 'x'), (2.5, 'y')) t(value, text)";
    check(&format!("value, value::int {of}"), "value|value").await;
    check(&format!("count(*), count(*) {of}"), "count|count").await;
    check("1, 1, 'a'", "?column?|?column?|?column?").await;
    check("1::int, '2026-01-01'::date, date '2026-01-01', now()::timestamptz", "int4|date|date|now").await;
    check(&format!("sum(value) + 1, sum(value), max(text) AS m, count(*)::int {of}"), "?column?|sum|m|count").await;
    check(&format!("text, text, text AS text {of}"), "text|text|text").await;
    check(&format!("sum(value::bigint) AS a, sum(value) AS b, sum(value::int) {of}"), "a|b|sum").await;
    check("(SELECT max(value) FROM usage), CASE WHEN true THEN 1 END", "max|case").await;
    check(&format!("coalesce(text, 'z'), upper(text), extract(year from now()) > 0 {of}"), "coalesce|upper|?column?")
        .await;
    check(&format!("*, value::int {of}"), "value|text|value").await;
    check(&format!("count(*) AS \"Total\", max(value) AS total {of}"), "Total|total").await;
    check(&format!("CASE WHEN value > 2 THEN 0 ELSE value END, (value) {of}"), "value|value").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_share_a_name_are_told_apart() {
    let catalog = catalog();
    let of = "(VALUES (2.6), (1.2)) t(value)";
    check(&catalog, &format!("SELECT value, value::int FROM {of} ORDER BY 1"), "value|value\n1.2|1\n2.6|3").await;
    check(&catalog, &format!("SELECT value::int FROM {of} ORDER BY value"), "value\n1\n3").await;
    check(&catalog, &format!("SELECT value::text FROM {of} ORDER BY value DESC LIMIT 1"), "value\n2.6").await;
    check(&catalog, &format!("SELECT count(*) FROM {of} ORDER BY count"), "count\n2").await;
    check(&catalog, &format!("SELECT sum(value::int) AS a, sum(value) AS b FROM {of}"), "a|b\n4|3.8").await;
    check(&catalog, &format!("SELECT count FROM (SELECT count(*), max(value) FROM {of}) q"), "count\n2").await;
    check(&catalog, &format!("WITH q AS (SELECT count(*), count(*) FROM {of}) SELECT * FROM q"), "count|count\n2|2")
        .await;
    check(&catalog, "SELECT count(*) FROM (SELECT 1, 1) q UNION ALL SELECT 5 ORDER BY count", "count\n1\n5").await;
    let grouped = format!("SELECT value::int, count(*) FROM {of} GROUP BY value::int, value ORDER BY 1");
    check(&catalog, &grouped, "value|count\n1|1\n3|1").await;
    let distinct = format!("SELECT DISTINCT ON (value) value::int, value AS v FROM {of} ORDER BY value");
    check(&catalog, &distinct, "value|v\n1|1.2\n3|2.6").await;
    refused(&catalog, &format!("SELECT value, value::int FROM {of} ORDER BY value"), "mbiguous").await;
    check(&catalog, "SELECT e.tenant, e.tenant FROM events e ORDER BY e.tenant LIMIT 0", "tenant|tenant").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_exact_or_an_error() {
    let catalog = catalog();
    check(&catalog, "SELECT 0.1 + 0.2 = 0.3 AS same", "same\ntrue").await;
    check(&catalog, "SELECT 2.5::int AS a, (-2.5)::int AS b, 2.7::numeric(10,1)::bigint AS c", "a|b|c\n3|-3|3").await;
    check(&catalog, "SELECT 2.5::float8::int AS a, 3.5::float8::int AS b", "a|b\n2|4").await;
    check(&catalog, "SELECT count(*) FROM (VALUES (2.7)) t(v) WHERE v::int = 3", "count\n1").await;
    check(&catalog, "SELECT round(1.005, 2) AS a, round(0.285, 2) AS b", "a|b\n1.01|0.29").await;
    check(&catalog, "SELECT 10.0 / 4 = 2.5 AS a, round(2 / 3.0, 9) AS b", "a|b\ntrue|0.666666667").await;
    check(&catalog, "SELECT 7 / 2 AS a, -7 / 2 AS b, 7 % 2 AS c", "a|b|c\n3|-3|1").await;
    let most = "9223372036854775807";
    for overflow in [
        format!("SELECT {most} + 1"),
        format!("SELECT v - 2 FROM (VALUES (-{most})) t(v)"),
        format!("SELECT v * 2 FROM (VALUES ({most})) t(v)"),
        "SELECT 2147483647::int + 1::int".to_owned(),
        "SELECT 3000000000::int".to_owned(),
    ] {
        let got = answered(&catalog, &overflow, None).await;
        assert!(got.is_err(), "{overflow}: {got:?}");
    }
    check(&catalog, &format!("SELECT sum(v) FROM (VALUES ({most}), ({most})) t(v)"), "sum\n18446744073709551614").await;
    check(&catalog, &format!("SELECT sum(v) FROM (VALUES (1), ({most}), (NULL)) t(v)"), "sum\n9223372036854775808")
        .await;
    check(&catalog, "SELECT sum(v) FROM (VALUES (1)) t(v) WHERE v > 1", "sum\nNULL").await;
    let huge = "99999999999999999999999999999999999999";
    refused(&catalog, &format!("SELECT sum(v) FROM (VALUES ({huge}), ({huge})) t(v)"), "verflow").await;
    let sliding = "SELECT sum(v) OVER (ORDER BY v ROWS 1 PRECEDING) AS s FROM (VALUES (1), (2), (4)) t(v) ORDER BY s";
    check(&catalog, sliding, "s\n1\n3\n6").await;
    check(&catalog, "SELECT sum(DISTINCT v), count(v) FROM (VALUES (2), (2), (3)) t(v)", "sum|count\n5|3").await;
    for zero in ["SELECT 1 / 0", "SELECT 1.5 / 0", "SELECT 1.5::float8 / 0", "SELECT 1 % 0"] {
        refused(&catalog, zero, "ivide by zero").await;
    }
    let kinds = "SELECT arrow_typeof(sum(CASE WHEN v > 1 THEN 1 ELSE 0 END)) AS a, arrow_typeof(sum(v)) AS b \
                 FROM (VALUES (1), (2)) t(v)";
    check(&catalog, kinds, "a|b\nInt64|Decimal128(38, 0)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_read_as_postgres_reads_them() {
    let catalog = catalog();
    check(&catalog, "SELECT '2026-07-01T15:45Z'::timestamptz AS t", "t\n2026-07-01T15:45:00Z").await;
    check(&catalog, "SELECT timestamp '2026-07-01 15:45' AS t", "t\n2026-07-01T15:45:00").await;
    check(&catalog, "SELECT '2026-07-01 15:45'::date AS t", "t\n2026-07-01").await;
    let count = "SELECT count(*) > 0 AS some FROM events WHERE time >= '2020-07-01 15:45'";
    check(&catalog, count, "some\ntrue").await;
    check(&catalog, "SELECT count(*) FROM events WHERE id = '2026-07-01 15:45'", "count\n0").await;
    let there = "SELECT date_trunc('day', timestamptz '2026-03-01 02:00:00+00', 'America/Los_Angeles') AS t";
    check(&catalog, there, "t\n2026-02-28T08:00:00Z").await;
    let hour = "SELECT date_trunc('hour', time, 'Asia/Kathmandu') IS NOT NULL AS t FROM events LIMIT 1";
    check(&catalog, hour, "t\ntrue").await;
    let at = "SELECT timestamptz '2026-03-01 02:00:00+00' AT TIME ZONE 'Europe/Zurich' AS t";
    check(&catalog, at, "t\n2026-03-01T03:00:00").await;
    let back = "SELECT timestamp '2026-03-01 02:00:00' AT TIME ZONE 'Asia/Kathmandu' AS t";
    check(&catalog, back, "t\n2026-02-28T20:15:00Z").await;
    check(&catalog, "SELECT (timestamptz '2026-03-01 02:00:00+00')::text AS t", "t\n2026-03-01 02:00:00+00").await;
    refused(&catalog, "SELECT now() AT TIME ZONE 'Mars/Olympus'", "not recognized").await;
    refused(&catalog, "SELECT date_trunc('day', now(), 'Mars/Olympus')", "not recognized").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_zone_applies_to_all_that_is_printed_parsed_and_truncated() {
    let catalog = catalog();
    let there = async |sql: &str, expect: &str| {
        let got = answered(&catalog, sql, Some("america/new_york")).await.unwrap_or_else(|error| error);
        assert_eq!(got, expect, "{sql}");
    };
    let at = "timestamptz '2026-03-01 02:00:00+00'";
    there(&format!("SELECT {at} AS t"), "t\n2026-02-28T21:00:00-05:00").await;
    there(&format!("SELECT date_trunc('day', {at}) AS t"), "t\n2026-02-28T00:00:00-05:00").await;
    there(&format!("SELECT extract(hour from {at}) AS t"), "t\n21").await;
    there(&format!("SELECT ({at})::date AS t"), "t\n2026-02-28").await;
    there(&format!("SELECT ({at})::text AS t"), "t\n2026-02-28 21:00:00-05").await;
    there("SELECT timestamptz '2026-03-01 02:00' AS t", "t\n2026-03-01T02:00:00-05:00").await;
    there("SELECT timestamp '2026-03-01 02:00' AT TIME ZONE 'UTC' AS t", "t\n2026-02-28T21:00:00-05:00").await;
    there(&format!("SELECT {at} AT TIME ZONE 'Europe/Zurich' AS t"), "t\n2026-03-01T03:00:00").await;
    // The two are never on one day, so at any hour one of them is not on UTC's.
    for zone in ["Pacific/Kiritimati", "Etc/GMT+12"] {
        let same = format!(
            "SELECT current_date = now()::date AND current_date = current_timestamp::date \
             AND current_date = (now() AT TIME ZONE '{zone}')::date AS same"
        );
        assert_eq!(answered(&catalog, &same, Some(zone)).await.as_deref(), Ok("same\ntrue"), "{zone}");
    }
    // The views' instants too, whatever bounds them.
    let own = "SELECT count(*) AS n FROM events WHERE date_trunc('day', time)::date <> time::date \
               OR extract(hour from time) <> extract(hour from (time AT TIME ZONE 'America/New_York')) \
               OR time::text NOT LIKE '%-0_'";
    there(own, "n\n0").await;
    let bounds = "SELECT min(time)::text AS low, max(time)::text AS high FROM events";
    let found = answered(&catalog, bounds, Some("America/New_York")).await.unwrap();
    let (low, high) = found.lines().nth(1).and_then(|line| line.split_once('|')).unwrap();
    let of = |text: &str| text.get(..16).unwrap().to_owned();
    let within = format!("SELECT count(*) > 0 AS some FROM events WHERE time BETWEEN '{}' AND '{}'", of(low), high);
    there(&within, "some\ntrue").await;
    let year = "SELECT count(*) FILTER (WHERE extract(year from time) = 2026) = \
                count(*) FILTER (WHERE time >= '2026-01-01' AND time < '2027-01-01') AS same FROM events";
    there(year, "same\ntrue").await;
    let bound = "SELECT (SELECT count(*) FROM events WHERE extract(year from time) = 2026) = \
                 (SELECT count(*) FROM events WHERE time >= '2026-01-01' AND time < '2027-01-01') AS same";
    there(bound, "same\ntrue").await;
    let error = answered(&catalog, "SELECT 1", Some("Mars/Olympus")).await.unwrap_err();
    assert!(error.contains("not recognized"), "{error}");
    refused(&catalog, "SET TIME ZONE 'Europe/Zurich'", "session of its own").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_give_what_those_of_postgres_give() {
    let catalog = catalog();
    let mut other = Vec::new();
    for (select, expect) in [
        (
            "to_json(1.50), to_json('a\"'::text), to_json(ARRAY[1, NULL]), to_jsonb(1e20::float8)",
            r#"1.50|"a\""|[1,null]|100000000000000000000"#,
        ),
        ("to_json(timestamp '2026-03-01 12:00'), to_json(date '2026-03-01')", r#""2026-03-01T12:00:00"|"2026-03-01""#),
        (
            "json_build_object('a', 1, 'b', NULL, 3, true), json_build_array()",
            r#"{"a" : 1, "b" : null, "3" : true}|[]"#,
        ),
        (
            "jsonb_build_object('b', 1, 'a', 2, 'b', 3), to_jsonb(ROW(1, 'x'))",
            r#"{"a": 2, "b": 3}|{"f1": 1, "f2": "x"}"#,
        ),
        ("json_build_array('a', to_json(2), ROW(1))", r#"["a", 2, {"f1":1}]"#),
        ("json_agg(x ORDER BY x DESC) FROM (VALUES (1), (2), (NULL)) t(x)", "[null, 2, 1]"),
        ("json_agg(x) FILTER (WHERE x > 1) FROM (VALUES (1), (2)) t(x)", "[2]"),
        ("json_agg(x) FROM (VALUES (1)) t(x) WHERE false", "NULL"),
        ("json_object_agg(k, v ORDER BY v) FROM (VALUES ('a', 2), ('b', 1)) t(k, v)", r#"{ "b" : 1, "a" : 2 }"#),
        ("jsonb_object_agg(k, v ORDER BY v) FROM (VALUES ('a', 2), ('b', 1), ('a', 3)) t(k, v)", r#"{"a": 3, "b": 1}"#),
        ("json_agg(to_json(x)) FROM (VALUES (1)) t(x)", "[1]"),
        ("row_to_json(t) FROM (SELECT 1 AS a, 'x' AS b) t", r#"{"a":1,"b":"x"}"#),
        (
            "json_agg(t ORDER BY a) FROM (VALUES (1, 'x'), (2, NULL)) t(a, b)",
            "[{\"a\":1,\"b\":\"x\"}, \n {\"a\":2,\"b\":null}]",
        ),
        ("row_to_json(t)::text FROM (SELECT tenant, count(*) AS n FROM events WHERE false GROUP BY tenant) t", ""),
        ("mod(7, 3), mod(-7, 3), mod(7.50, 2.1), sign('NaN'::float8)", "1|-1|1.20|0.0"),
        ("(interval '1 month 1 day' * 1.5)::text, (2 * interval '1 month')::text", "1 mon 16 days 12:00:00|2 mons"),
        ("(interval '1 year' / 7)::text, (interval '1 month' / 3)::text", "1 mon 21 days 10:17:08.5344|10 days"),
        ("((timestamp '2026-01-03' - timestamp '2026-01-01') / 2)::text", "1 day"),
        (
            "justify_hours(interval '27 hours')::text, justify_interval(interval '1 mon -1 hour')::text",
            "1 day 03:00:00|29 days 23:00:00",
        ),
        (
            "to_number('12,454.8-', '99G999D9S'), to_number('12.567', '99.99'), to_number(NULL, '9')",
            "-12454.8|12.56|NULL",
        ),
        ("quote_ident('A b'), quote_ident('a'), quote_ident('\"a\"')", "\"A b\"|a|\"\"\"a\"\"\""),
        (
            "pg_typeof(1), pg_typeof('x'), pg_typeof(now()), pg_typeof(1.5), pg_typeof(1::bigint)",
            "integer|unknown|timestamp with time zone|numeric|bigint",
        ),
        (
            "date_trunc('day', max(x) FILTER (WHERE false)) FROM (VALUES (1, now()), (2, now())) t(g, x) GROUP BY g LIMIT 1",
            "NULL",
        ),
        ("1.5 IN (ceil(1.2), 1.5), 2.5 NOT IN (floor(2.5), round(3.5), 4)", "true|true"),
    ] {
        let got = answered(&catalog, &format!("SELECT {select}"), None).await.unwrap_or_else(|error| error);
        let got = got.split_once('\n').map_or("", |(_, rows)| rows);
        if got != expect {
            other.push(format!("{select}\n  {got}\n  {expect}"));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
    for (select, expect) in [
        ("json_build_object('a')", "even number"),
        ("json_build_object(NULL, 1)", "cannot be null"),
        ("json_object_agg(k, 1) FROM (VALUES (NULL)) t(k)", "must not be null"),
        ("json_agg(DISTINCT x) FROM (VALUES (1)) t(x)", "DISTINCT"),
        ("to_json('x')", "unknown"),
        ("row_to_json(t) FROM (VALUES (1)) a(x) LEFT JOIN (VALUES (2)) t(y) ON a.x = t.y", "outer join"),
        ("row_to_json(t), count(*) FROM (VALUES (1)) t(x) GROUP BY x", "grouped"),
        ("mod(1.5::float8, 1)", "mod"),
        ("interval '1 month' / 0", "ivide by zero"),
        ("to_number('abc', '99')", "numeric"),
        ("to_number('1234', '99.99')", "overflow"),
        ("pg_typeof(1 + 1)", "cast it"),
    ] {
        refused(&catalog, &format!("SELECT {select}"), expect).await;
    }
}
