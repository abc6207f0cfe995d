//! Days, months and seasons of the demo's history. A day is a number: days since 1970-01-01, as in Parquet.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

/// How many monthly files the event tables have; the last one ends with the `as of` day.
pub const MONTHS: u32 = 14;

pub const MILLIS_PER_DAY: i64 = 86_400_000;
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// One monthly file of an event table.
#[derive(Clone, Debug)]
pub struct Month {
    /// `2026-10`, the file's name.
    pub name: String,
    /// `202610`, which begins the ids of its rows.
    pub number: i64,
    pub first: i32,
    /// The last day with events, included: the month's end or the `as of` day.
    pub last: i32,
}

pub fn day_of(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

pub fn date_of(day: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day.saturating_add(719_163)).unwrap_or(NaiveDate::MAX)
}

/// The months that end with `as_of`; `None` when the calendar does not reach so far back.
pub fn months(as_of: NaiveDate) -> Option<Vec<Month>> {
    let last_first = as_of.with_day(1)?;
    (0..MONTHS)
        .rev()
        .map(|back| {
            let first = last_first.checked_sub_months(Months::new(back))?;
            let end = first.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(1))?;
            Some(Month {
                name: first.format("%Y-%m").to_string(),
                number: i64::from(first.year()) * 100 + i64::from(first.month()),
                first: day_of(first),
                last: day_of(end.min(as_of)),
            })
        })
        .collect()
}

/// A weight for each day of a history, summed up so that a span's weight and a day by weight are quick to find.
pub struct Seasons {
    first: i32,
    /// Weight of all days before the day at this place; one more entry than days.
    before: Vec<f64>,
}

impl Seasons {
    pub fn new(first: i32, last: i32, weight: impl Fn(NaiveDate) -> f64) -> Self {
        let mut sum = 0.0;
        let mut before = vec![0.0];
        for day in first..=last {
            sum += weight(date_of(day));
            before.push(sum);
        }
        Seasons { first, before }
    }

    fn upto(&self, day: i32) -> f64 {
        let place = usize::try_from(day - self.first).unwrap_or(0).min(self.before.len().saturating_sub(1));
        self.before.get(place).copied().unwrap_or(0.0)
    }

    /// The weight of the days from `first` to `last`, both included; 0 when there is none.
    pub fn weight(&self, first: i32, last: i32) -> f64 {
        if last < first { 0.0 } else { self.upto(last + 1) - self.upto(first) }
    }

    /// The day between `first` and `last` that `at` (from 0 to 1) of their weight falls on.
    pub fn day(&self, first: i32, last: i32, at: f64) -> i32 {
        let target = self.upto(first) + at * self.weight(first, last);
        let place = self.before.partition_point(|sum| *sum <= target) as i32;
        (self.first + place - 1).clamp(first, last)
    }
}

/// How busy a day is at the tills: Fridays and Saturdays, the sales of June, November and December, the year's end.
pub fn spending_weight(date: NaiveDate) -> f64 {
    let month = match date.month() {
        1 => 1.10,
        2 => 0.93,
        3 => 0.92,
        4 => 0.94,
        6 => 1.05,
        9 => 0.98,
        10 => 1.05,
        11 => 1.14,
        12 => 1.12,
        _ => 1.0,
    };
    let weekday = match date.weekday() {
        Weekday::Fri => 1.12,
        Weekday::Sat => 1.22,
        Weekday::Sun => 1.08,
        _ => 0.94,
    };
    let special = match (date.month(), date.day()) {
        (11, 11) => 2.4,
        (6, 18) => 1.6,
        (12, 12) => 1.3,
        (10, 1..=7) | (5, 1..=5) => 1.15,
        _ => 1.0,
    };
    month * weekday * special
}

/// How busy the app is: working days, pay days, and the evenings of sales.
pub fn app_weight(date: NaiveDate) -> f64 {
    let weekday = match date.weekday() {
        Weekday::Sat | Weekday::Sun => 0.85,
        Weekday::Mon => 1.12,
        _ => 1.03,
    };
    let special = match (date.month(), date.day()) {
        (11, 11) | (6, 18) => 1.4,
        (_, 10 | 15) => 1.25,
        _ => 1.0,
    };
    weekday * special
}

/// How much more than usual people travel on a day.
pub fn travel_season(date: NaiveDate) -> f64 {
    match (date.month(), date.day()) {
        (10, 1..=7) | (5, 1..=5) => 2.2,
        (1, 20..) | (2, 1..=22) => 1.8,
        (7 | 8, _) => 1.6,
        _ => 0.8,
    }
}

/// How much more than usual people shop on a day.
pub fn shopping_season(date: NaiveDate) -> f64 {
    match (date.month(), date.day()) {
        (11, 1..=11) | (6, 10..=18) => 1.7,
        (12, _) => 1.2,
        _ => 0.95,
    }
}
