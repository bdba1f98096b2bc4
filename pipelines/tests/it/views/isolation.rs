//! I6: a tenant's session holds that tenant's rows and nothing else, whatever SQL is tried; and it only reads.

use std::sync::Arc;

use engine::event::split::shard_of;
use pipelines::catalog::{CatalogError, Visibility};

use super::generate::{Random, batches, meters, tenants};
use super::node::{TestNode, rows};

const OWN: &str = "globex";

fn filled() -> Arc<TestNode> {
    let node = TestNode::new(meters(), tenants());
    let mut random = Random::new(7);
    batches(&mut random, 0, 1500).iter().for_each(|batch| drop(node.append(batch)));
    tenants().iter().for_each(|row| node.reject(&row.tenant));
    node.publish();
    node.archive(node.log.end() / 2);
    node.publish();
    node
}

fn own() -> Visibility {
    Visibility::Tenant(OWN.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_is_confined_to_its_tenant() {
    let node = filled();
    let platform = node.session(Visibility::Platform);
    let session = node.session(own());
    let names = rows(&session, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'").await;
    assert_eq!(names.len(), 19 - 1 + meters().len(), "{names:?}");
    for name in names.iter().map(|row| &row[0]) {
        if ["meters", "materialized_views", "engine"].contains(&name.as_str()) {
            continue;
        }
        let sql = format!("SELECT DISTINCT tenant FROM {name}");
        assert_eq!(rows(&session, &sql).await, [[OWN]], "{name}");
        let all = rows(&platform, &sql).await;
        assert!(all.len() > 1, "{name}: the platform sees {all:?}");
        let counted = rows(&session, &format!("SELECT count(*) FROM {name}")).await;
        let expected = rows(&platform, &format!("SELECT count(*) FROM {name} WHERE tenant = '{OWN}'")).await;
        assert_eq!(counted, expected, "{name}");
        for predicate in ["tenant = 'acme'", "tenant <> 'globex'", "tenant IN ('acme', 'initech')", "tenant LIKE 'a%'"]
        {
            let sql = format!("SELECT count(*) FROM {name} WHERE {predicate}");
            assert_eq!(rows(&session, &sql).await, [["0"]], "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn some_tenants_are_exactly_those() {
    let node = filled();
    let platform = node.session(Visibility::Platform);
    let session = node.session(Visibility::Tenants([OWN.to_owned(), "acme".to_owned(), "nobody".to_owned()].into()));
    let names = rows(&session, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'").await;
    assert_eq!(names.len(), 19 - 1 + meters().len(), "{names:?}");
    for name in names.iter().map(|row| &row[0]) {
        if ["meters", "materialized_views", "engine"].contains(&name.as_str()) {
            continue;
        }
        let theirs = "tenant IN ('acme', 'globex')";
        let of =
            |condition: &str| format!("SELECT tenant, count(*) FROM {name} WHERE {condition} GROUP BY 1 ORDER BY 1");
        let found = rows(&session, &of("true")).await;
        assert_eq!(found, rows(&platform, &of(theirs)).await, "{name}");
        assert!(found.len() == 2 || name == "quotas", "{name}: {found:?}");
        let others = rows(&session, &of(&format!("NOT ({theirs}) OR tenant LIKE 'i%'"))).await;
        assert!(others.is_empty(), "{name}: {others:?}");
    }
    assert!(session.sql("SELECT * FROM engine_shards").await.is_err());
    let statistics = "SELECT DISTINCT events, value_missing, panes FROM meters";
    assert_eq!(rows(&session, statistics).await, [["NULL", "NULL", "NULL"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_over_all_tenants_are_not_a_tenants() {
    let node = filled();
    let session = node.session(own());
    assert!(session.sql("SELECT * FROM engine_shards").await.is_err());
    let statistics = "SELECT DISTINCT events, value_missing, panes FROM meters";
    assert_eq!(rows(&session, statistics).await, [["NULL", "NULL", "NULL"]]);
    let platform = rows(&node.session(Visibility::Platform), "SELECT min(events) > 0 FROM meters").await;
    assert_eq!(platform, [["true"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_reading_is_carried_out() {
    let node = filled();
    let catalog = node.catalog();
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE EXTERNAL TABLE t (a TEXT) STORED AS CSV LOCATION '/etc/passwd'",
        "DROP TABLE tenants",
        "INSERT INTO tenants VALUES ('a')",
        "DELETE FROM tenants",
        "UPDATE tenants SET plan = 'free'",
        "COPY (SELECT 1) TO '/tmp/out.parquet' STORED AS PARQUET",
        "SET datafusion.runtime.memory_limit = '100G'",
        "SET datafusion.execution.target_partitions = 512",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS DELETE FROM tenants",
        "EXPLAIN ANALYZE DELETE FROM tenants",
    ] {
        let refused = catalog.query(&Visibility::Platform, sql).await;
        assert!(matches!(refused, Err(CatalogError::ReadOnly(_) | CatalogError::DataFusion(_))), "{sql}");
    }
    for sql in ["SELECT * FROM '/etc/passwd'", "SELECT * FROM \"file:///etc/passwd\""] {
        assert!(catalog.query(&Visibility::Platform, sql).await.is_err(), "{sql}");
    }
    // What may be set is told to be forgotten, however it is written.
    for sql in [
        "SET TIME ZONE = 'Europe/Zurich'",
        "SET TIME ZONE 'Europe/Zurich'",
        "SET datafusion.execution.time_zone = 'Europe/Zurich'",
    ] {
        let refused = catalog.query(&Visibility::Platform, sql).await;
        assert!(matches!(refused, Err(CatalogError::Setting(_))), "{sql}");
    }
    catalog.query(&Visibility::Platform, "SHOW TABLES").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_shows_what_a_scan_is_bounded_to() {
    let node = filled();
    let plan = |visibility: Visibility, sql: &'static str| {
        let session = node.session(visibility);
        async move { rows(&session, &format!("EXPLAIN {sql}")).await.concat().concat() }
    };
    let point =
        plan(Visibility::Platform, "SELECT value FROM usage WHERE tenant = 'acme' AND meter = 'requests'").await;
    assert!(point.contains("ViewScan: view=usage, meter=[requests], tenant=[acme], columns=[meter value]"), "{point}");
    let confined = plan(own(), "SELECT count(*) FROM events WHERE time >= TIMESTAMP '2026-03-29T00:00:00Z'").await;
    assert!(confined.contains("ViewScan: view=events, tenant=[globex], time=1774742400000000..="), "{confined}");
    let limited = plan(own(), "SELECT id FROM events LIMIT 3").await;
    assert!(limited.contains("limit=3"), "{limited}");
    assert_eq!(rows(&node.session(own()), "SELECT id FROM events LIMIT 3").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_facts_are_shown() {
    let node = filled();
    let session = node.session(own());
    let quota = "SELECT meter, kind, period, \"limit\", used, leased, remaining, hard FROM quotas";
    let expect = ["requests", "allowance", "day", "10.000000000", "3.000000000", "2.000000000", "5.000000000", "true"];
    assert_eq!(rows(&session, quota).await, [expect]);
    let tenant = "SELECT tenant, status, plan, billing_period, time_zone FROM tenants";
    assert_eq!(rows(&session, tenant).await, [["globex", "active", "NULL", "day", "Asia/Tokyo"]]);
    let rejection = "SELECT reason, field, count, sample_id FROM rejections";
    assert_eq!(rows(&session, rejection).await, [["quota_exceeded", "requests", "3", "e1"]]);
    let meter = "SELECT event_type, value, aggregation, dimensions FROM meters WHERE name = 'amount'";
    assert_eq!(rows(&session, meter).await, [["request", "$.value", "sum", r#"{"ok":"$.ok","region":"$.region"}"#]]);
    let engine = "SELECT epoch, freshness_ms, \"offset\" - revision FROM engine";
    assert_eq!(rows(&session, engine).await, [["1", "1000", "1"]]);
    // Its own shard's watermark, and not the platform's, which is the least of all shards'.
    let watermark = "SELECT watermark, watermark_lag_ms > 0 FROM engine";
    let of_shard = format!(
        "SELECT watermark, watermark_lag_ms > 0 FROM engine_shards WHERE shard = {}",
        shard_of(OWN, super::node::SHARDS)
    );
    let expect = rows(&node.session(Visibility::Platform), &of_shard).await;
    assert_eq!(rows(&session, watermark).await, expect);
    let least = "SELECT min(watermark), true FROM engine_shards";
    let least = rows(&node.session(Visibility::Platform), least).await;
    assert_eq!(rows(&node.session(Visibility::Platform), watermark).await, least);
    assert_ne!(least, expect, "two shards of one watermark tell nothing");
    let shards = "SELECT shard, \"offset\" > 0, lag, watermark_lag_ms > 0 FROM engine_shards ORDER BY shard LIMIT 1";
    assert_eq!(rows(&node.session(Visibility::Platform), shards).await, [["0", "true", "0", "true"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_columns_have_comments() {
    let node = filled();
    let session = node.session(own());
    let without = "SELECT table_name, column_name FROM information_schema.columns \
                   WHERE table_schema = 'public' AND column_comment IS NULL";
    assert_eq!(rows(&session, without).await, Vec::<Vec<String>>::new());
    let one = "SELECT ordinal_position, data_type, column_comment FROM information_schema.columns \
               WHERE table_name = 'usage' AND column_name = 'value'";
    assert_eq!(rows(&session, one).await, [["6", "numeric", "the aggregate, in the meter's unit"]]);
    let kinds = "SELECT DISTINCT data_type, udt_name, numeric_precision, numeric_scale, datetime_precision \
                 FROM information_schema.columns WHERE table_schema = 'public' ORDER BY data_type";
    let expect = [
        ["bigint", "int8", "64", "0", "NULL"],
        ["boolean", "bool", "NULL", "NULL", "NULL"],
        ["integer", "int4", "32", "0", "NULL"],
        ["numeric", "numeric", "38", "9", "NULL"],
        ["text", "text", "NULL", "NULL", "NULL"],
        ["timestamp with time zone", "timestamptz", "NULL", "NULL", "6"],
    ];
    assert_eq!(rows(&session, kinds).await, expect);
    let dimension = "SELECT column_comment FROM information_schema.columns \
                     WHERE table_name = 'meter_amount' AND column_name = 'region'";
    assert_eq!(rows(&session, dimension).await, [["dimension $.region of data"]]);
    let tables = "SELECT count(*), count(table_comment) FROM information_schema.tables WHERE table_schema = 'public'";
    let counted = rows(&session, tables).await;
    assert_eq!(counted[0][0], counted[0][1]);
    // They are in nobody's way.
    let union = "SELECT DISTINCT c FROM (SELECT coalesce(state, sqlstate) AS c FROM queries WHERE state = 'x' UNION ALL \
                 SELECT string_agg(v, ',') FROM (VALUES ('y')) AS t(v))";
    assert_eq!(rows(&session, union).await, [["y"]]);
    // What clients ask for is still there.
    assert!(!rows(&session, "SHOW TABLES").await.is_empty());
    assert!(!rows(&session, "SHOW COLUMNS FROM usage").await.is_empty());
    assert!(!rows(&session, "SHOW datafusion.execution.time_zone").await.is_empty());
    assert!(!rows(&session, "SHOW FUNCTIONS LIKE 'sum'").await.is_empty());
    assert!(
        rows(&session, "SELECT * FROM information_schema.tables WHERE table_name = 'engine_shards'").await.is_empty()
    );
}

#[tokio::test]
async fn a_limit_over_rows_that_are_distinct_is_no_internal_error() {
    let node = filled();
    // They come sorted by something else than what they are told apart by.
    let limited =
        "SELECT c FROM (SELECT DISTINCT lag(value) OVER (ORDER BY value) AS b, value AS c FROM usage) LIMIT 3";
    assert!(!rows(&node.session(own()), limited).await.is_empty());
}
