//! JSON and UUIDs, which DataFusion reads as texts, but which clients want by their own names.
//!
//! `x::jsonb` becomes a call that checks the text and marks its field with an extension type; `->` marks what it gives. The
//! mark is read where columns are described and encoded ([`super::results`]), of the plan as it was written: optimizers may
//! drop it. It goes with a column through aliases, subqueries, `UNION` of the same type, joins, sorting and grouping. What
//! computes a new text loses it, and the column is `text` then: a `CASE`, `coalesce`, most aggregates, elements of an array,
//! `::text`; so do all columns of a statement that unites one with plain texts.
//!
//! `jsonb` and UUIDs get their one spelling, by which they are compared. What [`json_get`](MEMBER) takes out of a text that was never checked isn't either.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast;
use datafusion_postgres::pgwire::api::Type;
use pipelines::catalog::bounds;
use pipelines::catalog::functions::{EXTENSION_NAME, Mark, normal};
use serde::de::IgnoredAny;

use super::texts;

/// The function behind `->`.
pub(super) const MEMBER: &str = "json_get";
/// Characters of a malformed value that are told.
const TOLD_MAX: usize = 80;

/// One of these types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TextType {
    Json,
    Jsonb,
    Uuid,
}

/// A text that is not a value of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid input syntax for type {kind}: \"{value}\"")]
pub(super) struct Malformed {
    kind: &'static str,
    value: String,
}

impl TextType {
    /// The type of that name in SQL.
    pub(super) fn named(name: &ast::DataType) -> Option<Self> {
        match name {
            ast::DataType::JSON => Some(Self::Json),
            ast::DataType::JSONB => Some(Self::Jsonb),
            ast::DataType::Uuid => Some(Self::Uuid),
            _ => None,
        }
    }

    /// The type that `field` is marked with.
    pub(super) fn of(field: &Field) -> Option<Self> {
        let mark = field.extension_type_name()?;
        [Self::Json, Self::Jsonb, Self::Uuid].into_iter().find(|kind| kind.mark() == mark)
    }

    /// As clients know it.
    pub(super) fn wire(self) -> Type {
        match self {
            Self::Json => Type::JSON,
            Self::Jsonb => Type::JSONB,
            Self::Uuid => Type::UUID,
        }
    }

    /// The function that a cast to it becomes.
    pub(super) const fn function(self) -> &'static str {
        match self {
            Self::Json => "_json",
            Self::Jsonb => "_jsonb",
            Self::Uuid => "_uuid",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Json => Mark::Json.name(),
            Self::Jsonb => Mark::Jsonb.name(),
            Self::Uuid => Mark::Uuid.name(),
        }
    }

    fn marked(self, name: &str, nullable: bool) -> FieldRef {
        let mark = [(EXTENSION_NAME.to_owned(), self.mark().to_owned())];
        Arc::new(Field::new(name, DataType::Utf8, nullable).with_metadata(mark.into()))
    }

    fn read(self, text: &str) -> Result<String> {
        let read = match self {
            Self::Uuid => texts::uuid_number(text).map(texts::uuid),
            Self::Json | Self::Jsonb => {
                bounds::check_json(text)?;
                serde_json::from_str::<IgnoredAny>(text).is_ok().then(|| text.trim_ascii().to_owned())
            }
        };
        let read = match (self, read) {
            (Self::Jsonb, Some(text)) => Some(normal(&text)?),
            (_, read) => read,
        };
        read.ok_or_else(|| self.malformed(text))
    }

    /// A value as it is sent in binary.
    pub(super) fn binary(self, text: &str) -> Result<Vec<u8>> {
        match self {
            Self::Json => Ok(text.as_bytes().to_vec()),
            Self::Jsonb => Ok([&[texts::JSONB_VERSION], text.as_bytes()].concat()),
            Self::Uuid => {
                let number = texts::uuid_number(text).ok_or_else(|| self.malformed(text))?;
                Ok(number.to_be_bytes().to_vec())
            }
        }
    }

    fn malformed(self, text: &str) -> DataFusionError {
        let kind = if self == Self::Uuid { "uuid" } else { "json" };
        let mut value = text.chars().take(TOLD_MAX).collect::<String>();
        if value.len() < text.len() {
            value.push('…');
        }
        DataFusionError::External(Box::new(Malformed { kind, value }))
    }
}

impl fmt::Display for TextType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.wire().name())
    }
}

/// Casts to these types.
pub(super) fn casts() -> impl Iterator<Item = ScalarUDF> {
    let signature = || Signature::user_defined(Volatility::Immutable);
    let cast = move |to| ScalarUDF::new_from_impl(Cast { to, signature: signature() });
    [TextType::Json, TextType::Jsonb, TextType::Uuid].into_iter().map(cast)
}

/// `plain`, which takes members out of JSON, such that they are JSON.
pub(super) fn member(plain: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::new_from_impl(Member { plain })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Cast {
    to: TextType,
    signature: Signature,
}

impl ScalarUDFImpl for Cast {
    fn name(&self) -> &str {
        self.to.function()
    }

    /// A column is called like what was cast, as with other casts.
    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        Ok(arguments.iter().map(|value| value.schema_name().to_string()).collect::<Vec<_>>().join(", "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_] => Ok(vec![DataType::Utf8]),
            _ => plan_err!("a cast to {} takes one value", self.to),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(self.to.marked(self.name(), arguments.arg_fields.iter().any(|field| field.is_nullable())))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let read = |text: Option<&str>| text.map(|text| self.to.read(text)).transpose();
        match arguments.args.as_slice() {
            [ColumnarValue::Scalar(ScalarValue::Utf8(text))] => {
                read(text.as_deref()).map(|text| ColumnarValue::Scalar(ScalarValue::Utf8(text)))
            }
            [ColumnarValue::Array(texts)] => {
                let read = texts.as_string::<i32>().iter().map(read).collect::<Result<StringArray>>()?;
                Ok(ColumnarValue::Array(Arc::new(read) as ArrayRef))
            }
            _ => exec_err!("a cast to {} takes one text", self.to),
        }
    }
}

/// As Postgres has it: of `jsonb` it is `jsonb`, else `json`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Member {
    plain: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Member {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn signature(&self) -> &Signature {
        self.plain.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.plain.coerce_types(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.plain.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let of = arguments.arg_fields.first().and_then(|field| TextType::of(field));
        let kind = if of == Some(TextType::Jsonb) { TextType::Jsonb } else { TextType::Json };
        Ok(kind.marked(self.name(), true))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.plain.invoke_with_args(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_none_of_the_type_is_named() {
        let check = |kind: TextType, text: &str, expect: &str| {
            let read = kind.read(text).unwrap_or_else(|error| error.find_root().to_string());
            assert!(read.ends_with(expect), "{kind} {text}: {read}");
        };
        check(TextType::Jsonb, " {\"a\": [1, null]} ", "{\"a\": [1, null]}");
        check(TextType::Json, "\"x\"", "\"x\"");
        check(TextType::Json, "{a}", "invalid input syntax for type json: \"{a}\"");
        check(TextType::Jsonb, "", "invalid input syntax for type json: \"\"");
        let five = "a0000000-0000-0000-0000-000000000005";
        check(TextType::Uuid, five, five);
        check(TextType::Uuid, "{A0000000000000000000000000000005}", five);
        check(TextType::Uuid, "5", "invalid input syntax for type uuid: \"5\"");
        check(TextType::Uuid, &"é".repeat(81), &format!("\"{}…\"", "é".repeat(80)));
    }
}
