//! `usage`: the windows of all meters, dimensions as JSON.
//!
//! For one meter with its dimensions as columns see `meter_<name>`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use engine::meter::Meter;

use super::column::{Column, flag, instant, schema_of, text, units, whole};
use super::{Ask, Emit, View, ViewError, meter};
use crate::catalog::Cut;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "whose usage"),
    Column::required("meter", text, "name of the meter"),
    Column::required("window_start", instant, "first microsecond inside of the window"),
    Column::required("window_end", instant, "first microsecond behind it"),
    Column::required("dimensions", text, "JSON object, dimension to value; {} if the meter has none"),
    Column::optional("value", units, "the aggregate, in the meter's unit"),
    Column::required("revision", whole, "largest events.revision that contributed; grows when the window changes"),
    Column::required("final", flag, "whether the window's allowed lateness is over"),
    Column::required("correction", flag, "whether the revision came after the window had been final"),
];

/// See the module.
#[derive(Debug)]
pub struct Usage;

impl View for Usage {
    fn name(&self) -> &str {
        "usage"
    }

    fn comment(&self) -> String {
        "the windows of all meters: one row per tenant, meter, window and combination of dimensions".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let schema = self.schema();
        for meter in &cut.meters(|meter| ask.may_be("meter", meter))? {
            let Some(windows) = meter::windows(cut, ask, meter)? else { continue };
            let columns = schema.fields().iter().map(|field| column(field.name(), &windows, meter, ask)).collect();
            if emit(RecordBatch::try_new(Arc::clone(&schema), columns)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn column(name: &str, windows: &RecordBatch, meter: &Meter, ask: &Ask) -> ArrayRef {
    let rows = windows.num_rows();
    match name {
        "meter" => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&meter.name, rows))),
        "dimensions" if ask.wants(name) => Arc::new(dimensions(windows, meter)),
        "dimensions" => Arc::new(StringArray::from_iter_values(std::iter::repeat_n("{}", rows))),
        _ => Arc::clone(&windows[name]),
    }
}

/// One JSON object a row; a dimension that the events had no value for is null.
fn dimensions(windows: &RecordBatch, meter: &Meter) -> StringArray {
    let of_meter = meter.dimensions.iter().map(|dimension| {
        (
            serde_json::Value::from(dimension.name.as_str()).to_string(),
            windows[dimension.name.as_str()].as_string::<i32>(),
        )
    });
    let of_meter = of_meter.collect::<Vec<_>>();
    let mut object = String::new();
    let texts = (0..windows.num_rows()).map(|row| {
        object.clear();
        for (name, values) in &of_meter {
            object.push(if object.is_empty() { '{' } else { ',' });
            let value = values.is_valid(row).then(|| values.value(row));
            object.push_str(&format!("{name}:{}", serde_json::Value::from(value)));
        }
        if object.is_empty() {
            return "{}".to_owned();
        }
        object.push('}');
        object.clone()
    });
    StringArray::from_iter_values(texts)
}
