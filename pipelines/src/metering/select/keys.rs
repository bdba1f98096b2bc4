//! What a view is grouped by: the tenant, one window of time, and dimensions.
//!
//! A window need not be known by its length: panes are cut finely enough to lie within one, and its expression is computed
//! again on their starts when the view is read. So `date_trunc` and `date_bin` mean what they mean in any query.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::PhysicalExpr;
use engine::event::schema;
use engine::meter::Window;
use engine::view::ViewRefusal;

use super::super::dimension::Dimension;
use super::super::exact;
use super::super::input::{Input, Read};
use super::answer::Group;
use super::columns::{self, fixed, member};
use super::{reads, refused, shown};

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;
/// What panes are cut at in any case, see [`pane`](super::super::pane).
const QUARTER_HOUR_US: i64 = 900 * SECOND_US;
const QUARTER_HOUR: Window = Window::Tumbling { size_s: 900 };
/// No window is longer than a year, but those of `date_bin`.
const YEAR_US: i64 = 366 * DAY_US;

/// The keys of a `GROUP BY`.
pub(super) struct Keys {
    /// What each key is, in the order of the clause.
    pub(super) groups: Vec<Group>,
    /// What dimensions there are.
    pub(super) dimensions: Vec<Dimension>,
    /// The same as they were written.
    pub(super) names: Vec<String>,
    /// The window's start by the start of a pane, and the longest window, microseconds.
    pub(super) window: Option<(Arc<dyn PhysicalExpr>, i64)>,
    /// What panes are cut at.
    pub(super) panes: Window,
}

impl Keys {
    /// Classifies the expressions of a `GROUP BY`.
    pub(super) fn of(keys: &[Expr]) -> Result<Self, ViewRefusal> {
        let mut this =
            Self { groups: Vec::new(), dimensions: Vec::new(), names: Vec::new(), window: None, panes: QUARTER_HOUR };
        for key in keys {
            let group = this.key(key)?;
            this.groups.push(group);
        }
        Ok(this)
    }

    fn key(&mut self, key: &Expr) -> Result<Group, ViewRefusal> {
        if let Some(read) = member(key) {
            let dimension = match read.map_err(refused)? {
                Read::Number(pointer) => Dimension::Number(pointer),
                Read::Text(pointer) => Dimension::Member(pointer),
                Read::Fixed(index) => Dimension::Attribute(index),
            };
            return Ok(self.dimension(key, dimension));
        }
        match key {
            Expr::Alias(alias) => self.key(&alias.expr),
            Expr::Column(column) => match fixed(column) {
                Some(schema::TENANT) => Ok(Group::Tenant),
                Some(index @ (schema::SOURCE | schema::TYPE | schema::SUBJECT)) => {
                    Ok(self.dimension(key, Dimension::Attribute(index)))
                }
                Some(schema::TIME) => {
                    Err(refuse(key, "gives a group for each instant; use date_bin or date_trunc of time"))
                }
                _ => Err(unknown(key)),
            },
            Expr::ScalarFunction(call) if matches!(call.func.name(), "date_bin" | "date_trunc") => {
                self.window(key, call)
            }
            _ => Err(unknown(key)),
        }
    }

    fn dimension(&mut self, key: &Expr, dimension: Dimension) -> Group {
        self.names.push(shown(key));
        self.dimensions.push(dimension);
        Group::Dimension(self.dimensions.len() - 1)
    }

    fn window(&mut self, key: &Expr, call: &ScalarFunction) -> Result<Group, ViewRefusal> {
        if self.window.is_some() {
            return Err(refuse(
                key,
                "a view has one window; group by the shorter one, and again when you read the view",
            ));
        }
        if !call.args.get(1).is_some_and(is_time) {
            return Err(refuse(key, "a window is cut at time itself, in UTC: use date_bin or date_trunc of time"));
        }
        let (panes, longest_us) = match call.func.name() {
            "date_trunc" => truncated(key, &constant(key, &call.args[0])?)?,
            _ => {
                let origin = call.args.get(2).map(|origin| constant(key, origin)).transpose()?;
                binned(key, &constant(key, &call.args[0])?, origin.as_ref())?
            }
        };
        let time = [Input::fixed(schema::TIME)];
        let rows = columns::schema(&time).map_err(refused)?;
        let start = columns::Columns::default().rewrite(key.clone(), "GROUP BY")?;
        self.window = Some((exact::physical(&start, &rows).map_err(refused)?, longest_us));
        self.panes = panes;
        Ok(Group::Window)
    }
}

/// Whether it is `time`, of whatever resolution.
fn is_time(expression: &Expr) -> bool {
    match expression {
        Expr::Column(column) => fixed(column) == Some(schema::TIME),
        Expr::Cast(cast) => {
            let same_zone = matches!(cast.field.data_type(), DataType::Timestamp(_, Some(zone)) if **zone == *"UTC");
            same_zone && is_time(&cast.expr)
        }
        _ => false,
    }
}

/// What panes are cut at for `date_trunc`, and its longest window.
fn truncated(key: &Expr, unit: &ScalarValue) -> Result<(Window, i64), ViewRefusal> {
    let unit = unit.try_as_str().flatten().unwrap_or_default().to_lowercase();
    match unit.as_str() {
        "second" => Ok((Window::Tumbling { size_s: 1 }, SECOND_US)),
        "minute" => Ok((Window::Tumbling { size_s: 60 }, 60 * SECOND_US)),
        "hour" => Ok((QUARTER_HOUR, 3600 * SECOND_US)),
        "day" | "week" | "month" | "quarter" | "year" => Ok((QUARTER_HOUR, YEAR_US)),
        _ => Err(refuse(key, "a window is a second, minute, hour, day, week, month, quarter or year")),
    }
}

/// The same for `date_bin`.
fn binned(key: &Expr, width: &ScalarValue, origin: Option<&ScalarValue>) -> Result<(Window, i64), ViewRefusal> {
    let width = match width {
        ScalarValue::IntervalMonthDayNano(Some(width)) => *width,
        ScalarValue::IntervalDayTime(Some(width)) => {
            IntervalMonthDayNano::new(0, width.days, i64::from(width.milliseconds) * 1_000_000)
        }
        _ => return Err(refuse(key, "the width is an interval like INTERVAL '5 minutes'")),
    };
    if width.months != 0 {
        return Err(refuse(key, "months differ in length; use date_trunc('month', time)"));
    }
    let width_us = i64::from(width.days) * DAY_US + width.nanoseconds / 1000;
    let size_s = u32::try_from(width_us / SECOND_US).unwrap_or_default();
    if size_s == 0 || width_us % SECOND_US != 0 || width.nanoseconds % 1000 != 0 {
        return Err(refuse(key, "a window is a whole number of seconds, and at least one"));
    }
    let origin_us = match origin {
        None => 0,
        Some(ScalarValue::TimestampNanosecond(Some(origin), _)) => origin / 1000,
        Some(ScalarValue::TimestampMicrosecond(Some(origin), _)) => *origin,
        Some(_) => return Err(refuse(key, "the origin is an instant like TIMESTAMP '2001-01-01'")),
    };
    let is_on_quarters = width_us % QUARTER_HOUR_US == 0 && origin_us % QUARTER_HOUR_US == 0;
    if is_on_quarters {
        Ok((QUARTER_HOUR, width_us))
    } else if origin_us % width_us == 0 {
        Ok((Window::Tumbling { size_s }, width_us))
    } else {
        Err(refuse(key, "the origin must be a multiple of the width since 1970, or both of a quarter of an hour"))
    }
}

/// The value of an expression that reads nothing.
fn constant(key: &Expr, expression: &Expr) -> Result<ScalarValue, ViewRefusal> {
    if reads(expression) {
        return Err(refuse(key, "only time may vary in it"));
    }
    let rows = columns::schema(&[Input::fixed(schema::TIME)]).map_err(refused)?;
    let empty = RecordBatch::new_empty(Arc::new(rows.as_arrow().clone()));
    let value = exact::physical(expression, &rows).and_then(|value| value.evaluate(&empty)).map_err(refused)?;
    match value {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(_) => Err(refuse(key, "only time may vary in it")),
    }
}

fn refuse(key: &Expr, reason: &str) -> ViewRefusal {
    ViewRefusal::new(format!("GROUP BY {}", shown(key)), reason)
}

fn unknown(key: &Expr) -> ViewRefusal {
    refuse(
        key,
        "a key is tenant, type, source, subject, json_value(data, '$.member'), json_number(data, '$.member'), or date_bin \
         or date_trunc of time; compute on keys in the select list",
    )
}
