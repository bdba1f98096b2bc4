//! One way to write a scalar function down: its name, what it takes, what it gives, and what it does with columns.
//!
//! A function is a constant of plain functions here, so that a file of them holds nothing but what they mean. Arguments come as
//! columns of the types that were asked for, all of one length; what was all constant is given back as a constant. Not here:
//! functions whose type depends on values of arguments.

use std::hash::{Hash, Hasher};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

use super::marks::{self, Mark};
use crate::catalog::zone;

/// What a function is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    /// The types that arguments of these types are cast to.
    pub(super) takes: fn(&[DataType]) -> Result<Vec<DataType>>,
    /// The type of what it gives, of arguments as it takes them.
    pub(super) gives: fn(&[DataType]) -> Result<DataType>,
    pub(super) run: fn(&Call<'_>) -> Result<ArrayRef>,
    /// Which kind of text it gives, if it is one that clients tell apart.
    pub(super) mark: Option<Mark>,
    /// Whether that is the kind of its first argument.
    pub(super) is_like_first: bool,
    pub(super) volatility: Volatility,
}

/// One call on columns.
pub(super) struct Call<'a> {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) rows: usize,
    /// The session's zone, as Arrow calls it.
    pub(super) zone: &'a str,
}

impl Definition {
    /// One that depends on nothing but its arguments.
    pub(super) const fn new(
        name: &'static str,
        takes: fn(&[DataType]) -> Result<Vec<DataType>>,
        gives: fn(&[DataType]) -> Result<DataType>,
        run: fn(&Call<'_>) -> Result<ArrayRef>,
    ) -> Self {
        Self { name, takes, gives, run, mark: None, is_like_first: false, volatility: Volatility::Immutable }
    }

    /// The same, which gives JSON.
    pub(super) const fn marked(mut self, mark: Mark) -> Self {
        self.mark = Some(mark);
        self
    }

    /// The same, which gives the kind of text that it is given first.
    pub(super) const fn like_first(mut self) -> Self {
        self.is_like_first = true;
        self
    }

    /// The same, which gives something else at each call.
    pub(super) const fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    /// The same, which reads the session's settings.
    pub(super) const fn stable(mut self) -> Self {
        self.volatility = Volatility::Stable;
        self
    }

    /// What sessions register.
    pub(super) fn function(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(Defined { signature: Signature::user_defined(self.volatility), of: self })
    }
}

#[derive(Debug)]
struct Defined {
    of: Definition,
    signature: Signature,
}

// A name means one definition.
impl PartialEq for Defined {
    fn eq(&self, other: &Self) -> bool {
        self.of.name == other.of.name
    }
}

impl Eq for Defined {}

impl Hash for Defined {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.of.name.hash(state);
    }
}

impl ScalarUDFImpl for Defined {
    fn name(&self) -> &str {
        self.of.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        (self.of.takes)(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        (self.of.gives)(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let field = Field::new(self.of.name, (self.of.gives)(&types)?, true);
        let first = arguments.arg_fields.first().filter(|_| self.of.is_like_first);
        // A part of what was not said to be JSON is JSON.
        let mark = first.map(|first| Mark::of(first).unwrap_or(Mark::Json)).or(self.of.mark);
        Ok(Arc::new(marks::marked(field, mark)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let is_constant = is_constant && (self.of.volatility != Volatility::Volatile || arguments.number_rows == 1);
        let rows = if is_constant { 1 } else { arguments.number_rows };
        let columns = arguments.args.iter().map(|value| value.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let zone = arguments.config_options.execution.time_zone.as_deref().unwrap_or(zone::UTC);
        let call = Call { columns, rows, zone };
        let found = (self.of.run)(&call)?;
        if found.len() != rows {
            return internal_err!("{} gave {} rows for {rows}", self.of.name, found.len());
        }
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?));
        }
        Ok(ColumnarValue::Array(found))
    }
}
