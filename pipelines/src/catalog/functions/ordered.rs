//! `percentile_disc` and `mode`: a value out of those of a group, by its place in their order or by how often it is there.
//!
//! Values are collected, as `percentile_cont` does, and counted by DataFusion as what a group holds. Nulls are left out. Of
//! values that are there as often as each other, `mode` gives the first. Not here: percentiles between values (DataFusion's).

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_comparator};
use arrow::compute::{SortOptions, concat, filter, is_not_null, sort};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_err, not_impl_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

/// Both functions.
pub(super) fn functions() -> [AggregateUDF; 2] {
    [Kind::Percentile, Kind::Mode].map(|kind| {
        AggregateUDF::new_from_impl(Ordered { kind, signature: Signature::user_defined(Volatility::Immutable) })
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Percentile,
    Mode,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Ordered {
    kind: Kind,
    signature: Signature,
}

impl AggregateUDFImpl for Ordered {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Percentile => "percentile_disc",
            Kind::Mode => "mode",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match (self.kind, arguments) {
            (_, [of, ..]) if of.is_nested() => plan_err!("{} takes values that are no arrays", self.name()),
            (Kind::Percentile, [_, DataType::List(_)]) => {
                not_impl_err!("percentile_disc of an array of fractions: ask for each in a column")
            }
            (Kind::Percentile, [of, fraction]) if fraction.is_numeric() || fraction.is_null() => {
                Ok(vec![of.clone(), DataType::Float64])
            }
            (Kind::Mode, [of]) => Ok(vec![of.clone()]),
            (Kind::Percentile, _) => plan_err!("percentile_disc(fraction) WITHIN GROUP (ORDER BY value)"),
            (Kind::Mode, _) => plan_err!("mode() WITHIN GROUP (ORDER BY value)"),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(of) => Ok(of.clone()),
            None => plan_err!("{} takes a value to order by", self.name()),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let Some(of) = args.input_fields.first() else { return plan_err!("{} takes a value", self.name()) };
        let element = Field::new_list_field(of.data_type().clone(), true);
        Ok(vec![Arc::new(Field::new_list(format_state_name(args.name, "values"), element, true))])
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{} does not take DISTINCT", self.name());
        }
        let Some(order) = args.order_bys.first() else {
            return plan_err!("{} needs WITHIN GROUP (ORDER BY …)", self.name());
        };
        let fraction = match (self.kind, args.exprs) {
            (Kind::Mode, _) => None,
            (Kind::Percentile, [_, fraction]) => {
                let nothing = RecordBatch::new_empty(Arc::new(args.schema.clone()));
                let value = fraction.evaluate(&nothing)?;
                let datafusion::logical_expr::ColumnarValue::Scalar(value) = value else {
                    return plan_err!("percentile_disc takes a constant fraction");
                };
                match value.cast_to(&DataType::Float64)? {
                    ScalarValue::Float64(Some(fraction)) if (0.0..=1.0).contains(&fraction) => Some(Some(fraction)),
                    ScalarValue::Float64(None) => Some(None),
                    other => return plan_err!("percentile value {other} is not between 0 and 1"),
                }
            }
            _ => return plan_err!("percentile_disc takes a fraction"),
        };
        let options = SortOptions { descending: order.options.descending, nulls_first: false };
        let of = args.return_field.data_type().clone();
        Ok(Box::new(Values { of, fraction, options, values: Vec::new() }))
    }
}

/// Those of one group.
#[derive(Debug)]
struct Values {
    of: DataType,
    /// Of a percentile; it has none if that is null.
    fraction: Option<Option<f64>>,
    options: SortOptions,
    values: Vec<ArrayRef>,
}

impl Values {
    fn all(&self) -> Result<ArrayRef> {
        if self.values.is_empty() {
            return Ok(arrow::array::new_empty_array(&self.of));
        }
        let parts = self.values.iter().map(AsRef::as_ref).collect::<Vec<_>>();
        Ok(concat(&parts)?)
    }

    fn take(&mut self, values: &ArrayRef) -> Result<()> {
        let known = filter(values, &is_not_null(values)?)?;
        if !known.is_empty() {
            self.values.push(known);
        }
        Ok(())
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values.first() {
            Some(values) => self.take(values),
            None => exec_err!("values of a group are missing"),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states.first() else { return exec_err!("states of a group are missing") };
        lists.as_list::<i32>().iter().flatten().try_for_each(|list| self.take(&list))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![SingleRowListArrayBuilder::new(self.all()?).build_list_scalar()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sorted = sort(&self.all()?, Some(self.options))?;
        let at = match self.fraction {
            _ if sorted.is_empty() => None,
            Some(fraction) => fraction.map(|fraction| place(fraction, sorted.len())),
            None => Some(most_frequent(&sorted)?),
        };
        match at {
            Some(at) => ScalarValue::try_from_array(&sorted, at),
            None => ScalarValue::try_from(&self.of),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.iter().map(|values| values.get_array_memory_size()).sum::<usize>()
    }
}

/// The place of the first value that at least `fraction` of `count` do not exceed.
fn place(fraction: f64, count: usize) -> usize {
    let place = (fraction * count as f64).ceil();
    let place = place as usize;
    place.clamp(1, count) - 1
}

fn most_frequent(sorted: &ArrayRef) -> Result<usize> {
    let compare = make_comparator(sorted.as_ref(), sorted.as_ref(), SortOptions::default())?;
    let (mut best, mut times, mut begin) = (0, 0, 0);
    for at in 0..=sorted.len() {
        if at == sorted.len() || compare(begin, at) != Ordering::Equal {
            if at - begin > times {
                (best, times) = (begin, at - begin);
            }
            begin = at;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn the_most_frequent_is_the_first_of_as_many() {
        let check = |values: Vec<i64>, expect: usize| {
            let values: ArrayRef = Arc::new(Int64Array::from(values));
            assert_eq!(most_frequent(&values).unwrap(), expect);
        };
        check(vec![1], 0);
        check(vec![1, 2, 2, 3, 3], 1);
        check(vec![1, 2, 3, 3], 2);
        assert_eq!([0.0, 0.25, 0.26, 0.5, 1.0].map(|fraction| place(fraction, 4)), [0, 0, 1, 1, 3]);
    }
}
