//! What a view's expressions read of events: attributes, and members of `data` by `json_value` and `json_number`.
//!
//! A call of these on `data` becomes a column of its own, which batches have already, so no JSON is made or parsed.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use engine::event::schema::{FIXED, fixed_fields, text_type};
use engine::view::ViewRefusal;

use super::super::functions::members::{NUMBER, TEXT, path};
use super::super::input::{Input, Read};
use crate::lake::rows;

/// The table that statements are planned over: as the view `events` shows it, texts without dictionaries.
pub(super) fn events() -> Arc<dyn TableProvider> {
    let plain = |field: &Arc<Field>| match *field.data_type() == text_type() {
        true => field.as_ref().clone().with_data_type(DataType::Utf8),
        false => field.as_ref().clone(),
    };
    let fields = rows::schema().fields().iter().map(plain).collect::<Vec<_>>();
    Arc::new(EmptyTable::new(Arc::new(Schema::new(fields))))
}

/// The schema of rows of `inputs`.
pub(super) fn schema(inputs: &[Input]) -> Result<DFSchema> {
    DFSchema::try_from(Schema::new(inputs.iter().map(Input::field).collect::<Vec<_>>()))
}

/// The member that a call of `json_value` or `json_number` on `data` reads.
pub(super) fn member(expression: &Expr) -> Option<Result<Read, DataFusionError>> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let read = match call.func.name() {
        TEXT => Read::Text,
        NUMBER => Read::Number,
        _ => return None,
    };
    let [Expr::Column(column), Expr::Literal(argument, _)] = call.args.as_slice() else { return None };
    (column.name == rows::DATA).then(|| Ok(read(path(argument)?.pointer())))
}

/// The fixed column of that name, by its index.
pub(super) fn fixed(column: &Column) -> Option<usize> {
    fixed_fields().iter().position(|field| *field.name() == column.name)
}

/// Collects what expressions read.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) inputs: Vec<Input>,
}

impl Columns {
    /// `expression` over the columns collected; `clause` is where it stands.
    pub(super) fn rewrite(&mut self, expression: Expr, clause: &str) -> Result<Expr, ViewRefusal> {
        let mut unknown = None;
        let rewritten = expression.transform_down(|part| {
            let input = match (member(&part), &part) {
                (Some(read), _) => match read? {
                    Read::Text(pointer) => Input::new(format!("{TEXT} {pointer}"), Read::Text(pointer)),
                    Read::Number(pointer) => Input::new(format!("{NUMBER} {pointer}"), Read::Number(pointer)),
                    read @ Read::Fixed(_) => Input::new("", read),
                },
                (None, Expr::Column(column)) => match fixed(column) {
                    Some(index) => Input::fixed(index),
                    None => {
                        unknown = Some(column.name.clone());
                        return Ok(Transformed::new(part, false, TreeNodeRecursion::Stop));
                    }
                },
                _ => return Ok(Transformed::no(part)),
            };
            let column = Expr::Column(Column::from_name(&input.name));
            if !self.inputs.contains(&input) {
                self.inputs.push(input);
            }
            Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
        });
        let rewritten = rewritten.map_err(|error| ViewRefusal::new(clause, error.message()))?;
        match unknown.as_deref() {
            None => Ok(rewritten.data),
            Some(rows::DATA) => Err(ViewRefusal::new(
                "data",
                "is not kept as a whole; read members by json_value(data, '$.member') or json_number(data, '$.member')",
            )),
            Some(other) => {
                let known = fixed_fields()[..FIXED].iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
                let reason = format!("is not of the event itself; use {} and members of data", known.join(", "));
                Err(ViewRefusal::new(other, reason))
            }
        }
    }
}
