//! When people finish their studies: students will, those in their first job did not long ago.

use chrono::{Datelike, NaiveDate};

use super::calendar::{date_of, day_of};
use super::people::{Person, Persona};
use super::random::Draw;

/// The day of graduation, which students still expect; `None` for those of whom nobody would ask it.
///
/// People graduate between 20 June and 5 July of the year in which they turn 22, or 21 or 25 for other schools.
pub fn graduation(person: &Person, as_of: i32, draw: &mut Draw) -> Option<i32> {
    let (first, day) = (draw.unit(), draw.between(-10, 5));
    if as_of - person.born > 35 * 365 {
        return None;
    }
    let ages = if first < 0.6 {
        [22, 25, 21, 19]
    } else if first < 0.8 {
        [21, 22, 25, 19]
    } else {
        [25, 22, 21, 19]
    };
    let birth_year = date_of(person.born).year();
    let dates = ages
        .into_iter()
        .filter_map(|age| NaiveDate::from_ymd_opt(birth_year + age, 6, 30))
        .map(|date| day_of(date) + day);
    // Who studies has the day before them, who works has it behind them.
    let studies = person.persona == Persona::Student;
    dates.into_iter().find(|date| (*date > as_of) == studies)
}

/// What the bank knows of it: one in eight was not asked.
pub fn known_graduation(person: &Person, as_of: i32, draw: &mut Draw) -> Option<i32> {
    let day = graduation(person, as_of, draw)?;
    (!draw.chance(0.125)).then_some(day)
}
