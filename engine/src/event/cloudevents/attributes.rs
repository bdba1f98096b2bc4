//! The attributes of one event (CloudEvents 1.0, JSON format), checked.
//!
//! A `null` attribute counts as absent, as the format says. Not here: what is inside `data`, whether the tenant exists.

use std::borrow::Cow;

use sonic_rs::LazyValue;

use super::data::Malformed;
use super::{Context, Limits, time};
use crate::admission::{Reason, Rejection, sample};
use crate::event::syntax::{JSON, Known, is_attribute_name, is_string};
use crate::event::value::Value;

/// Most extension attributes of one event, `tenant` aside.
const EXTENSIONS_MAX: usize = 32;

/// The members of an event's object, not yet looked at.
#[derive(Default)]
pub(super) struct Members<'a> {
    specversion: Option<LazyValue<'a>>,
    id: Option<LazyValue<'a>>,
    source: Option<LazyValue<'a>>,
    event_type: Option<LazyValue<'a>>,
    subject: Option<LazyValue<'a>>,
    time: Option<LazyValue<'a>>,
    tenant: Option<LazyValue<'a>>,
    data_content_type: Option<LazyValue<'a>>,
    data_schema: Option<LazyValue<'a>>,
    data: Option<LazyValue<'a>>,
    data_base64: Option<LazyValue<'a>>,
    extensions: Vec<(Cow<'a, str>, LazyValue<'a>)>,
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
    /// Sorts the members of `event` into `self`; after an error, those before it are there.
    pub(super) fn read(&mut self, event: &'a str) -> Result<(), Malformed> {
        for member in sonic_rs::to_object_iter(event) {
            let (name, value) = member?;
            let place = match &*name {
                "specversion" => &mut self.specversion,
                "id" => &mut self.id,
                "source" => &mut self.source,
                "type" => &mut self.event_type,
                "subject" => &mut self.subject,
                "time" => &mut self.time,
                "tenant" => &mut self.tenant,
                "datacontenttype" => &mut self.data_content_type,
                "dataschema" => &mut self.data_schema,
                "data" => &mut self.data,
                "data_base64" => &mut self.data_base64,
                _ if self.extensions.iter().any(|(other, _)| *other == name) => {
                    return Err(Malformed::Repeated(name.into_owned()));
                }
                // One beyond the limit is enough for `check` to refuse the event.
                _ if self.extensions.len() > EXTENSIONS_MAX => continue,
                _ => {
                    self.extensions.push((name, value));
                    continue;
                }
            };
            if place.replace(value).is_some() {
                return Err(Malformed::Repeated(name.into_owned()));
            }
        }
        Ok(())
    }

    /// JSON text of `data`, if the event has it.
    pub(super) fn data(&self) -> Option<&str> {
        self.data.as_ref().map(LazyValue::as_raw_str)
    }

    /// JSON text of `data_base64`, if the event has it.
    pub(super) fn data_base64(&self) -> Option<&str> {
        present(&self.data_base64)
    }

    /// Name and JSON text of the attributes that have no column. JSON being the default content type, it is not kept.
    pub(super) fn without_column(&self) -> impl Iterator<Item = (&str, &str)> {
        let content_type = present(&self.data_content_type).filter(|json| json.trim_matches('"') != JSON);
        let core = [("datacontenttype", content_type), ("dataschema", present(&self.data_schema))];
        let extensions = self.extensions.iter().map(|(name, value)| (&**name, present_value(value)));
        core.into_iter().chain(extensions).filter_map(|(name, json)| json.map(|json| (name, json)))
    }

    /// `id` and `tenant` as far as they can be read, to name an event that is refused; as long as they may be at most.
    pub(super) fn names(&self, context: &Context<'_>, limits: &Limits) -> (String, String) {
        let named = |text: Cow<'_, str>| sample(&text, limits.attribute_bytes_max).into_owned();
        let text = |place, name| text(place, name).ok().flatten().map_or(String::new(), named);
        let tenant = match context.tenant {
            Some(tenant) if !context.platform => tenant.to_owned(),
            _ => text(&self.tenant, "tenant"),
        };
        (tenant, text(&self.id, "id"))
    }

    /// The attributes, if they are those of a CloudEvent that `context` may send.
    pub(super) fn check<'m>(
        &'m self,
        context: &Context<'m>,
        limits: &Limits,
        known: &mut Known,
    ) -> Result<Checked<'m>, Rejection> {
        let required = |place, name| attribute(place, name, limits)?.ok_or_else(|| missing(name));
        if required(&self.specversion, "specversion")? != "1.0" {
            return Err(invalid("specversion", "is not \"1.0\", the only version that is understood"));
        }
        let tenant = self.tenant(context, limits)?;
        let subject = attribute(&self.subject, "subject", limits)?;
        let time_us = match text(&self.time, "time")? {
            None => None,
            Some(text) => Some(time::parse(&text).ok_or_else(|| {
                invalid("time", "is not an RFC 3339 instant; write it like 2026-01-31T23:59:59.123456Z")
            })?),
        };
        self.check_without_column(limits, known)?;
        let checked = Checked {
            tenant,
            id: required(&self.id, "id")?,
            source: required(&self.source, "source")?,
            event_type: required(&self.event_type, "type")?,
            subject,
            time_us,
        };
        if !known.is_source(&checked.source) {
            return Err(no_uri_reference("source"));
        }
        Ok(checked)
    }

    /// The credential's tenant; a platform credential may name another one.
    fn tenant<'m>(&'m self, context: &Context<'m>, limits: &Limits) -> Result<Cow<'m, str>, Rejection> {
        let named = text(&self.tenant, "tenant")?.filter(|tenant| !tenant.is_empty());
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

    fn check_without_column(&self, limits: &Limits, known: &mut Known) -> Result<(), Rejection> {
        if let Some(text) = attribute(&self.data_content_type, "datacontenttype", limits)?
            && !known.is_content_type(&text)
        {
            return Err(invalid("datacontenttype", "is no media type (RFC 2046); write it like application/json"));
        }
        if let Some(text) = attribute(&self.data_schema, "dataschema", limits)?
            && !known.is_schema(&text)
        {
            return Err(invalid("dataschema", "is no URI (RFC 3986); it begins with a scheme, like https:"));
        }
        if let Some(data) = text(&self.data_base64, "data_base64")? {
            if self.data.is_some() {
                return Err(invalid("data_base64", "stands beside data; give one of them"));
            }
            if !is_base64(data.as_bytes()) {
                return Err(invalid("data_base64", "is not base64 (RFC 4648, with padding)"));
            }
        }
        if self.extensions.len() > EXTENSIONS_MAX {
            return Err(invalid("", "more than 32 extension attributes; move some into data"));
        }
        self.extensions.iter().try_for_each(|(name, value)| extension(name, value.as_raw_str(), limits))
    }
}

/// An extension attribute is a string, an integer or a boolean.
fn extension(name: &str, json: &str, limits: &Limits) -> Result<(), Rejection> {
    if !is_attribute_name(name) {
        return Err(invalid(name, "is no attribute name; use a-z and 0-9 only, or move it into data"));
    }
    if json.len() > limits.attribute_bytes_max {
        return Err(too_long(name, limits));
    }
    let fits = match json.as_bytes().first() {
        Some(b'"') => {
            let text = Value::parse(json).map_err(|_| invalid(name, "has an escape that names no character"))?;
            return match text {
                Value::Text(text) if !is_string(&text) => Err(controls(name)),
                _ => Ok(()),
            };
        }
        Some(b'{' | b'[') => {
            return Err(invalid(name, "is an object or array; an attribute is a string, number or boolean"));
        }
        Some(b'-' | b'0'..=b'9') => json.parse::<i32>().is_ok(),
        _ => true,
    };
    if !fits {
        return Err(invalid(name, "is no whole number of 32 bits; write it in quotes, or move it into data"));
    }
    Ok(())
}

fn present_value<'m>(value: &'m LazyValue<'_>) -> Option<&'m str> {
    let json = value.as_raw_str();
    (json != "null").then_some(json)
}

fn present<'m>(place: &'m Option<LazyValue<'_>>) -> Option<&'m str> {
    place.as_ref().and_then(present_value)
}

/// The string in `place`; `None` if absent or null.
fn text<'m>(place: &'m Option<LazyValue<'_>>, name: &str) -> Result<Option<Cow<'m, str>>, Rejection> {
    let Some(json) = present(place) else { return Ok(None) };
    match Value::parse(json) {
        Ok(Value::Text(text)) => Ok(Some(text)),
        Ok(_) => Err(invalid(name, "is not a string; write it in quotes")),
        Err(_) => Err(invalid(name, "has an escape that names no character")),
    }
}

/// The text in `place`, if it is what an attribute may be; `None` if absent or null.
fn attribute<'m>(
    place: &'m Option<LazyValue<'_>>,
    name: &str,
    limits: &Limits,
) -> Result<Option<Cow<'m, str>>, Rejection> {
    let Some(text) = text(place, name)? else { return Ok(None) };
    if text.is_empty() {
        return Err(invalid(name, "is empty; give a non-empty string"));
    }
    if text.len() > limits.attribute_bytes_max {
        return Err(too_long(name, limits));
    }
    if !is_string(&text) {
        return Err(controls(name));
    }
    Ok(Some(text))
}

fn is_base64(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = &text[..text.len() - padding];
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    text.len().is_multiple_of(4) && padding <= 2 && digits.iter().all(is_digit)
}

pub(in crate::event) fn missing(name: &str) -> Rejection {
    Rejection::new(Reason::MissingAttribute, name, format!("the attribute {name} is required"))
}

pub(in crate::event) fn invalid(name: &str, what: &str) -> Rejection {
    Rejection::new(Reason::InvalidAttribute, name, format!("{name} {what}").trim_start())
}

pub(in crate::event) fn controls(name: &str) -> Rejection {
    invalid(name, "holds a control character or noncharacter, which attributes may not")
}

pub(in crate::event) fn no_uri_reference(name: &str) -> Rejection {
    invalid(name, "is no URI-reference (RFC 3986); percent-encode spaces and what is not ASCII")
}

pub(in crate::event) fn too_long(name: &str, limits: &Limits) -> Rejection {
    invalid(name, &format!("is longer than {} bytes", limits.attribute_bytes_max))
}
