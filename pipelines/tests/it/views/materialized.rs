//! Materialized views: the rows of each are those of its `SELECT` over `events` (I3), for everybody of their own (I6).

use engine::calendar::Period;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::units::Units;
use engine::view::View;
use pipelines::catalog::{ViewStatement, Visibility};
use pipelines::metering::compile::check_view;

use super::generate::{Random, batches, meters, tenants};
use super::node::{TestNode, rows, tenant};

const EVENTS: usize = 3000;

/// What can be kept current: every kind of key, aggregate and filter, alone and together.
const STATEMENTS: [&str; 20] = [
    "SELECT tenant, date_trunc('hour', time) AS hour, count(*) AS n FROM events GROUP BY tenant, hour",
    "SELECT date_bin(INTERVAL '5 minutes', time) AS w, sum(json_number(data, '$.value')) AS total FROM events \
     WHERE type = 'request' GROUP BY 1",
    "SELECT tenant, json_value(data, '$.region') AS region, avg(json_number(data, '$.value')) AS mean, \
     min(json_number(data, '$.value')) AS low, max(json_number(data, '$.value')) AS high FROM events GROUP BY 1, 2",
    "SELECT source, sum(json_number(data, '$.value')) / count(*) AS per_event, count(*) * 100 AS percent, count(subject) \
     FROM events GROUP BY source",
    "SELECT tenant, count(DISTINCT json_value(data, '$.region')) AS regions, approx_distinct(id) AS ids FROM events \
     GROUP BY tenant",
    "SELECT date_trunc('day', time) AS day, exact_stddev(json_number(data, '$.value')) AS spread, \
     percentile_sketch(json_number(data, '$.value'), 0.95) AS p95, exact_avg(json_number(data, '$.value')) AS mean \
     FROM events GROUP BY day",
    "SELECT median(json_number(data, '$.value')) AS middle, type FROM events GROUP BY type",
    "SELECT tenant, count(*) FILTER (WHERE json_value(data, '$.ok') = 'true') AS fine, \
     sum(json_number(data, '$.value')) FILTER (WHERE source = '/a') AS from_a FROM events GROUP BY tenant",
    "SELECT date_trunc('month', time) AS month, date_trunc('month', time) + INTERVAL '1 day' AS second, count(*) AS n \
     FROM events GROUP BY 1",
    "SELECT date_trunc('week', time) AS week, tenant, subject, source, type, count(*) AS n FROM events \
     GROUP BY 1, 2, 3, 4, 5",
    "SELECT json_value(data, '$.region') AS region, count(*) AS n FROM events WHERE json_value(data, '$.ok') = 'true' \
     AND json_number(data, '$.value') > 100 OR subject IS NULL GROUP BY 1",
    "SELECT tenant, latest_by(json_number(data, '$.value'), time, id) AS newest, \
     first_by(json_number(data, '$.value'), time, id) AS oldest FROM events e WHERE e.type IN ('request', 'job') \
     GROUP BY tenant",
    "SELECT json_number(data, '$.value') AS value, count(*) AS n FROM events WHERE type = 'job' GROUP BY 1",
    "SELECT tenant, min(time) AS first, max(time) AS last, max(id) AS id, min(subject) AS subject FROM public.events \
     GROUP BY tenant",
    "SELECT source, type FROM events GROUP BY source, type",
    "SELECT upper(json_value(data, '$.region')) AS region, bool_or(json_value(data, '$.ok') = 'true') AS any_ok, \
     unique_count(id) AS ids FROM events GROUP BY json_value(data, '$.region')",
    "SELECT date_bin(INTERVAL '1 hour', time, TIMESTAMP '2001-01-01T00:15:00') AS w, count(*) AS n FROM events GROUP BY w",
    "SELECT date_bin(INTERVAL '7 seconds', time) AS w, count(*) AS n FROM events WHERE tenant <> 'globex' GROUP BY w",
    "SELECT CASE WHEN count(*) > 500 THEN 'many' ELSE 'few' END AS much, json_value(data, '$.ok') AS ok FROM events \
     GROUP BY ok",
    "SELECT tenant, sum(length(id)) AS letters, sum(CAST(length(source) AS DECIMAL(10, 2)) * 3) AS thrice FROM events \
     WHERE time >= TIMESTAMP '2026-03-28T21:00:00' GROUP BY tenant",
];

fn kept() -> Vec<(String, &'static str)> {
    STATEMENTS.iter().enumerate().map(|(at, statement)| (format!("v{at}"), *statement)).collect()
}

/// Every view against its statement, as the platform, as each of two tenants and as both.
async fn compare(node: &std::sync::Arc<TestNode>, what: &str) {
    let whose = [
        Visibility::Platform,
        Visibility::Tenant("acme".into()),
        Visibility::Tenant("größe".into()),
        Visibility::Tenants(["acme".to_owned(), "größe".to_owned()].into()),
    ];
    for visibility in whose {
        let session = node.session(visibility.clone());
        for (name, statement) in kept() {
            let (mut of_view, mut of_events) =
                (rows(&session, &format!("SELECT * FROM {name}")).await, rows(&session, statement).await);
            assert!(!of_events.is_empty(), "{statement}");
            of_view.sort();
            of_events.sort();
            assert_eq!(of_view, of_events, "{what}, {visibility}: {statement}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_equals_its_select_over_events() {
    for seed in 1..=2 {
        let node = TestNode::new(meters(), tenants());
        let mut random = Random::new(seed);
        // Half of them from the beginning, half of them with a history.
        let (early, late): (Vec<_>, Vec<_>) = kept().into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
        early.into_iter().for_each(|(_, (name, statement))| node.create_view(&name, statement));
        for (at, batch) in batches(&mut random, 0, EVENTS).iter().enumerate() {
            if at == 30 {
                late.iter().for_each(|(_, (name, statement))| node.create_view(name, statement));
            }
            node.append(batch);
            if random.below(10) == 0 {
                node.publish();
            }
        }
        node.archive(EVENTS as u64 / 2);
        node.publish();
        compare(&node, &format!("seed {seed}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_on_the_window_and_the_tenant_read_the_right_groups() {
    let node = TestNode::new(Vec::new(), tenants());
    batches(&mut Random::new(5), 0, EVENTS).iter().for_each(|batch| drop(node.append(batch)));
    let select = "SELECT tenant, date_trunc('hour', time) AS hour, count(*) AS n FROM events GROUP BY 1, 2";
    node.create_view("hourly", select);
    node.create_view("monthly", &select.replace("'hour'", "'month'"));
    node.publish();
    let session = node.session(Visibility::Platform);
    let conditions = [
        "hour = TIMESTAMP '2026-03-28T22:00:00'",
        "hour > TIMESTAMP '2026-03-28T22:00:00' AND hour <= TIMESTAMP '2026-03-29T01:00:00' AND tenant = 'acme'",
        "hour < TIMESTAMP '2026-03-28T21:00:00'",
        "tenant IN ('globex', 'initech') AND n > 3",
        "hour = TIMESTAMP '2026-03-01T00:00:00'",
    ];
    for condition in conditions {
        for (view, select) in [("hourly", select.to_owned()), ("monthly", select.replace("'hour'", "'month'"))] {
            let of_view = rows(&session, &format!("SELECT * FROM {view} WHERE {condition} ORDER BY 1, 2")).await;
            let of_events = format!("SELECT * FROM ({select}) WHERE {condition} ORDER BY 1, 2");
            assert_eq!(of_view, rows(&session, &of_events).await, "{view} {condition}");
        }
    }
}

#[test]
fn what_can_not_be_kept_is_refused_with_its_name_and_a_way_out() {
    let check = |query: &str, construct: &str, reason: &str| {
        let refusal = check_view(&View { name: "v".into(), query: query.into() }).expect_err(query);
        assert_eq!(refusal.construct, construct, "{query}: {refusal}");
        assert!(refusal.reason.contains(reason), "{query}: {refusal}");
    };
    let n = "SELECT source, count(*) AS n FROM events";
    check(&format!("{n} GROUP BY source HAVING count(*) > 1"), "HAVING", "WHERE when you select from the view");
    check(&format!("{n} GROUP BY source ORDER BY n"), "ORDER BY", "no order");
    check(&format!("{n} GROUP BY source LIMIT 3"), "LIMIT", "limit when you select");
    check("SELECT DISTINCT source FROM events GROUP BY source", "DISTINCT", "leave it out");
    check("SELECT count(*) FROM events", "GROUP BY", "is missing");
    check("SELECT source FROM events", "GROUP BY", "is missing");
    check(&format!("{n} GROUP BY ROLLUP (source)"), "GROUPING SETS", "make one view each");
    check(&format!("{n} GROUP BY GROUPING SETS ((source), ())"), "GROUPING SETS", "make one view each");
    check(&format!("{n} GROUP BY source UNION ALL {n} GROUP BY source"), "UNION", "combine them in queries");
    check("WITH e AS (SELECT * FROM events) SELECT source FROM e GROUP BY source", "WITH", "into WHERE");
    check("SELECT source FROM (SELECT * FROM events) GROUP BY source", "subqueries", "into WHERE");
    check(
        "SELECT a.source FROM events a JOIN events b ON a.id = b.id GROUP BY a.source",
        "JOIN",
        "join when you select",
    );
    check("SELECT a.source FROM events a, events b GROUP BY a.source", "JOIN", "join when you select");
    check("SELECT tenant FROM usage GROUP BY tenant", "FROM usage", "events and nothing else");
    check("DELETE FROM events", "AS", "defined by a SELECT");
    check(
        "SELECT source, sum(count(*)) OVER () FROM events GROUP BY source",
        "window functions",
        "panes keep aggregates",
    );
    check(&format!("{n} WHERE id IN (SELECT id FROM events) GROUP BY source"), "subqueries", "can't be kept current");
    check("SELECT source, (SELECT 1) FROM events GROUP BY source", "subqueries", "can't be kept current");
    check(&format!("{n} WHERE time > now() - INTERVAL '1 hour' GROUP BY source"), "now", "replaying would differ");
    check("SELECT source, sum(random()) FROM events GROUP BY source", "random", "replaying would differ");
    check("SELECT source, count(*) * random() FROM events GROUP BY source", "random", "replaying would differ");
    check("SELECT source, array_agg(id) FROM events GROUP BY source", "array_agg", "independent of the order");
    check("SELECT source, stddev(json_number(data, '$.x')) FROM events GROUP BY source", "stddev", "exact_stddev");
    check(
        "SELECT source, approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY json_number(data, '$.x')) FROM events \
         GROUP BY source",
        "approx_percentile_cont",
        "percentile_sketch",
    );
    check(
        "SELECT source, sum(arrow_cast(json_number(data, '$.x'), 'Float64')) FROM events GROUP BY source",
        "sum(arrow_cast(json_number(data, '$.x'), 'Float64'))",
        "sums of floats depend on their order; cast to DECIMAL(38, 9)",
    );
    check("SELECT time, count(*) FROM events GROUP BY time", "GROUP BY time", "date_bin or date_trunc");
    check("SELECT id FROM events GROUP BY id", "GROUP BY id", "a key is tenant");
    check("SELECT upper(source) FROM events GROUP BY upper(source)", "GROUP BY upper(source)", "in the select list");
    check(
        "SELECT count(*) FROM events GROUP BY date_trunc('hour', time), date_trunc('day', time)",
        "GROUP BY date_trunc('day', time)",
        "one window",
    );
    let windows = [
        ("date_trunc('millisecond', time)", "a window is a second"),
        ("date_bin(INTERVAL '1 month', time)", "date_trunc('month', time)"),
        ("date_bin(INTERVAL '500 milliseconds', time)", "whole number of seconds"),
        ("date_bin(INTERVAL '7 minutes', time, TIMESTAMP '2001-01-01')", "multiple of the width"),
        ("date_trunc('hour', time + INTERVAL '5 minutes')", "time itself"),
    ];
    for (window, reason) in windows {
        let query = format!("SELECT count(*) FROM events GROUP BY {window}");
        let refusal = check_view(&View { name: "v".into(), query: query.clone() }).expect_err(&query);
        assert!(refusal.construct.starts_with("GROUP BY date_"), "{query}: {refusal}");
        assert!(refusal.reason.contains(reason), "{query}: {refusal}");
    }
    check("SELECT source, max(data) FROM events GROUP BY source", "data", "json_value(data, '$.member')");
    check("SELECT data ->> 'a' AS a FROM events GROUP BY 1", "->>", "json_value(data, '$.member')");
    check("SELECT source, max(revision) FROM events GROUP BY source", "revision", "not of the event itself");
    check("SELECT source, max(json_value(data, 'x')) FROM events GROUP BY source", "SELECT", "not a path");
    check("SELECT source AS tenant FROM events GROUP BY source", "AS tenant", "another name");
    check("SELECT sourc FROM events GROUP BY sourc", "SELECT", "sourc");
    let many = (0..9).map(|at| format!("json_value(data, '$.m{at}')")).collect::<Vec<_>>().join(", ");
    check(&format!("SELECT count(*) FROM events GROUP BY {many}"), "GROUP BY", "at most 8");
}

#[test]
fn statements_about_views_are_told_from_others() {
    let parse = |sql: &str| ViewStatement::parse(sql);
    let select = "SELECT source, count(*) FROM events GROUP BY source";
    let view = |name: &str| View { name: name.into(), query: select.into() };
    let create = |name: &str, if_not_exists| Some(ViewStatement::Create { view: view(name), if_not_exists });
    assert_eq!(parse(&format!("create materialized view V as {select};")).unwrap(), create("v", false));
    assert_eq!(
        parse(&format!("/* x */ CREATE MATERIALIZED VIEW IF NOT EXISTS public.\"v\" AS {select}")).unwrap(),
        create("v", true)
    );
    let names = vec!["a".to_owned(), "b".to_owned()];
    let drop = ViewStatement::Drop { names, if_exists: true };
    assert_eq!(parse("DROP MATERIALIZED VIEW IF EXISTS a, b").unwrap(), Some(drop));
    let refresh = Some(ViewStatement::Refresh { name: "a".into() });
    assert_eq!(parse("REFRESH MATERIALIZED VIEW CONCURRENTLY a").unwrap(), refresh);
    for other in ["SELECT 1", "CREATE VIEW v AS SELECT 1", "DROP TABLE t", "", "'", "CREATE MATERIALIZED"] {
        assert_eq!(parse(other).unwrap(), None, "{other}");
    }
    let refused = |sql: &str, expect: &str| {
        let error = parse(sql).expect_err(sql).to_string();
        assert!(error.contains(expect), "{sql}: {error}");
    };
    refused(&format!("CREATE OR REPLACE MATERIALIZED VIEW v AS {select}"), "OR REPLACE");
    refused(&format!("CREATE MATERIALIZED VIEW v (a, b) AS {select}"), "column list");
    refused(&format!("CREATE MATERIALIZED VIEW v WITH (fillfactor = 70) AS {select}"), "options");
    refused(&format!("CREATE MATERIALIZED VIEW other.v AS {select}"), "the only schema is public");
    refused(&format!("CREATE MATERIALIZED VIEW events AS {select}"), "belongs to a view of the catalog");
    refused(&format!("CREATE MATERIALIZED VIEW meter_x AS {select}"), "belongs to a view of the catalog");
    refused(&format!("CREATE MATERIALIZED VIEW v AS {select}; SELECT 1"), "SELECT");
    refused("CREATE MATERIALIZED VIEW v AS", "ParserError");
}

/// One event of `who` whose members are these.
fn event(builder: &mut EventBatchBuilder, who: &str, id: &str, region: &str, value: i64) {
    builder.text("/region", region);
    builder.units("/value", Units::whole(value));
    builder.commit(Attributes { tenant: who, id, source: "/s", event_type: "t", subject: None, time_us: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_without_the_tenant_shows_a_tenant_its_own_events_only() {
    let all = ["acme", "beta", "zeta"].map(|name| tenant(name, Period::Month, "UTC"));
    let node = TestNode::new(Vec::new(), all.to_vec());
    let select = "SELECT json_value(data, '$.region') AS region, sum(json_number(data, '$.value')) AS total FROM events \
                  GROUP BY 1";
    node.create_view("by_region", select);
    let mut builder = EventBatchBuilder::new();
    event(&mut builder, "acme", "1", "eu", 5);
    event(&mut builder, "zeta", "2", "eu", 70);
    event(&mut builder, "zeta", "3", "secret", 800);
    node.append(&builder.finish());
    node.publish();
    let all = "SELECT region, CAST(total AS INT) FROM by_region ORDER BY 1";
    let row = |region: &str, total: &str| vec![region.to_owned(), total.to_owned()];
    let platform = node.session(Visibility::Platform);
    assert_eq!(rows(&platform, all).await, [row("eu", "75"), row("secret", "800")]);
    let acme = node.session(Visibility::Tenant("acme".into()));
    assert_eq!(rows(&acme, all).await, [row("eu", "5")]);
    let zeta = node.session(Visibility::Tenant("zeta".into()));
    assert_eq!(rows(&zeta, all).await, [row("eu", "70"), row("secret", "800")]);
    let some = |tenants: &[&str]| Visibility::Tenants(tenants.iter().map(|&tenant| tenant.to_owned()).collect());
    assert_eq!(rows(&node.session(some(&["acme"])), all).await, [row("eu", "5")]);
    assert_eq!(rows(&node.session(some(&["acme", "zeta"])), all).await, [row("eu", "75"), row("secret", "800")]);
    assert_eq!(rows(&node.session(some(&["acme", "beta"])), all).await, [row("eu", "5")]);
    assert_eq!(rows(&node.session(some(&["beta", "nobody"])), all).await, Vec::<Vec<String>>::new());
    let columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'by_region' ORDER BY 1";
    assert_eq!(rows(&acme, columns).await, [["region"], ["total"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_view_is_gone_and_a_new_one_of_its_name_begins_with_its_history() {
    let node = TestNode::new(Vec::new(), tenants());
    batches(&mut Random::new(9), 0, 500).iter().for_each(|batch| drop(node.append(batch)));
    node.create_view("v", "SELECT source, count(*) AS n FROM events GROUP BY source");
    node.publish();
    let session = node.session(Visibility::Platform);
    assert_eq!(rows(&session, "SELECT sum(n) FROM v").await, [["500"]]);
    node.drop_view("v");
    node.publish();
    assert!(session.sql("SELECT * FROM v").await.is_err());
    assert_eq!(rows(&session, "SELECT count(*) FROM materialized_views").await, [["0"]]);
    node.create_view("v", "SELECT type, count(*) AS m FROM events GROUP BY type");
    node.publish();
    assert_eq!(rows(&session, "SELECT sum(m) FROM v").await, [["500"]]);
    let listed = "SELECT name, definition, watermark IS NOT NULL, events, panes > 0 FROM materialized_views";
    let definition = "SELECT type, count(*) AS m FROM events GROUP BY type";
    assert_eq!(rows(&session, listed).await, [["v", definition, "true", "500", "true"]]);
    let tenant = node.session(Visibility::Tenant("acme".into()));
    assert_eq!(rows(&tenant, "SELECT name, events FROM materialized_views").await, [["v", "NULL"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_select_list_that_fails_says_so_as_in_any_query() {
    let node = TestNode::new(Vec::new(), tenants());
    let mut builder = EventBatchBuilder::new();
    event(&mut builder, "acme", "1", "eu", 0);
    node.append(&builder.finish());
    node.create_view("v", "SELECT source, 1 / sum(json_number(data, '$.value')) AS x FROM events GROUP BY source");
    node.publish();
    let session = node.session(Visibility::Platform);
    let error = session.sql("SELECT * FROM v").await.unwrap().collect().await.unwrap_err();
    assert!(error.to_string().contains("Divide by zero"), "{error}");
}
