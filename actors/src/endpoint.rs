//! Endpoints: where messages about changes go, and what their owner asks for.
//!
//! Pure. Not here: what becomes of messages (`facets::endpoints`), sending them (`server`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::{Refusal, RefusalKind, Refused};

/// Longest URL, header name and header value, bytes.
pub const TEXT_BYTES_MAX: usize = 2048;
/// Most headers and kinds of events of an endpoint.
pub const LIST_MAX: usize = 32;
/// Bytes of a secret.
const SECRET_BYTES: usize = 32;

/// Where messages about changes go.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Where messages are posted to.
    pub url: String,
    /// Which events: types such as `alert.fired`, families such as `alert.*`, or `*` for all.
    #[serde(default = "every_event")]
    pub events: BTreeSet<String>,
    /// Headers that each message has beside those of the signature.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether messages arrive in the order of their events. One that fails then holds back those behind it.
    #[serde(default)]
    pub ordered: bool,
}

fn every_event() -> BTreeSet<String> {
    ["*".to_owned()].into()
}

/// What is wrong with an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field {field}: must be {expect}")]
pub struct EndpointFault {
    /// Which field.
    pub field: &'static str,
    /// What would be right.
    pub expect: &'static str,
}

impl Endpoint {
    /// Everything that is wrong with it. Whether messages may go there is judged when one does.
    pub fn faults(&self) -> Vec<EndpointFault> {
        let mut faults = Vec::new();
        let mut refuse = |field, expect| faults.push(EndpointFault { field, expect });
        let is_web = self.url.starts_with("https://") || self.url.starts_with("http://");
        if !is_web
            || self.url.len() > TEXT_BYTES_MAX
            || self.url.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            refuse("url", "an address that begins with https:// (or http://), of at most 2048 bytes");
        }
        let is_type = |text: &String| {
            let text = text.strip_suffix(".*").unwrap_or(text);
            text == "*" || (!text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_' | b'.')))
        };
        if self.events.is_empty() || self.events.len() > LIST_MAX || !self.events.iter().all(is_type) {
            refuse("events", "one to 32 types such as \"alert.fired\", families such as \"alert.*\", or \"*\"");
        }
        let is_token = |name: &str| {
            let may = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            !name.is_empty() && name.len() <= TEXT_BYTES_MAX && name.bytes().all(may)
        };
        let is_value = |value: &str| value.len() <= TEXT_BYTES_MAX && value.bytes().all(|b| (b' '..=b'~').contains(&b));
        let is_header = |(name, value): (&String, &String)| is_token(name) && is_value(value);
        if self.headers.len() > LIST_MAX || !self.headers.iter().all(is_header) {
            refuse("headers", "at most 32 names of letters, digits and '-', with values of printable ASCII");
        }
        faults
    }

    /// Whether it wants events of this type.
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|wanted| {
            let family = wanted.strip_suffix('*');
            family.map_or(wanted == kind, |family| kind.starts_with(family))
        })
    }
}

/// All of them, in words.
pub(crate) fn told(faults: &[EndpointFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Refused for EndpointFault {
    fn refusal(&self) -> Refusal {
        RefusalKind::Invalid.of(self.field, "invalid")
    }
}

/// What messages to an endpoint are signed with. The journal has it, people are shown nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// One of random bytes.
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// A new one.
    ///
    /// # Errors
    /// If the machine has no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// As Standard Webhooks writes it: for its owner, and for who signs.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str("whsec");
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Err(D::Error::custom("a secret is not shown to people, so it can't be read back"));
        }
        <[u8; SECRET_BYTES]>::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            url: "https://example.com/hook?a=b".into(),
            events: every_event(),
            headers: BTreeMap::new(),
            ordered: false,
        }
    }

    #[test]
    fn types_families_and_all_are_wanted() {
        let wants = |events: &[&str], kind| {
            let events = events.iter().map(|event| (*event).to_owned()).collect();
            Endpoint { events, ..endpoint() }.wants(kind)
        };
        assert!(
            wants(&["*"], "alert.fired")
                && wants(&["alert.*"], "alert.fired")
                && wants(&["alert.fired"], "alert.fired")
        );
        assert!(!wants(&["alert.*"], "alert_rule.declared") && !wants(&["alert"], "alert.fired"));
    }

    #[test]
    fn every_fault_is_told() {
        assert!(endpoint().faults().is_empty());
        let wrong = Endpoint {
            url: "ftp://example.com".into(),
            events: ["Alert fired".to_owned()].into(),
            headers: [("a b".to_owned(), "c\n".to_owned())].into(),
            ordered: true,
        };
        assert_eq!(wrong.faults().iter().map(|fault| fault.field).collect::<Vec<_>>(), ["url", "events", "headers"]);
    }

    #[test]
    fn nobody_sees_a_secret() {
        let secret = Secret::generate().unwrap();
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"whsec\"");
        assert!(!format!("{secret:?}").contains(&secret.reveal()));
        assert_ne!(secret, Secret::generate().unwrap());
    }
}
