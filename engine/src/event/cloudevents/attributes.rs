//! The attributes of one event (CloudEvents 1.0, JSON format), checked.
//!
//! A `null` attribute counts as absent, as the format says. Not here: what is inside `data`, whether the tenant exists.

use std::borrow::Cow;

use super::data::{self, Malformed};
use super::{Context, Limits, time};
use crate::admission::{Reason, Rejection};
use crate::event::builder::EventBatchBuilder;
use crate::event::scan::{Escapes, Kind, Scanner, Token};

/// Most extension attributes of one event, `tenant` aside.
const EXTENSIONS_MAX: usize = 32;

/// The members of an event's object, not yet looked at; reused from event to event.
#[derive(Default)]
pub(super) struct Members<'a> {
    core: Core<'a>,
    extensions: Vec<(Cow<'a, str>, Token<'a>)>,
}

/// Those that CloudEvents names, and `tenant`.
#[derive(Default)]
struct Core<'a> {
    specversion: Option<Token<'a>>,
    id: Option<Token<'a>>,
    source: Option<Token<'a>>,
    event_type: Option<Token<'a>>,
    subject: Option<Token<'a>>,
    time: Option<Token<'a>>,
    tenant: Option<Token<'a>>,
    data_content_type: Option<Token<'a>>,
    data_schema: Option<Token<'a>>,
    data_base64: Option<Token<'a>>,
    has_data: bool,
}

/// The attributes that have columns.
pub(super) struct Checked<'m> {
    pub(super) tenant: Cow<'m, str>,
    pub(super) id: Cow<'m, str>,
    pub(super) source: Cow<'m, str>,
    pub(super) event_type: Cow<'m, str>,
    pub(super) subject: Option<Cow<'m, str>>,
    /// `None` if the event has no time of its own.
    pub(super) time_us: Option<i64>,
}

impl<'a> Members<'a> {
    /// Sorts the members of the event that is next into `self` and stages those of its `data`; after an error, the
    /// members before it are there.
    pub(super) fn read(
        &mut self,
        scanner: &mut Scanner<'a>,
        data: &mut data::Members,
        builder: &mut EventBatchBuilder,
    ) -> Result<(), Malformed> {
        self.clear();
        scanner.peek();
        scanner.enter()?;
        let mut first = true;
        while let Some(token) = scanner.member(first)? {
            first = false;
            let name = token.text().ok_or(Malformed::Escape)?;
            let core = &mut self.core;
            let place = match &*name {
                "specversion" => &mut core.specversion,
                "id" => &mut core.id,
                "source" => &mut core.source,
                "type" => &mut core.event_type,
                "subject" => &mut core.subject,
                "time" => &mut core.time,
                "tenant" => &mut core.tenant,
                "datacontenttype" => &mut core.data_content_type,
                "dataschema" => &mut core.data_schema,
                "data_base64" => &mut core.data_base64,
                "data" if core.has_data => {
                    scanner.value()?;
                    return Err(Malformed::Repeated(name.into_owned()));
                }
                "data" => {
                    data.read(scanner, builder)?;
                    core.has_data = true;
                    continue;
                }
                _ => {
                    let value = scanner.value()?;
                    if self.extensions.iter().any(|(other, _)| *other == name) {
                        return Err(Malformed::Repeated(name.into_owned()));
                    }
                    // One beyond the limit is enough for `check` to refuse the event.
                    if self.extensions.len() <= EXTENSIONS_MAX {
                        self.extensions.push((name, value));
                    }
                    continue;
                }
            };
            if place.replace(scanner.value()?).is_some() {
                return Err(Malformed::Repeated(name.into_owned()));
            }
        }
        Ok(())
    }

    /// Forgets the last event.
    pub(super) fn clear(&mut self) {
        self.core = Core::default();
        self.extensions.clear();
    }

    /// Whether the event has `data`, and it is staged.
    pub(super) fn has_data(&self) -> bool {
        self.core.has_data
    }

    /// JSON text of `data_base64`, if the event has it.
    pub(super) fn data_base64(&self) -> Option<&str> {
        present(self.core.data_base64).map(|value| value.json)
    }

    /// Name and JSON text of the attributes that have no column. JSON being the default content type, it is not kept.
    pub(super) fn without_column(&self) -> impl Iterator<Item = (&str, &str)> {
        let content_type = self.core.data_content_type.filter(|value| value.json != "\"application/json\"");
        let core = [("datacontenttype", content_type), ("dataschema", self.core.data_schema)];
        let extensions = self.extensions.iter().map(|(name, value)| (&**name, Some(*value)));
        core.into_iter().chain(extensions).filter_map(|(name, value)| Some((name, present(value)?.json)))
    }

    /// `id` and `tenant` as far as they can be read, to name an event that is refused.
    pub(super) fn names(&self, context: &Context<'_>) -> (String, String) {
        let text = |place, name| text(place, name).ok().flatten().map_or(String::new(), Cow::into_owned);
        let tenant = match context.tenant {
            Some(tenant) if !context.platform => tenant.to_owned(),
            _ => text(self.core.tenant, "tenant"),
        };
        (tenant, text(self.core.id, "id"))
    }

    /// The attributes, if they are those of a CloudEvent that `context` may send.
    pub(super) fn check<'m>(&'m self, context: &Context<'m>, limits: &Limits) -> Result<Checked<'m>, Rejection> {
        let required = |place, name| match text(place, name)? {
            Some(text) if text.len() > limits.attribute_bytes_max => Err(too_long(name, limits)),
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(invalid(name, "is empty; give a non-empty string")),
            None => Err(missing(name)),
        };
        if required(self.core.specversion, "specversion")? != "1.0" {
            return Err(invalid("specversion", "is not \"1.0\", the only version that is understood"));
        }
        let tenant = self.tenant(context, limits)?;
        let subject = text(self.core.subject, "subject")?;
        if subject.as_ref().is_some_and(|text| text.len() > limits.attribute_bytes_max) {
            return Err(too_long("subject", limits));
        }
        let time_us = match text(self.core.time, "time")? {
            None => None,
            Some(text) => Some(time::parse(&text).ok_or_else(|| {
                invalid("time", "is not an RFC 3339 instant; write it like 2026-01-31T23:59:59.123456Z")
            })?),
        };
        self.check_without_column(limits)?;
        Ok(Checked {
            tenant,
            id: required(self.core.id, "id")?,
            source: required(self.core.source, "source")?,
            event_type: required(self.core.event_type, "type")?,
            subject,
            time_us,
        })
    }

    /// The credential's tenant; a platform credential may name another one.
    fn tenant<'m>(&'m self, context: &Context<'m>, limits: &Limits) -> Result<Cow<'m, str>, Rejection> {
        let named = text(self.core.tenant, "tenant")?.filter(|tenant| !tenant.is_empty());
        match (named, context.tenant) {
            (Some(named), _) if named.len() > limits.attribute_bytes_max => Err(too_long("tenant", limits)),
            (Some(named), Some(own)) if !context.platform && named != own => Err(Rejection::new(
                Reason::TenantMismatch,
                "tenant",
                format!("the credential speaks for {own:?}; leave the attribute out or use a platform credential"),
            )),
            (Some(_), None) if !context.platform => Err(Rejection::new(
                Reason::TenantMismatch,
                "tenant",
                "the credential speaks for no tenant; use one of the tenant's or of the platform",
            )),
            (Some(named), _) => Ok(named),
            (None, Some(own)) => Ok(Cow::Borrowed(own)),
            (None, None) => Err(missing("tenant")),
        }
    }

    fn check_without_column(&self, limits: &Limits) -> Result<(), Rejection> {
        text(self.core.data_content_type, "datacontenttype")?;
        text(self.core.data_schema, "dataschema")?;
        if let Some(data) = text(self.core.data_base64, "data_base64")? {
            if self.core.has_data {
                return Err(invalid("data_base64", "stands beside data; give one of them"));
            }
            if !is_base64(data.as_bytes()) {
                return Err(invalid("data_base64", "is not base64 (RFC 4648, with padding)"));
            }
        }
        if self.extensions.len() > EXTENSIONS_MAX {
            return Err(invalid("", "more than 32 extension attributes; move some into data"));
        }
        for (name, value) in &self.extensions {
            let named_well = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if !named_well {
                return Err(invalid(name, "is no attribute name; use a-z and 0-9 only, or move it into data"));
            }
            if matches!(value.kind, Kind::Container(_)) {
                return Err(invalid(name, "is an object or array; an attribute is a string, number or boolean"));
            }
            if value.json.len() > limits.attribute_bytes_max {
                return Err(too_long(name, limits));
            }
            if value.kind == Kind::Text(Escapes::Broken) {
                return Err(invalid(name, "has an escape that names no character"));
            }
        }
        Ok(())
    }
}

fn present(place: Option<Token<'_>>) -> Option<Token<'_>> {
    place.filter(|value| value.kind != Kind::Null)
}

/// The string in `place`; `None` if absent or null.
fn text<'m>(place: Option<Token<'m>>, name: &str) -> Result<Option<Cow<'m, str>>, Rejection> {
    let Some(value) = present(place) else { return Ok(None) };
    match value.kind {
        Kind::Text(Escapes::Broken) => Err(invalid(name, "has an escape that names no character")),
        Kind::Text(_) => Ok(value.text()),
        _ => Err(invalid(name, "is not a string; write it in quotes")),
    }
}

fn is_base64(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = &text[..text.len() - padding];
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    text.len().is_multiple_of(4) && padding <= 2 && digits.iter().all(is_digit)
}

fn missing(name: &str) -> Rejection {
    Rejection::new(Reason::MissingAttribute, name, format!("the attribute {name} is required"))
}

fn invalid(name: &str, what: &str) -> Rejection {
    Rejection::new(Reason::InvalidAttribute, name, format!("{name} {what}").trim_start())
}

fn too_long(name: &str, limits: &Limits) -> Rejection {
    invalid(name, &format!("is longer than {} bytes", limits.attribute_bytes_max))
}
