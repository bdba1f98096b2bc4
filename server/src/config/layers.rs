//! Laying file, environment and flags over the defaults, and remembering which of them gave each value.
//!
//! A layer may only name settings that the defaults have, so that a typing error is an error and not a silent default. Of
//! the environment that goes for variables that begin like a section (`TENANTRY_ENGINE_…`); others with the prefix may be
//! somebody else's (`TENANTRY_URL` is the command line's).
//! Not here: what the values mean ([`super::Config`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, ConfigError, DEFAULTS, FILE};

const PREFIX: &str = "TENANTRY_";

/// Which layer gave a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `defaults.toml`.
    Default,
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// What lies over the defaults.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// Path and text of the file.
    pub file: Option<(PathBuf, String)>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Flag, dotted name and text, in the order given: the last one counts.
    pub flags: Vec<(String, String, String)>,
}

/// The configuration in force and where each value came from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration.
    pub config: Config,
    /// Dotted name to value, as TOML.
    pub(super) values: BTreeMap<String, Value>,
    /// Dotted name to layer.
    pub(super) origins: BTreeMap<String, Origin>,
}

impl Layers {
    /// Reads `file`, or [`FILE`] from the working folder if there is one, and the process's environment.
    ///
    /// # Errors
    /// If a file that was asked for can't be read.
    pub fn gather(file: Option<&Path>, flags: Vec<(String, String, String)>) -> Result<Self, ConfigError> {
        let path = match file {
            Some(path) => Some(path.to_owned()),
            None => Some(PathBuf::from(FILE)).filter(|path| path.exists()),
        };
        let file = match path {
            Some(path) => match std::fs::read_to_string(&path) {
                Ok(text) => Some((path, text)),
                Err(source) => return Err(ConfigError::Unreadable { file: path.display().to_string(), source }),
            },
            None => None,
        };
        // A variable that is not Unicode is none of ours: our names and values are texts.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self { file, environment, flags })
    }

    /// Lays the layers over each other.
    ///
    /// # Errors
    /// For a text that is not TOML, a name that no setting has, or a value of the wrong type or out of range, naming the
    /// layer and the setting.
    pub fn merge(&self) -> Result<Settings, ConfigError> {
        let defaults: Table = DEFAULTS
            .parse()
            .map_err(|e: toml::de::Error| ConfigError::Malformed { origin: Origin::Default, reason: e.to_string() })?;
        let mut values = BTreeMap::new();
        flatten("", &defaults, &mut values);
        let mut origins: BTreeMap<String, Origin> = values.keys().map(|key| (key.clone(), Origin::Default)).collect();

        for (origin, key, value) in self.overrides(&values)? {
            let Some(slot) = values.get_mut(&key) else { return Err(ConfigError::Unknown { origin, key }) };
            if slot.type_str() != value.type_str() {
                let reason = format!("expected {}, found {}", article(slot.type_str()), article(value.type_str()));
                return Err(ConfigError::Invalid { origin, key, reason });
            }
            *slot = value;
            origins.insert(key, origin);
        }

        let config = Config::deserialize(unflatten(&values)).map_err(|e| invalid(&values, &origins, &e))?;
        if let Some((key, reason)) = config.unusable() {
            return Err(ConfigError::Invalid { origin: origins[key].clone(), key: key.into(), reason });
        }
        Ok(Settings { config, values, origins })
    }

    fn overrides(&self, defaults: &BTreeMap<String, Value>) -> Result<Vec<(Origin, String, Value)>, ConfigError> {
        let mut overrides = Vec::new();
        if let Some((path, text)) = &self.file {
            let origin = Origin::File(path.clone());
            let table: Table = text.parse().map_err(|e: toml::de::Error| ConfigError::Malformed {
                origin: origin.clone(),
                reason: e.to_string(),
            })?;
            let mut flat = BTreeMap::new();
            flatten("", &table, &mut flat);
            overrides.extend(flat.into_iter().map(|(key, value)| (origin.clone(), key, value)));
        }
        let keys: BTreeMap<String, &String> = defaults.keys().map(|key| (variable(key), key)).collect();
        let sections: BTreeSet<String> =
            defaults.keys().filter_map(|key| Some(variable(key.split_once('.')?.0) + "_")).collect();
        for (name, text) in &self.environment {
            let origin = Origin::Environment(name.clone());
            let Some(key) = keys.get(name) else {
                if sections.iter().any(|section| name.starts_with(section)) {
                    return Err(ConfigError::Unknown { origin, key: name[PREFIX.len()..].to_lowercase() });
                }
                continue;
            };
            overrides.push((origin.clone(), (*key).clone(), typed(&defaults[*key], text, &origin, key)?));
        }
        for (flag, key, text) in &self.flags {
            let origin = Origin::Flag(flag.clone());
            let Some(default) = defaults.get(key) else {
                return Err(ConfigError::Unknown { origin, key: key.clone() });
            };
            overrides.push((origin.clone(), key.clone(), typed(default, text, &origin, key)?));
        }
        Ok(overrides)
    }
}

/// The environment variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// `text` as a value of the default's type: outside of files everything is a text.
fn typed(default: &Value, text: &str, origin: &Origin, key: &str) -> Result<Value, ConfigError> {
    let value = match default {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        _ => Some(Value::String(text.to_owned())),
    };
    value.ok_or_else(|| ConfigError::Invalid {
        origin: origin.clone(),
        key: key.to_owned(),
        reason: format!("expected {}, found {text:?}", article(default.type_str())),
    })
}

fn article(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

fn flatten(prefix: &str, table: &Table, into: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, into),
            value => {
                into.insert(key, value.clone());
            }
        }
    }
}

fn unflatten(values: &BTreeMap<String, Value>) -> Table {
    let mut table = Table::new();
    for (key, value) in values {
        match key.split_once('.') {
            None => {
                table.insert(key.clone(), value.clone());
            }
            Some((section, name)) => {
                let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(section) = section {
                    section.insert(name.to_owned(), value.clone());
                }
            }
        }
    }
    table
}

/// Finds which value serde refused, since its error names none: the one that fails alone over the defaults.
fn invalid(
    values: &BTreeMap<String, Value>,
    origins: &BTreeMap<String, Origin>,
    error: &toml::de::Error,
) -> ConfigError {
    let mut defaults = BTreeMap::new();
    flatten("", &DEFAULTS.parse().unwrap_or_default(), &mut defaults);
    for (key, value) in values {
        let mut alone = defaults.clone();
        alone.insert(key.clone(), value.clone());
        if let Err(e) = Config::deserialize(unflatten(&alone)) {
            let reason = format!("{} (found {value})", e.message());
            return ConfigError::Invalid { origin: origins[key].clone(), key: key.clone(), reason };
        }
    }
    ConfigError::Malformed { origin: Origin::Default, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> Layers {
        let own = |text: &&str| (*text).to_owned();
        Layers {
            file: (!file.is_empty()).then(|| ("t.toml".into(), file.to_owned())),
            environment: environment.iter().map(|(name, value)| (own(name), own(value))).collect(),
            flags: flags.iter().map(|(flag, key, value)| (own(flag), own(key), own(value))).collect(),
        }
    }

    fn refused(layers: Layers, expect: &str) {
        let error = layers.merge().unwrap_err().to_string();
        assert!(error.contains(expect), "{error:?} does not say {expect:?}");
    }

    #[test]
    fn defaults_are_complete_and_usable() {
        let config = Config::default();
        assert_eq!(config.http.address, "127.0.0.1:8080".parse().ok());
        assert_eq!(config.log.format, super::super::LogFormat::Text);
    }

    #[test]
    fn flags_go_before_environment_before_file_before_defaults() {
        let all = layers(
            "[engine]\nshards = 2\nwatermark_delay_ms = 5\n[http]\naddress = \"\"",
            &[
                ("TENANTRY_ENGINE_SHARDS", "3"),
                ("TENANTRY_DATA", "/d"),
                ("HOME", "/h"),
                ("TENANTRY_KEY", "k"),
                ("TENANTRY_LOGO", "x"),
            ],
            &[("--shards", "engine.shards", "4")],
        );
        let settings = all.merge().unwrap();
        assert_eq!(settings.config.engine.shards, 4);
        assert_eq!(settings.config.engine.watermark_delay_ms, 5);
        assert_eq!(settings.config.http.address, None);
        assert_eq!(settings.config.data, PathBuf::from("/d"));
        assert_eq!(settings.origins["engine.shards"], Origin::Flag("--shards".into()));
        assert_eq!(settings.origins["engine.watermark_delay_ms"], Origin::File("t.toml".into()));
        assert_eq!(settings.origins["data"], Origin::Environment("TENANTRY_DATA".into()));
        assert_eq!(settings.origins["query.timeout_ms"], Origin::Default);
    }

    #[test]
    fn mistakes_name_layer_and_setting() {
        refused(layers("[engine]\nshard = 2", &[], &[]), "file t.toml: unknown setting engine.shard;");
        refused(layers("[engine\n", &[], &[]), "file t.toml: ");
        refused(layers("engine = 3", &[], &[]), "file t.toml: unknown setting engine;");
        refused(layers("[engine]\nshards = \"2\"", &[], &[]), "file t.toml: engine.shards: expected an integer");
        refused(layers("[engine]\nshards = 70000", &[], &[]), "file t.toml: engine.shards: ");
        refused(
            layers("[engine]\ncheckpoints_kept = 0", &[], &[]),
            "file t.toml: engine.checkpoints_kept: must be at least 1",
        );
        refused(layers("[http]\naddress = \"here\"", &[], &[]), "file t.toml: http.address: not an address");
        refused(
            layers("", &[("TENANTRY_LOG_LEVEL", "x")], &[]),
            "environment TENANTRY_LOG_LEVEL: unknown setting log_level;",
        );
        refused(layers("", &[("TENANTRY_ENGINE_SHARDS", "x")], &[]), "engine.shards: expected an integer, found \"x\"");
        refused(layers("", &[], &[("--set", "log.format", "xml")]), "flag --set: log.format: ");
        refused(layers("", &[], &[("--set", "tls.key", "k.pem")]), "go together");
    }

    #[test]
    fn a_door_to_other_machines_wants_tls_or_to_be_told() {
        for door in ["http", "flight"] {
            let (address, told) = (format!("{door}.address"), format!("{door}.plaintext_remote"));
            let open = ("--set", address.as_str(), "0.0.0.0:80");
            refused(layers("", &[], &[open]), &format!("flag --set: {address}: other machines reach 0.0.0.0:80"));
            let certified = [open, ("--set", "tls.certificate", "c.pem"), ("--set", "tls.key", "k.pem")];
            for meant in [&[open, ("--set", &told, "true")][..], &certified] {
                assert!(layers("", &[], meant).merge().is_ok(), "{meant:?}");
            }
            assert!(layers("", &[], &[("--set", &address, "[::1]:80")]).merge().is_ok());
        }
        assert!(layers("", &[], &[("--set", "postgres.address", "0.0.0.0:80")]).merge().is_ok(), "it has TLS");
    }
}
