//! `percentile_sketch(value, q)`: a quantile within 1 % of the exact one; see [`models::sketch`].

use arrow::array::{ArrayRef, Decimal128Array};
use arrow::datatypes::Decimal128Type;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::AggregateUDF;
use engine::event::schema::units_type;
use engine::units::ONE;
use models::sketch::{Sketch, SketchError};

use super::groups::{Function, GroupState, decimals, primitive, split};

/// The function.
pub(super) fn function() -> AggregateUDF {
    let arguments = vec![units_type(), units_type()];
    AggregateUDF::from(Function::new::<Percentile>("percentile_sketch", arguments, units_type()))
}

/// The sketch and the quantile asked for in nano-units: the final step of a plan sees states only.
#[derive(Debug, Default)]
struct Percentile {
    sketch: Sketch,
    q: u64,
}

fn refuse(error: SketchError) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("percentile_sketch: {error}")
}

impl GroupState for Percentile {
    type Arguments<'a> = (&'a Decimal128Array, &'a Decimal128Array);

    fn arguments(values: &[ArrayRef]) -> Result<Self::Arguments<'_>> {
        Ok((primitive::<Decimal128Type>(values, 0)?, primitive::<Decimal128Type>(values, 1)?))
    }

    fn update(&mut self, (values, quantiles): &Self::Arguments<'_>, row: usize) -> Result<()> {
        let q = quantiles.value(row);
        if !(0..=ONE).contains(&q) {
            return exec_err!("percentile_sketch: the quantile must lie between 0 and 1");
        }
        self.q = self.q.max(q as u64);
        self.sketch.insert(values.value(row)).map_err(refuse)
    }

    fn merge(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.q = self.q.max(u64::from_le_bytes(*split(&mut bytes)?));
        self.sketch.merge(&Sketch::decode(bytes).map_err(refuse)?);
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if self.sketch.count() > 0 {
            out.extend_from_slice(&self.q.to_le_bytes());
            self.sketch.encode(out);
        }
    }

    fn evaluate(groups: &[Self]) -> Result<ArrayRef> {
        decimals(groups.iter().map(|group| group.sketch.quantile(group.q, ONE as u64)))
    }
}
