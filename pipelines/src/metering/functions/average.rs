//! `exact_avg(value)`: the sum divided by the count, rounded half-even to nine digits.

use arrow::array::{ArrayRef, Decimal128Array};
use arrow::datatypes::{Decimal128Type, i256};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;
use engine::event::schema::units_type;

use super::groups::{Function, GroupState, decimals, primitive, split};

/// The function.
pub(super) fn function() -> AggregateUDF {
    let arguments = vec![units_type()];
    AggregateUDF::from(Function::new::<Average>("exact_avg", arguments, units_type()))
}

/// `dividend / divisor` rounded half-even; `None` if it does not fit or the divisor is not positive.
pub(in crate::metering) fn half_even(dividend: i256, divisor: i256) -> Option<i128> {
    if !divisor.is_positive() {
        return None;
    }
    let floor = {
        let quotient = dividend.checked_div(divisor)?;
        let exact = quotient.checked_mul(divisor)? == dividend;
        if dividend.is_negative() && !exact { quotient.checked_sub(i256::ONE)? } else { quotient }
    };
    let remainder = dividend.checked_sub(floor.checked_mul(divisor)?)?;
    let twice = remainder.checked_add(remainder)?;
    let odd = floor.to_parts().0 & 1 == 1;
    let up = twice > divisor || (twice == divisor && odd);
    if up { floor.checked_add(i256::ONE)?.to_i128() } else { floor.to_i128() }
}

/// A sum that fits 128 bits is encoded in as many, as nearly all are.
const NARROW_BYTES: usize = size_of::<i128>();

#[derive(Debug, Default)]
struct Average {
    count: u64,
    /// In 256 bits: values may be as large as DECIMAL(38, 9), and no order of adding them may fail.
    sum: i256,
}

impl Average {
    fn add(&mut self, count: u64, sum: i256) -> Result<()> {
        self.count += count;
        self.sum = self.sum.checked_add(sum).ok_or_else(|| exec_datafusion_err!("more than 10^38 values"))?;
        Ok(())
    }
}

impl GroupState for Average {
    type Arguments<'a> = &'a Decimal128Array;

    fn arguments(values: &[ArrayRef]) -> Result<&Decimal128Array> {
        primitive::<Decimal128Type>(values, 0)
    }

    fn update(&mut self, values: &&Decimal128Array, row: usize) -> Result<()> {
        self.add(1, i256::from_i128(values.value(row)))
    }

    fn merge(&mut self, mut bytes: &[u8]) -> Result<()> {
        let count = u64::from_le_bytes(*split(&mut bytes)?);
        let sum = match bytes.len() {
            NARROW_BYTES => i256::from_i128(i128::from_le_bytes(*split(&mut bytes)?)),
            _ => i256::from_le_bytes(*split(&mut bytes)?),
        };
        self.add(count, sum)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if self.count > 0 {
            out.extend_from_slice(&self.count.to_le_bytes());
            match self.sum.to_i128() {
                Some(narrow) => out.extend_from_slice(&narrow.to_le_bytes()),
                None => out.extend_from_slice(&self.sum.to_le_bytes()),
            }
        }
    }

    fn evaluate(groups: &[Self]) -> Result<ArrayRef> {
        decimals(groups.iter().map(|g| half_even(g.sum, i256::from_i128(g.count.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dividend: i128, divisor: i128, expect: i128) {
        let got = half_even(i256::from_i128(dividend), i256::from_i128(divisor));
        assert_eq!(got, Some(expect), "{dividend} / {divisor}");
    }

    #[test]
    fn sums_beyond_128_bits_are_exact_and_come_back() {
        let largest = 10i128.pow(38) - 1;
        let (mut state, mut bytes) = (Average::default(), Vec::new());
        for value in [largest, largest, largest, -5] {
            state.add(1, i256::from_i128(value)).unwrap();
        }
        state.encode(&mut bytes);
        let mut again = Average::default();
        again.merge(&bytes).unwrap();
        again.add(1, i256::from_i128(5).wrapping_sub(i256::from_i128(largest))).unwrap();
        bytes.clear();
        again.encode(&mut bytes);
        assert_eq!((again.count, again.sum.to_i128(), bytes.len()), (5, None, 40));
        again.add(1, i256::from_i128(-largest)).unwrap();
        bytes.clear();
        again.encode(&mut bytes);
        assert_eq!((again.sum.to_i128(), bytes.len()), (Some(largest), 24), "as small again as it was");
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        check(5, 2, 2);
        check(7, 2, 4);
        check(-5, 2, -2);
        check(-7, 2, -4);
        check(-3, 2, -2);
        check(8, 3, 3);
        check(-8, 3, -3);
        check(-7, 3, -2);
        check(6, 3, 2);
        assert_eq!(half_even(i256::ONE, i256::ZERO), None);
    }
}
