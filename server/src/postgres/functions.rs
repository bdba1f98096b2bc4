//! Functions of Postgres that clients call while they connect and look around, and that the library has not or answers in
//! its own name.
//!
//! Most tell nothing, since there is nothing to tell: no functions, types or tablespaces of one's own. Not here: functions
//! for data, which are DataFusion's.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use pipelines::catalog::zone;

use super::settings::{SERVER_VERSION, setting};
use super::typed;

/// Takes anything and is NULL.
pub(super) const NOTHING: &str = "_nothing";

/// The same for all sessions.
pub(super) fn all() -> Vec<ScalarUDF> {
    let text = |text: &str| ScalarValue::from(text);
    let nothing = || ScalarValue::Utf8(None);
    let version = format!("PostgreSQL {SERVER_VERSION} (tenantry {}, DataFusion)", env!("CARGO_PKG_VERSION"));
    let mut functions = [
        ("version", text(&version)),
        ("pg_is_in_recovery", ScalarValue::from(false)),
        ("pg_function_is_visible", ScalarValue::from(true)),
        ("pg_type_is_visible", ScalarValue::from(true)),
        ("pg_tablespace_location", text("")),
        ("pg_get_function_result", nothing()),
        ("pg_get_function_arguments", nothing()),
        ("pg_get_function_identity_arguments", nothing()),
        ("pg_get_function_sqlbody", nothing()),
        ("pg_get_viewdef", nothing()),
        ("pg_get_ruledef", nothing()),
        ("pg_get_indexdef", nothing()),
        ("pg_get_serial_sequence", nothing()),
        ("shobj_description", nothing()),
        ("pg_database_size", ScalarValue::Int64(None)),
        ("pg_tablespace_size", ScalarValue::Int64(None)),
        ("set_config", text("")),
        ("to_regtype", ScalarValue::Int32(None)),
        ("pg_my_temp_schema", ScalarValue::from(0i32)),
        ("_pg_expandarray", ScalarValue::Int32(None)),
        ("pg_collation_is_visible", ScalarValue::from(true)),
        ("pg_is_other_temp_schema", ScalarValue::from(false)),
        // There are no such locks, so none is held.
        ("pg_advisory_unlock_all", text("")),
        (NOTHING, nothing()),
    ]
    .map(|(name, value)| fixed(name, value))
    .to_vec();
    functions.push(ScalarUDF::new_from_impl(CurrentSetting::new()));
    functions.extend(super::sizes::all());
    functions.extend(super::privileges::all());
    functions.extend(typed::casts());
    functions
}

/// Of a session of `user`.
pub(super) fn session_user(user: &str) -> ScalarUDF {
    fixed("session_user", ScalarValue::from(user))
}

fn fixed(name: &'static str, value: ScalarValue) -> ScalarUDF {
    let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
    ScalarUDF::new_from_impl(Fixed { name, value, signature: Signature::new(any, Volatility::Stable) })
}

/// One answer, whatever the arguments.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Fixed {
    name: &'static str,
    value: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for Fixed {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// `current_setting(name [, missing_ok])`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CurrentSetting {
    signature: Signature,
}

impl CurrentSetting {
    fn new() -> Self {
        let name = TypeSignature::Exact(vec![DataType::Utf8]);
        let missing_ok = TypeSignature::Exact(vec![DataType::Utf8, DataType::Boolean]);
        Self { signature: Signature::one_of(vec![name, missing_ok], Volatility::Stable) }
    }
}

impl ScalarUDFImpl for CurrentSetting {
    fn name(&self) -> &str {
        "current_setting"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [names, rest @ ..] = arguments.args.as_slice() else {
            return exec_err!("current_setting takes the name of a setting");
        };
        let missing_ok = matches!(rest, [ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))]);
        let names = names.to_array(arguments.number_rows)?;
        let zone = zone::shown(arguments.config_options.execution.time_zone.as_deref().unwrap_or(zone::UTC));
        let values = names.as_string::<i32>().iter().map(|name| match name.map(str::to_lowercase) {
            Some(name) if name == "timezone" => Ok(Some(zone.as_str())),
            Some(name) if setting(&name).is_none() && !missing_ok => {
                exec_err!("unrecognized configuration parameter {name:?}")
            }
            name => Ok(name.and_then(|name| setting(&name))),
        });
        Ok(ColumnarValue::Array(Arc::new(values.collect::<Result<StringArray>>()?)))
    }
}
