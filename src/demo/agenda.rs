//! What happens in one month, put in the order of time without sorting more than a day.

use super::calendar::{MICROS_PER_DAY, MILLIS_PER_DAY, Month};
use super::random::{Draw, Wheel, fraction};

const CODE_BITS: u32 = 6;
const PERSON_BITS: u32 = 30;

/// The most customers that an agenda can tell apart.
pub const PEOPLE_LIMIT: u64 = (1 << PERSON_BITS) - 1_000;

/// One thing that happens: who, when, and a code that its table gives a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Place in the population; past its end for a customer that the bank does not know.
    pub person: u64,
    pub day: i32,
    /// Microseconds since 1970-01-01 of the local clock.
    pub time: i64,
    pub code: u8,
}

/// The entries of a month, one list per day. An entry is one number, time first, so that sorting puts them in order.
pub struct Agenda {
    first: i32,
    days: Vec<Vec<u64>>,
}

impl Agenda {
    pub fn new(month: &Month) -> Self {
        Agenda { first: month.first, days: (month.first..=month.last).map(|_| Vec::new()).collect() }
    }

    /// Adds an entry at `millis` after the midnight that begins `day`; what is outside the month or past its day is
    /// left out.
    pub fn add(&mut self, day: i32, millis: i64, person: u64, code: u8) {
        let list = usize::try_from(day - self.first).ok().and_then(|place| self.days.get_mut(place));
        if let Some(list) = list.filter(|_| (0..MILLIS_PER_DAY).contains(&millis)) {
            list.push((millis as u64) << (CODE_BITS + PERSON_BITS) | person << CODE_BITS | u64::from(code));
        }
    }

    /// All entries in the order of time; a day's memory is given back after it.
    pub fn into_entries(self) -> impl Iterator<Item = Entry> {
        (self.first..).zip(self.days).flat_map(|(day, mut keys)| {
            keys.sort_unstable();
            let midnight = i64::from(day) * MICROS_PER_DAY;
            keys.into_iter().map(move |key| Entry {
                person: (key >> CODE_BITS) & ((1 << PERSON_BITS) - 1),
                day,
                time: midnight + (key >> (CODE_BITS + PERSON_BITS)) as i64 * 1_000,
                code: (key & ((1 << CODE_BITS) - 1)) as u8,
            })
        })
    }
}

/// The hours of a day by how busy they are.
pub struct Clock {
    hours: Wheel,
}

impl Clock {
    /// Shops and meals: a peak at noon, a higher one in the evening.
    pub fn spending() -> Self {
        Clock::new([6, 3, 2, 1, 1, 3, 12, 26, 38, 42, 46, 60, 76, 52, 44, 46, 50, 60, 82, 92, 90, 70, 42, 18])
    }

    /// The app: on the way to work, at noon, and before going to bed.
    pub fn app() -> Self {
        Clock::new([
            14, 7, 4, 2, 2, 5, 18, 44, 60, 58, 52, 50, 66, 48, 44, 44, 46, 50, 58, 66, 78, 88, 66, 34,
        ])
    }

    fn new(weights: [u16; 24]) -> Self {
        Clock { hours: Wheel::new(weights.into_iter().map(f64::from)) }
    }

    /// Milliseconds after midnight.
    pub fn draw(&self, draw: &mut Draw) -> i64 {
        let bits = draw.bits();
        let hour = i64::from(self.hours.pick(bits));
        // The wheel reads the lowest bits, the fraction the highest.
        hour * 3_600_000 + (fraction(bits) * 3_600_000.0) as i64
    }
}
