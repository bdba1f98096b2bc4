//! `exact_stddev(value)`: the population standard deviation, rounded half-even to nine digits.
//!
//! From exact sums of values and squares in 256 bits, with an integer root: no float, so the same digits everywhere. Values
//! are below 10^18 units, so that 10^11 of them fit and no order of adding them fails.

use arrow::array::{ArrayRef, Decimal128Array};
use arrow::datatypes::{Decimal128Type, i256};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::AggregateUDF;
use engine::event::schema::units_type;
use engine::units::{ONE, VALUE_UNITS_MAX};

use super::groups::{Function, GroupState, decimals, primitive, split};

/// The function.
pub(super) fn function() -> AggregateUDF {
    let arguments = vec![units_type()];
    AggregateUDF::from(Function::new::<Deviation>("exact_stddev", arguments, units_type()))
}

#[derive(Debug, Default)]
struct Deviation {
    count: u64,
    sum: i128,
    squares: i256,
}

impl Deviation {
    fn add(&mut self, count: u64, sum: i128, squares: i256) -> Result<()> {
        self.count += count;
        let sums = self.sum.checked_add(sum).zip(self.squares.checked_add(squares));
        (self.sum, self.squares) = sums.ok_or_else(|| exec_datafusion_err!("sum of squares exceeds 256 bits"))?;
        Ok(())
    }

    /// √(n Σx² − (Σx)²) / n. With r the quotient rounded down, it rounds up where the root exceeds (2r + 1) n / 2.
    fn deviation(&self) -> Option<i128> {
        let n = i256::from_i128(self.count.into());
        let sum = i256::from_i128(self.sum);
        let square = n.checked_mul(self.squares)?.checked_sub(sum.checked_mul(sum)?)?;
        let floor = root(square)?.checked_div(n)?;
        let two = i256::from_i128(2);
        let middle = floor.checked_mul(two)?.checked_add(i256::ONE)?.checked_mul(n)?;
        let odd = floor.to_parts().0 & 1 == 1;
        let up = match square.checked_mul(i256::from_i128(4))?.cmp(&middle.checked_mul(middle)?) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => odd,
            std::cmp::Ordering::Greater => true,
        };
        floor.to_i128()?.checked_add(i128::from(up))
    }
}

/// The integer square root, by Newton's method from above.
fn root(square: i256) -> Option<i256> {
    if !square.is_positive() {
        return Some(i256::ZERO);
    }
    let bits = 256 - square.leading_zeros();
    let two = i256::from_i128(2);
    let mut estimate = two.checked_pow(bits.div_ceil(2))?;
    loop {
        let next = estimate.checked_add(square.checked_div(estimate)?)?.checked_div(two)?;
        if next >= estimate {
            return Some(estimate);
        }
        estimate = next;
    }
}

impl GroupState for Deviation {
    type Arguments<'a> = &'a Decimal128Array;

    fn arguments(values: &[ArrayRef]) -> Result<&Decimal128Array> {
        primitive::<Decimal128Type>(values, 0)
    }

    fn update(&mut self, values: &&Decimal128Array, row: usize) -> Result<()> {
        let value = values.value(row);
        if value.unsigned_abs() >= (VALUE_UNITS_MAX * ONE).unsigned_abs() {
            return exec_err!("exact_stddev takes values below 10^18 in size");
        }
        let square = i256::from_i128(value).wrapping_mul(i256::from_i128(value));
        self.add(1, value, square)
    }

    fn merge(&mut self, mut bytes: &[u8]) -> Result<()> {
        let count = u64::from_le_bytes(*split(&mut bytes)?);
        let sum = i128::from_le_bytes(*split(&mut bytes)?);
        self.add(count, sum, i256::from_le_bytes(*split(&mut bytes)?))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if self.count > 0 {
            out.extend_from_slice(&self.count.to_le_bytes());
            out.extend_from_slice(&self.sum.to_le_bytes());
            out.extend_from_slice(&self.squares.to_le_bytes());
        }
    }

    fn evaluate(groups: &[Self]) -> Result<ArrayRef> {
        decimals(groups.iter().map(|group| if group.count == 0 { None } else { group.deviation() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i128], expect: i128) {
        let mut state = Deviation::default();
        for &value in values {
            state.add(1, value, i256::from_i128(value).wrapping_mul(i256::from_i128(value))).unwrap();
        }
        assert_eq!(state.deviation(), Some(expect), "{values:?}");
    }

    #[test]
    fn deviations_are_exact_and_rounded_half_even() {
        check(&[5], 0);
        check(&[2, 4, 4, 4, 5, 5, 7, 9], 2);
        check(&[0, 1], 0);
        check(&[0, 3], 2);
        check(&[0, 10, 20], 8);
        let large = engine::units::VALUE_UNITS_MAX * engine::units::ONE;
        check(&[large, -large, large, -large], large);
    }

    #[test]
    fn roots_are_the_largest_that_fit() {
        for square in 0..2000i128 {
            let found = root(i256::from_i128(square)).unwrap().as_i128();
            assert!(found * found <= square && (found + 1) * (found + 1) > square, "{square}");
        }
    }
}
