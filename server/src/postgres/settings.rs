//! Settings that are what they are: what `SHOW`, `current_setting` and `pg_settings` tell; and `pg_indexes`, which is empty.
//!
//! Not here: settings that a session changes, which the library keeps.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::common::Result;

/// The version of Postgres that is spoken; clients choose their catalog queries by it.
pub(super) const SERVER_VERSION: &str = "16.6";

const SETTINGS: [(&str, &str); 15] = [
    ("server_version", SERVER_VERSION),
    ("server_version_num", "160006"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("integer_datetimes", "on"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("default_transaction_read_only", "on"),
    ("transaction_read_only", "on"),
    // Each statement has a cut of its own, whatever was asked for.
    ("transaction_isolation", "read committed"),
    ("is_superuser", "off"),
    ("in_hot_standby", "off"),
    ("lc_collate", "C.UTF-8"),
    ("password_encryption", "scram-sha-256"),
];

/// By its name in lower case.
pub(super) fn setting(name: &str) -> Option<&'static str> {
    SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// `pg_catalog` with these in `pg_settings`.
#[derive(Debug)]
pub(super) struct WithSettings {
    inner: Arc<dyn SchemaProvider>,
    settings: Arc<dyn TableProvider>,
    indexes: Arc<dyn TableProvider>,
}

impl WithSettings {
    pub(super) fn new(inner: Arc<dyn SchemaProvider>) -> Result<Self> {
        let text = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let column = |of: fn(&(&'static str, &'static str)) -> Option<&'static str>| {
            text(SETTINGS.iter().map(of).collect::<Vec<_>>())
        };
        let none = || column(|_| None);
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("name", column(|(name, _)| Some(name)), true),
            ("setting", column(|(_, value)| Some(value)), true),
            ("unit", none(), true),
            ("category", column(|_| Some("Preset Options")), true),
            ("short_desc", none(), true),
            ("extra_desc", none(), true),
            ("context", column(|_| Some("internal")), true),
            ("vartype", column(|_| Some("string")), true),
            ("source", column(|_| Some("default")), true),
            ("min_val", none(), true),
            ("max_val", none(), true),
            ("enumvals", none(), true),
            ("boot_val", column(|(_, value)| Some(value)), true),
            ("reset_val", column(|(_, value)| Some(value)), true),
            ("sourcefile", none(), true),
            ("sourceline", none(), true),
            ("pending_restart", Arc::new(BooleanArray::from(vec![false; SETTINGS.len()])), true),
        ])?;
        let settings = Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?);
        let nothing = || Arc::new(StringArray::new_null(0)) as ArrayRef;
        let columns = ["schemaname", "tablename", "indexname", "tablespace", "indexdef"];
        let none = RecordBatch::try_from_iter_with_nullable(columns.map(|column| (column, nothing(), true)))?;
        let indexes = Arc::new(MemTable::try_new(none.schema(), vec![vec![none]])?);
        Ok(Self { inner, settings, indexes })
    }
}

#[async_trait]
impl SchemaProvider for WithSettings {
    fn table_names(&self) -> Vec<String> {
        self.inner.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match name {
            "pg_settings" => Ok(Some(Arc::clone(&self.settings))),
            "pg_indexes" => Ok(Some(Arc::clone(&self.indexes))),
            _ => self.inner.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        name == "pg_indexes" || self.inner.table_exist(name)
    }
}
