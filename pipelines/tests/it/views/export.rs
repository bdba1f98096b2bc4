//! Results as bytes, in each format, empty and large.

use bytes::Bytes;
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use pipelines::catalog::Visibility;
use pipelines::export::{Format, chunks, write};

use super::generate::{meters, tenants};
use super::node::TestNode;

async fn exported(sql: &str, format: Format) -> Vec<u8> {
    let catalog = TestNode::new(meters(), tenants()).catalog();
    let stream = || async { catalog.query(&Visibility::Platform, sql).await.unwrap().execute_stream().await.unwrap() };
    let mut written = Vec::new();
    let rows = write(stream().await, format, &mut written).await.unwrap();
    let chunked = chunks(stream().await, format).try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(written, chunked, "{sql} {format}: {rows} rows");
    written
}

async fn check(sql: &str, format: Format, expect: &str) {
    assert_eq!(String::from_utf8(exported(sql, format).await).unwrap(), expect, "{sql} {format}");
}

#[tokio::test(flavor = "multi_thread")]
async fn small_results_in_each_format() {
    let sql = "SELECT 'a \"b\", c' AS text, CAST(1.5 AS DECIMAL(38, 9)) AS value, CAST(NULL AS BIGINT) AS absent, \
               timestamptz '1970-01-01 00:00Z' AS at";
    check(sql, Format::Csv, "text,value,absent,at\n\"a \"\"b\"\", c\",1.500000000,,1970-01-01T00:00:00Z\n").await;
    let json = "{\"text\":\"a \\\"b\\\", c\",\"value\":1.500000000,\"absent\":null,\"at\":\"1970-01-01T00:00:00Z\"}\n";
    check(sql, Format::Ndjson, json).await;
    check("SELECT 1 AS one", Format::Table, "+-----+\n| one |\n+-----+\n| 1   |\n+-----+\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_results_still_have_their_columns() {
    let sql = "SELECT tenant FROM events";
    check(sql, Format::Csv, "tenant\n").await;
    check(sql, Format::Ndjson, "").await;
    check(sql, Format::Table, "+--------+\n| tenant |\n+--------+\n+--------+\n").await;
    let parquet = Bytes::from(exported(sql, Format::Parquet).await);
    assert_eq!(ParquetRecordBatchReader::try_new(parquet, 10).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_are_whole() {
    let sql = "SELECT value FROM generate_series(1, 300000) AS value";
    let parquet = Bytes::from(exported(sql, Format::Parquet).await);
    let rows = ParquetRecordBatchReader::try_new(parquet, 8192).unwrap().map(|batch| batch.unwrap().num_rows());
    assert_eq!(rows.sum::<usize>(), 300_000);
    let csv = exported(sql, Format::Csv).await;
    assert_eq!(csv.iter().filter(|byte| **byte == b'\n').count(), 300_001);
    let table = exported("SELECT value FROM generate_series(1, 2500) AS value", Format::Table).await;
    let lines = String::from_utf8(table).unwrap();
    assert_eq!(lines.lines().filter(|line| line.starts_with("| ") && !line.contains("value")).count(), 2500);
}

#[test]
fn formats_are_named() {
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    assert_eq!("json".parse(), Ok(Format::Ndjson));
    assert!("xml".parse::<Format>().unwrap_err().to_string().contains("ndjson"));
}
