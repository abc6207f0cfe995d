//! Time as a parameter: the run's `as of`, and windows with their real dates.

use crate::syntax::ast::{Duration, TimeUnit};
use chrono::{
    DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc,
};
use chrono_tz::Tz;

/// The script's zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Zone(pub Tz);

impl Zone {
    /// The moment at which a wall clock shows `local`. A time that happens twice is its first; one that is
    /// skipped is the moment the clock jumps.
    pub fn to_utc(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.0.from_local_datetime(&local) {
            LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => t.with_timezone(&Utc),
            LocalResult::None => self.after_gap(local),
        }
    }

    /// Clocks jump by at most a few hours: search the first minute that exists.
    fn after_gap(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let mut t = local;
        for _ in 0..(26 * 60) {
            t += chrono::Duration::minutes(1);
            if let Some(found) = self.0.from_local_datetime(&t).earliest() {
                return found.with_timezone(&Utc);
            }
        }
        local.and_utc()
    }

    pub fn to_local(&self, moment: DateTime<Utc>) -> NaiveDateTime {
        moment.with_timezone(&self.0).naive_local()
    }

    pub fn name(&self) -> &'static str {
        self.0.name()
    }
}

/// What a run takes for now.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AsOf {
    /// The whole day counts: what happens before the midnight after it is seen.
    Day(NaiveDate),
    /// What happens before this moment is seen.
    Instant(DateTime<Utc>),
}

impl AsOf {
    /// The local day.
    pub fn day(&self, zone: &Zone) -> NaiveDate {
        match self {
            AsOf::Day(day) => *day,
            AsOf::Instant(t) => zone.to_local(*t).date(),
        }
    }

    /// Events at this moment or later are not seen.
    pub fn cut(&self) -> Moment {
        match self {
            AsOf::Day(day) => Moment::Day(next_day(*day)),
            AsOf::Instant(t) => Moment::Instant(*t),
        }
    }

    /// As it is typed and shown: `2026-10-31` or `2026-10-31T08:00:00`.
    pub fn text(&self, zone: &Zone) -> String {
        match self {
            AsOf::Day(day) => day.to_string(),
            AsOf::Instant(t) => zone.to_local(*t).format("%Y-%m-%dT%H:%M:%S").to_string(),
        }
    }
}

/// A bound of a window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Moment {
    /// The local midnight with which a day begins.
    Day(NaiveDate),
    Instant(DateTime<Utc>),
}

impl Moment {
    pub fn utc(&self, zone: &Zone) -> DateTime<Utc> {
        match self {
            Moment::Day(day) => zone.to_utc(day.and_time(NaiveTime::MIN)),
            Moment::Instant(t) => *t,
        }
    }

    pub fn local(&self, zone: &Zone) -> NaiveDateTime {
        match self {
            Moment::Day(day) => day.and_time(NaiveTime::MIN),
            Moment::Instant(t) => zone.to_local(*t),
        }
    }
}

/// What an aggregate covers: from `start` (included; none is the beginning of time) to `end` (excluded).
/// `end` is never after the cut.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    pub start: Option<Moment>,
    pub end: Moment,
    /// As written, for explanations; `None` where no window was written.
    pub written: Option<WindowWords>,
}

/// A window as the script says it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum WindowWords {
    Last { length: Duration, ending: Option<Duration> },
    Calendar { previous: bool, unit: TimeUnit },
    FromTo,
    Since,
    Before,
    On,
}

impl Window {
    /// The first and the last day that the window touches.
    pub fn days(&self, zone: &Zone) -> (Option<NaiveDate>, NaiveDate) {
        let last = match self.end {
            Moment::Day(day) => day.pred_opt().unwrap_or(day),
            Moment::Instant(t) => zone.to_local(t - chrono::Duration::microseconds(1)).date(),
        };
        (self.start.map(|s| s.local(zone).date()), last)
    }
}

/// The day after; the last day that the calendar has stays.
pub fn next_day(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

/// `day` moved back by a duration of whole days, months clipped to the month's end. `None` for hours and
/// shorter, and where the calendar ends.
pub fn back(day: NaiveDate, length: Duration) -> Option<NaiveDate> {
    shift(day, length, true)
}

/// `day` moved on by a duration of whole days.
pub fn forth(day: NaiveDate, length: Duration) -> Option<NaiveDate> {
    shift(day, length, false)
}

fn shift(day: NaiveDate, length: Duration, back: bool) -> Option<NaiveDate> {
    let n = length.amount;
    let days =
        |n: u64| if back { day.checked_sub_days(Days::new(n)) } else { day.checked_add_days(Days::new(n)) };
    let months = |n: u32| {
        if back { day.checked_sub_months(Months::new(n)) } else { day.checked_add_months(Months::new(n)) }
    };
    match length.unit {
        TimeUnit::Day => days(u64::from(n)),
        TimeUnit::Week => days(u64::from(n) * 7),
        TimeUnit::Month => months(n),
        TimeUnit::Quarter => months(n.checked_mul(3)?),
        TimeUnit::Year => months(n.checked_mul(12)?),
        TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second => None,
    }
}

/// The first day of the calendar unit that holds `day`; weeks begin on Monday.
pub fn unit_start(day: NaiveDate, unit: TimeUnit) -> Option<NaiveDate> {
    match unit {
        TimeUnit::Day => Some(day),
        TimeUnit::Week => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
        TimeUnit::Month => day.with_day(1),
        TimeUnit::Quarter => day.with_day(1)?.with_month((day.month0() / 3) * 3 + 1),
        TimeUnit::Year => day.with_day(1)?.with_month(1),
        TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second => None,
    }
}

/// Length of a duration in hours and shorter units, in seconds; `None` for calendar units.
pub fn seconds(length: Duration) -> Option<i64> {
    let n = i64::from(length.amount);
    match length.unit {
        TimeUnit::Second => Some(n),
        TimeUnit::Minute => Some(n * 60),
        TimeUnit::Hour => Some(n * 3600),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn length(amount: u32, unit: TimeUnit) -> Duration {
        Duration { amount, unit }
    }

    #[test]
    fn months_clip_to_the_months_end() {
        assert_eq!(back(day("2026-05-31"), length(3, TimeUnit::Month)), Some(day("2026-02-28")));
        assert_eq!(back(day("2024-05-31"), length(3, TimeUnit::Month)), Some(day("2024-02-29")));
        assert_eq!(back(day("2024-02-29"), length(1, TimeUnit::Year)), Some(day("2023-02-28")));
        assert_eq!(forth(day("2024-02-29"), length(4, TimeUnit::Year)), Some(day("2028-02-29")));
    }

    #[test]
    fn a_week_begins_on_monday_and_a_quarter_on_its_first_month() {
        assert_eq!(unit_start(day("2026-11-22"), TimeUnit::Week), Some(day("2026-11-16")));
        assert_eq!(unit_start(day("2026-11-22"), TimeUnit::Quarter), Some(day("2026-10-01")));
        assert_eq!(unit_start(day("2026-01-31"), TimeUnit::Quarter), Some(day("2026-01-01")));
    }

    #[test]
    fn a_skipped_midnight_is_the_moment_the_clock_jumps() {
        // Beirut's clocks went from 00:00 to 01:00 on 2021-03-28.
        let zone = Zone(chrono_tz::Asia::Beirut);
        let midnight = zone.to_utc(day("2021-03-28").and_time(NaiveTime::MIN));
        assert_eq!(midnight.to_rfc3339(), "2021-03-27T22:00:00+00:00");
    }
}
