//! Parquet files as pyarrow writes them: each is imported with the values that pyarrow reads, or refused by its column.

use std::process::Command;

use serde_json::Value;

use super::tools;
use crate::cli::{expect, stderr, stdout};

#[test]
fn what_pyarrow_writes_is_taken_as_pyarrow_reads_it() {
    let Some(python) = tools::python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let output = Command::new(python).arg(tools::script("parquet.py")).arg(at).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let mut wrong = Vec::new();
    for line in stdout(&output).lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let file = format!("{name}.parquet");
        let source = format!("/{name}");
        let import = ["import", &file, "--format", "parquet", "--tenant", "acme", "--time-column", "at", "--type", "t"];
        let import = [&import[..], &["--source-name", &source, "--data", "node"]].concat();
        let Some(rows) = case["expect"].as_array() else {
            let told = stderr(&expect(at, &import, 1));
            if !told.contains("c is ") {
                wrong.push(format!("{name}: {told}"));
            }
            continue;
        };
        let told = stderr(&expect(at, &import, 0));
        let sql = format!("SELECT data FROM events WHERE source = '{source}' ORDER BY json_number(data, '$.n')");
        let found = stdout(&expect(at, &["sql", &sql, "--format", "json", "--data", "node"], 0));
        let found: Vec<Value> = found.lines().map(|row| data(&serde_json::from_str(row).unwrap())).collect();
        let rows: Vec<Value> = rows.iter().cloned().map(spelled_one_way).collect();
        if found != rows {
            let at = found.iter().zip(&rows).position(|(found, row)| found != row);
            let first = at.map(|at| (found[at].clone(), rows[at].clone()));
            wrong.push(format!("{name}: {} rows of {}, {first:?}: {told}", found.len(), rows.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn data(row: &Value) -> Value {
    spelled_one_way(serde_json::from_str(row["data"].as_str().unwrap()).unwrap())
}

/// Numbers as floats, which is what Python's JSON has, to as many digits as every parser of floats gets right.
fn spelled_one_way(value: Value) -> Value {
    match value {
        Value::Number(number) => format!("{:.12e}", number.as_f64().unwrap()).into(),
        Value::Array(items) => items.into_iter().map(spelled_one_way).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, spelled_one_way(member))).collect(),
        other => other,
    }
}
