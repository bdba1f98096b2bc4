//! CloudEvents `time`: RFC 3339, strictly, to microseconds.
//!
//! By hand because it is read once per event; a property test holds it against jiff. Digits beyond microseconds are cut
//! off, never rounded, so that an instant stays in its second; a leap second counts as the second before it.

const SECOND_US: i64 = 1_000_000;

/// Microseconds since the epoch, or `None` if `text` is not an RFC 3339 instant.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (fixed, mut tail) = bytes.split_at_checked(19)?;
    let shape_fits = fixed[4] == b'-'
        && fixed[7] == b'-'
        && matches!(fixed[10], b'T' | b't')
        && fixed[13] == b':'
        && fixed[16] == b':';
    if !shape_fits {
        return None;
    }
    let (year, month, day) = (number(&fixed[..4])?, number(&fixed[5..7])?, number(&fixed[8..10])?);
    let (hour, minute, second) = (number(&fixed[11..13])?, number(&fixed[14..16])?, number(&fixed[17..19])?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut fraction_us = 0;
    if let [b'.', rest @ ..] = tail {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let kept = digits.min(6);
        fraction_us = number(&rest[..kept])? * 10i64.pow(6 - kept as u32);
        tail = &rest[digits..];
    }
    let offset_s = match tail {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset_s;
    Some(seconds * SECOND_US + fraction_us)
}

fn number(digits: &[u8]) -> Option<i64> {
    let mut value = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(value)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar: years begin in March, so that a leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(parse(text), expect, "{text}");
    }

    #[test]
    fn rfc_3339_and_nothing_else() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("1970-01-01t00:00:01.5z", Some(1_500_000));
        check("1970-01-01T00:00:00.1234569Z", Some(123_456));
        check("1969-12-31T23:59:59.9999999Z", Some(-1));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("2016-12-31T23:59:60Z", Some(1_483_228_799_000_000));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000_000));
        check("1900-02-29T00:00:00Z", None);
        check("2024-13-01T00:00:00Z", None);
        check("2024-00-01T00:00:00Z", None);
        check("2024-01-00T00:00:00Z", None);
        check("2024-01-01T24:00:00Z", None);
        check("2024-01-01T00:00:00", None);
        check("2024-01-01 00:00:00Z", None);
        check("2024-01-01T00:00:00.Z", None);
        check("2024-01-01T00:00:00+0100", None);
        check("2024-01-01T00:00:00Z ", None);
        check("２024-01-01T00:00:00Z", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(time_us in -62_167_219_200_000_000i64..253_402_207_200_000_000, minutes in -1439i32..=1439) {
            let instant = jiff::Timestamp::from_microsecond(time_us).unwrap();
            prop_assert_eq!(parse(&instant.to_string()), Some(time_us));
            let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(minutes * 60).unwrap());
            let local = zone.to_datetime(instant);
            if local.year() >= 0 {
                let sign = if minutes < 0 { '-' } else { '+' };
                let text = format!("{local}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
                prop_assert_eq!(parse(&text), Some(time_us), "{}", text);
            }
        }
    }
}
