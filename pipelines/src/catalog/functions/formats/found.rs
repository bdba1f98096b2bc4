//! The time that parts of a text say together.
//!
//! What is not said is the first of its kind, and what contradicts itself is an error. Not here: how parts are read
//! ([`super::read`]).

use datafusion::common::{Result, exec_err, not_impl_err};
use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday, date};

use super::times::JULIAN_1970;
use crate::catalog::functions::make::calendar;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) year: Option<i32>,
    /// Digits that the year's word has.
    pub(super) year_digits: usize,
    pub(super) century: Option<i32>,
    pub(super) is_before: bool,
    pub(super) month: Option<i32>,
    pub(super) week: Option<i32>,
    pub(super) week_of_month: Option<i32>,
    pub(super) day: Option<i32>,
    pub(super) day_of_year: Option<i32>,
    pub(super) weekday: Option<i32>,
    pub(super) julian: Option<i32>,
    pub(super) hour: Option<i32>,
    pub(super) is_half_day: bool,
    pub(super) is_evening: bool,
    pub(super) minute: Option<i32>,
    pub(super) second: Option<i32>,
    pub(super) of_day: Option<i32>,
    pub(super) milliseconds: Option<i32>,
    pub(super) microseconds: Option<i32>,
    /// Whether words count weeks as ISO does.
    pub(super) is_iso: Option<bool>,
}

impl Found {
    /// `None` if no calendar has it.
    pub(super) fn time(&self) -> Result<Option<DateTime>> {
        let Some(time) = self.clock()? else { return Ok(None) };
        Ok(self.date()?.map(|date| date.to_datetime(time)))
    }

    fn clock(&self) -> Result<Option<Time>> {
        let (mut hour, mut minute, mut second) =
            (self.hour.unwrap_or(0), self.minute.unwrap_or(0), self.second.unwrap_or(0));
        if let Some(of_day) = self.of_day {
            (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        }
        if self.is_half_day && self.hour.is_some() {
            if !(1..=12).contains(&hour) {
                return exec_err!("hour \"{hour}\" is invalid for the 12-hour clock");
            }
            hour = hour % 12 + if self.is_evening { 12 } else { 0 };
        }
        let fraction = i64::from(self.milliseconds.unwrap_or(0)) * 1000 + i64::from(self.microseconds.unwrap_or(0));
        let part = |of: i32| i8::try_from(of).ok();
        let (Some(hour), Some(minute), Some(second)) = (part(hour), part(minute), part(second)) else {
            return Ok(None);
        };
        let Ok(nanoseconds) = i32::try_from(fraction * 1000) else { return Ok(None) };
        Ok(Time::new(hour, minute, second, nanoseconds).ok())
    }

    fn date(&self) -> Result<Option<Date>> {
        let mut year = self.year.unwrap_or(0);
        if let Some(century) = self.century {
            if self.year_digits > 0 && self.year_digits <= 2 {
                year = century.saturating_sub(1).saturating_mul(100).saturating_add(year % 100);
            } else if self.year_digits == 0 {
                year = century.saturating_sub(1).saturating_mul(100).saturating_add(1);
            }
        }
        if self.is_before && self.year_digits > 0 {
            year = 1_i32.saturating_sub(year);
        }
        if let Some(julian) = self.julian {
            let days = i64::from(julian) - JULIAN_1970;
            return Ok(date(1970, 1, 1).checked_add(jiff::SignedDuration::from_hours(days * 24)).ok());
        }
        if self.is_iso == Some(true) {
            return self.iso_date(year);
        }
        if let (Some(week), None) = (self.week, self.day_of_year) {
            return Ok(of_year(year, week.saturating_sub(1).saturating_mul(7).saturating_add(1)));
        }
        if let (Some(week), None) = (self.week_of_month, self.day) {
            return Ok(calendar_of(
                year,
                self.month.unwrap_or(1),
                week.saturating_sub(1).saturating_mul(7).saturating_add(1),
            ));
        }
        if let Some(day) = self.day_of_year
            && (self.month.unwrap_or(1) <= 1 || self.day.unwrap_or(1) <= 1)
        {
            if self.year.is_none() {
                return exec_err!("cannot calculate day of year without year information");
            }
            return Ok(of_year(year, day));
        }
        Ok(calendar_of(year, self.month.unwrap_or(1), self.day.unwrap_or(1)))
    }

    fn iso_date(&self, year: i32) -> Result<Option<Date>> {
        let Ok(year) = i16::try_from(year) else { return Ok(None) };
        let first = |week: i32, day: Weekday| {
            let week = i8::try_from(week).ok()?;
            ISOWeekDate::new(year, week, day).ok().map(ISOWeekDate::date)
        };
        if let Some(day) = self.day_of_year {
            let Some(begin) = first(1, Weekday::Monday) else { return Ok(None) };
            let hours = (i64::from(day) - 1).saturating_mul(24);
            return Ok(begin.checked_add(jiff::SignedDuration::from_hours(hours)).ok());
        }
        let Some(week) = self.week else {
            return not_impl_err!("a year of weeks without a week: add IW to the pattern, or use YYYY");
        };
        // Monday, unless a day is told; the fields count from Sunday.
        let day = match self.weekday {
            None => Weekday::Monday,
            Some(day) => match i8::try_from(day.saturating_sub(1))
                .ok()
                .and_then(|day| Weekday::from_sunday_zero_offset(day).ok())
            {
                Some(day) => day,
                None => return Ok(None),
            },
        };
        Ok(first(week, day))
    }
}

/// A day, of which years before Christ begin with zero.
fn calendar_of(year: i32, month: i32, day: i32) -> Option<Date> {
    calendar(if year <= 0 { year.checked_sub(1)? } else { year }, month, day)
}

fn of_year(year: i32, day: i32) -> Option<Date> {
    let begin = calendar_of(year, 1, 1)?;
    let is_within = (1..=i32::from(begin.days_in_year())).contains(&day);
    let hours = (i64::from(day) - 1) * 24;
    begin.checked_add(jiff::SignedDuration::from_hours(hours)).ok().filter(|_| is_within)
}
