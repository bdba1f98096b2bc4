//! Which column of a file is which attribute of an event, and which are data.
//!
//! Filled from flags, or from a TOML or JSON file with the same names:
//!
//! ```toml
//! tenant_column = "customer"
//! time_column = "InvoiceDate"
//! time_format = "%Y-%m-%d %H:%M:%S"
//! type = "shop.purchase"
//! exclude = ["Description"]
//! types = { StockCode = "text", Quantity = "number" }
//! ```
//!
//! Not here: reading the file, converting cells.

pub(crate) mod time;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use engine::event::syntax::{is_attribute_name, is_string, is_uri_reference};
use engine::path::push_member;
use serde::{Deserialize, Serialize};

use time::{TimeFormat, TimeParser};

/// Largest mapping file, in bytes.
const MAPPING_BYTES_MAX: u64 = 1024 * 1024;

/// Names that the mapping's other fields give, or that are no attributes.
const OWN_NAMES: [&str; 9] =
    ["specversion", "id", "source", "type", "subject", "time", "tenant", "data", "datacontenttype"];

/// From columns to attributes. Unknown names in a file are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// The tenant of every row; instead of `tenant_column`.
    pub tenant: Option<String>,
    /// Column that names the tenant.
    pub tenant_column: Option<String>,
    /// Column of the event's time. Required.
    pub time_column: String,
    /// How that column is written. In Parquet only for columns that are texts or numbers.
    pub time_format: TimeFormat,
    /// IANA time zone of times that do not state their own, whatever they are written in: texts, dates, timestamps.
    pub time_zone: String,
    /// Column of the event's id. Without one, what the row says is its id: the same row is the same event in any file.
    pub id_column: Option<String>,
    /// CloudEvents `source` of every row. Ids are unique within it, so it must not depend on where the file lies.
    pub source: String,
    /// CloudEvents `type` of every row; instead of `type_column`.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Column of the type.
    pub type_column: Option<String>,
    /// Column of the subject.
    pub subject_column: Option<String>,
    /// Columns of further attributes, by the attribute's name.
    pub attributes: BTreeMap<String, String>,
    /// Columns that become data. Without it, all that are no attribute.
    pub include: Option<Vec<String>>,
    /// Columns that do not become data.
    pub exclude: Vec<String>,
    /// What a CSV column's cells are; those not named are [`CellType::Auto`]. Parquet has types of its own.
    pub types: BTreeMap<String, CellType>,
    /// What separates cells in CSV; one ASCII character.
    pub delimiter: char,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            tenant: None,
            tenant_column: None,
            time_column: String::new(),
            time_format: TimeFormat::default(),
            time_zone: "UTC".to_owned(),
            id_column: None,
            source: "import".to_owned(),
            event_type: None,
            type_column: None,
            subject_column: None,
            attributes: BTreeMap::new(),
            include: None,
            exclude: Vec::new(),
            types: BTreeMap::new(),
            delimiter: ',',
        }
    }
}

/// How a CSV cell is understood. An empty cell is an absent member whatever its type.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellType {
    /// A number if it is written as JSON writes numbers without an exponent (`12`, `-0.5`); text otherwise, so that `007`,
    /// `1e5` and `+4` stay what they are.
    #[default]
    Auto,
    /// Text, even if it looks like a number.
    Text,
    /// A number (`007` and `1e5` are); a row in which it is none is rejected.
    Number,
    /// `true` or `false`; a row in which it is neither is rejected.
    Boolean,
}

/// Why a mapping is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mapping field {field}: {reason}")]
pub struct MappingError {
    /// Which field, or the mapping file as a whole.
    pub field: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

fn refuse(field: impl Into<String>, reason: impl Into<String>) -> MappingError {
    MappingError { field: field.into(), reason: reason.into() }
}

/// Where an attribute comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Constant(String),
    Column(usize),
}

/// A column that becomes a member of `data`.
#[derive(Debug, Clone)]
pub(crate) struct DataColumn {
    /// Place in the file.
    pub(crate) at: usize,
    /// RFC 6901 pointer of the member.
    pub(crate) pointer: String,
    pub(crate) cell_type: CellType,
}

/// A mapping applied to a file's columns.
#[derive(Debug, Clone)]
pub(crate) struct Roles {
    pub(crate) tenant: Origin,
    pub(crate) source: String,
    pub(crate) event_type: Origin,
    pub(crate) time: usize,
    pub(crate) time_parser: TimeParser,
    pub(crate) id: Option<usize>,
    pub(crate) subject: Option<usize>,
    /// Names of further attributes and their columns.
    pub(crate) attributes: Vec<(String, usize)>,
    pub(crate) data: Vec<DataColumn>,
}

impl Mapping {
    /// Reads a mapping file: JSON if its name ends in `.json`, TOML otherwise.
    ///
    /// # Errors
    /// A file that cannot be read or is not a mapping.
    pub fn open(path: &Path) -> Result<Self, MappingError> {
        let file = path.display().to_string();
        let fail = |reason: String| refuse(file.clone(), reason);
        let length = fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
        if length > MAPPING_BYTES_MAX {
            return Err(fail("larger than 1 MiB; is it a mapping?".to_owned()));
        }
        let text = fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        let text = text.trim_start_matches('\u{feff}');
        if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(text).map_err(|e| fail(e.to_string()))
        } else {
            toml::from_str(text).map_err(|e| fail(e.to_string()))
        }
    }

    /// Finds the columns among `columns`, the file's.
    pub(crate) fn resolve(&self, columns: &[&str]) -> Result<Roles, MappingError> {
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(**column)) {
            return Err(refuse("columns", format!("the file has two columns named {twice}; rename one")));
        }
        let find = |field: &str, name: &str| {
            let found = columns.iter().position(|column| *column == name);
            found.ok_or_else(|| refuse(field, format!("no column {name}; there are {}", columns.join(", "))))
        };
        let optional = |field: &str, name: &Option<String>| name.as_ref().map(|name| find(field, name)).transpose();
        let origin = |field: &str, constant: &Option<String>, column: &Option<String>| match (constant, column) {
            (Some(constant), None) if !constant.is_empty() && is_string(constant) => {
                Ok(Origin::Constant(constant.clone()))
            }
            (None, Some(name)) => find(&format!("{field}_column"), name).map(Origin::Column),
            (None, None) => Err(refuse(field, format!("give {field} or {field}_column"))),
            (Some(_), None) => Err(refuse(field, "must be a text, not empty, without control characters")),
            (Some(_), Some(_)) => Err(refuse(field, format!("give {field} or {field}_column, not both"))),
        };
        if self.time_column.is_empty() {
            return Err(refuse("time_column", "name the column of the event's time"));
        }
        if !is_uri_reference(&self.source) {
            return Err(refuse("source", "expected a URI-reference (RFC 3986), such as /shop or https://example.com"));
        }
        let time_parser = TimeParser::new(&self.time_format, &self.time_zone)?;
        let mut roles = Roles {
            tenant: origin("tenant", &self.tenant, &self.tenant_column)?,
            source: self.source.clone(),
            event_type: origin("type", &self.event_type, &self.type_column)?,
            time: find("time_column", &self.time_column)?,
            time_parser,
            id: optional("id_column", &self.id_column)?,
            subject: optional("subject_column", &self.subject_column)?,
            attributes: Vec::new(),
            data: Vec::new(),
        };
        for (name, column) in &self.attributes {
            if !is_attribute_name(name) || OWN_NAMES.contains(&name.as_str()) {
                let reason = format!("{name} is no name of a further attribute; use a-z and 0-9 only");
                return Err(refuse("attributes", reason));
            }
            roles.attributes.push((name.clone(), find("attributes", column)?));
        }
        roles.data = self.data(columns, &roles, find)?;
        Ok(roles)
    }

    fn data(
        &self,
        columns: &[&str],
        roles: &Roles,
        find: impl Fn(&str, &str) -> Result<usize, MappingError>,
    ) -> Result<Vec<DataColumn>, MappingError> {
        for name in self.types.keys() {
            find("types", name)?;
        }
        let mut excluded = HashSet::new();
        for name in &self.exclude {
            excluded.insert(find("exclude", name)?);
        }
        let mut wanted = Vec::new();
        match &self.include {
            Some(names) => {
                for name in names {
                    wanted.push(find("include", name)?);
                }
            }
            None => wanted.extend((0..columns.len()).filter(|at| !roles.is_attribute(*at))),
        }
        wanted.retain(|at| !excluded.contains(at));
        wanted.sort_unstable();
        wanted.dedup();
        let data_column = |at: usize| {
            let name = columns[at];
            let mut pointer = String::new();
            push_member(&mut pointer, name);
            DataColumn { at, pointer, cell_type: self.types.get(name).copied().unwrap_or_default() }
        };
        Ok(wanted.into_iter().map(data_column).collect())
    }

    /// The delimiter as a byte.
    pub(crate) fn delimiter_byte(&self) -> Result<u8, MappingError> {
        match u8::try_from(self.delimiter) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(byte),
            _ => Err(refuse("delimiter", "expected one ASCII character that is no quote and no line end")),
        }
    }
}

impl Roles {
    /// Whether the column is an attribute.
    pub(crate) fn is_attribute(&self, at: usize) -> bool {
        let of = |origin: &Origin| matches!(origin, Origin::Column(column) if *column == at);
        let further = self.attributes.iter().any(|(_, column)| *column == at);
        of(&self.tenant)
            || of(&self.event_type)
            || at == self.time
            || self.id == Some(at)
            || self.subject == Some(at)
            || further
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, expect: Result<&[&str], &str>) {
        let got = toml::from_str::<Mapping>(toml)
            .map_err(|error| error.message().to_owned())
            .and_then(|mapping| mapping.resolve(&["who", "at", "n", "a/b"]).map_err(|error| error.field));
        match (got, expect) {
            (Ok(roles), Ok(pointers)) => {
                assert_eq!(roles.data.iter().map(|column| column.pointer.as_str()).collect::<Vec<_>>(), pointers);
            }
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{got}"),
            (got, expect) => panic!("{toml}: {got:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn columns_are_found_or_the_field_is_named() {
        let base = "tenant_column = 'who'\ntime_column = 'at'\ntype = 't'\n";
        let with = |more: &str| format!("{base}{more}");
        check(base, Ok(&["/n", "/a~1b"]));
        check(&with("exclude = ['n']"), Ok(&["/a~1b"]));
        check(&with("include = ['n', 'who', 'n']"), Ok(&["/who", "/n"]));
        check(&with("id_column = 'n'"), Ok(&["/a~1b"]));
        check(&with("tenant = 'acme'"), Err("tenant"));
        check(&with("id_column = 'nope'"), Err("id_column"));
        check(&with("include = ['nope']"), Err("include"));
        check(&with("exclude = ['nope']"), Err("exclude"));
        check(&with("types = { nope = 'text' }"), Err("types"));
        check(&with("types = { n = 'float' }"), Err("unknown variant"));
        check(&with("time_zone = 'Mars/Olympus'"), Err("time_zone"));
        check(&with("time_format = 'iso'"), Err("time_format"));
        check(&with("time_format = '%!'"), Err("time_format"));
        check(&with("source = ''"), Err("source"));
        check(&with("source = 'my shop'"), Err("source"));
        check(&with("attributes = { traceparent = 'n' }"), Ok(&["/a~1b"]));
        check(&with("attributes = { traceparent = 'nope' }"), Err("attributes"));
        check(&with("attributes = { Trace = 'n' }"), Err("attributes"));
        check(&with("attributes = { id = 'n' }"), Err("attributes"));
        check(&with("tenant_colum = 'who'"), Err("unknown field"));
        check("time_column = 'at'\ntype = 't'", Err("tenant"));
        check("tenant = 'a'\ntime_column = 'at'", Err("type"));
        check("tenant = 'a'\ntype = 't'", Err("time_column"));
        check("tenant = ''\ntype = 't'\ntime_column = 'at'", Err("tenant"));
    }

    #[test]
    fn a_file_of_either_form_is_the_same_mapping() {
        let folder = tempfile::tempdir().unwrap();
        let (toml, json) = (folder.path().join("m.toml"), folder.path().join("m.json"));
        fs::write(&toml, "tenant='a'\ntype='t'\ntime_column='at'\ntime_format='unix_ms'\ndelimiter=';'").unwrap();
        let mapping = Mapping::open(&toml).unwrap();
        assert_eq!(mapping.time_format, TimeFormat::Unix(time::EpochUnit::Milliseconds));
        fs::write(&json, format!("\u{feff}{}", serde_json::to_string(&mapping).unwrap())).unwrap();
        assert_eq!(Mapping::open(&json).unwrap(), mapping);
        fs::write(&json, "{\"tenant\":").unwrap();
        assert!(Mapping::open(&json).unwrap_err().field.ends_with("m.json"));
    }
}
