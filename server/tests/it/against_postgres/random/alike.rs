//! What of two answers is compared: all but digits that are known to differ.
//!
//! `docs/SQL_DIFFERENCES.md` says that a number may have more or fewer zeros behind its point, and that a quotient, an
//! average or a float's sum may differ by less than a billionth. So numbers are compared by nine digits, and their
//! bytes not at all.

use std::fmt::Write;

use tokio_postgres::types::Type;

use crate::against_postgres::outcome::{Outcome, Rows};

/// Digits that are compared. With one less a number lies elsewhere between two that are rounded to.
pub(super) const DIGITS: [usize; 2] = [9, 8];

/// The numbers of both with `digits`, where either calls a column a number that has a point.
pub(super) fn level(expect: Outcome, found: Outcome, digits: usize) -> (Outcome, Outcome) {
    match (expect, found) {
        (Outcome::Rows(mut expect), Outcome::Rows(mut found)) => {
            let has_point = |of: Option<&Type>| of.is_some_and(|of| [Type::NUMERIC, Type::FLOAT8].contains(of));
            let columns = (0..expect.types.len().max(found.types.len()))
                .filter(|at| has_point(expect.types.get(*at)) || has_point(found.types.get(*at)))
                .collect::<Vec<_>>();
            for rows in [&mut expect, &mut found] {
                round(rows, &columns, digits);
            }
            (Outcome::Rows(expect), Outcome::Rows(found))
        }
        others => others,
    }
}

fn round(rows: &mut Rows, columns: &[usize], digits: usize) {
    for column in columns {
        for value in rows.text.iter_mut().filter_map(|row| row.get_mut(*column)?.as_mut()) {
            *value = rounded(value, digits);
        }
        for value in rows.binary.iter_mut().filter_map(|row| row.get_mut(*column)?.as_mut()) {
            value.clear();
        }
    }
}

fn rounded(text: &str, digits: usize) -> String {
    let Ok(number) = text.parse::<f64>() else { return text.to_owned() };
    let mut made = String::new();
    // What is smaller than one is rounded behind the point: a billionth of it is less than what may differ.
    if number.abs() < 1.0 {
        write!(made, "{number:.digits$}").unwrap();
    } else {
        write!(made, "{number:.*e}", digits - 1).unwrap();
    }
    if made.trim_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { made }
}

#[test]
fn last_digits_and_zeros_do_not_count() {
    for (one, other, equal) in [
        ("1.50", "1.5", true),
        ("0.00", "0", true),
        ("-0", "0", true),
        ("0.333333333333", "0.33333333333333333333", true),
        ("1234567.8912", "1234567.8913", true),
        ("1234567.8", "1234567.9", false),
        ("0.1", "0.2", false),
        ("NaN", "0", false),
        ("1e+20", "100000000000000000000", true),
    ] {
        assert_eq!(rounded(one, DIGITS[0]) == rounded(other, DIGITS[0]), equal, "{one} and {other}");
    }
}
