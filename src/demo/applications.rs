//! `applications.parquet`: who applied for a card or a loan in the fourteen months, customers ascending.
//!
//! People in their first job apply most, most of all within two years of their graduation; who is overdue is declined.
//! What was applied for in the last days before `as of` is mostly still open.

use std::path::Path;

use super::DemoError;
use super::calendar::MICROS_PER_DAY;
use super::people::{Person, Persona, Population, customer_id, is};
use super::random::{Draw, Streams, Topic, Wheel};
use super::studies;
use super::writer::{BATCH_ROWS, Columns, Kind, TableFile, keys, local_times, money};

pub const COLUMNS: Columns = &[
    ("application_id", Kind::Key),
    ("customer_id", Kind::Key),
    ("product", Kind::Word),
    ("applied_at", Kind::LocalTime),
    ("amount", Kind::Money),
    ("status", Kind::Word),
    ("channel", Kind::Word),
];

const PRODUCTS: [&str; 4] = ["credit card", "consumer loan", "car loan", "mortgage"];
/// The middle amount of each product, in fen.
const AMOUNTS: [f64; 4] = [1_500_000.0, 4_000_000.0, 12_000_000.0, 90_000_000.0];
const STATUSES: [&str; 4] = ["approved", "declined", "withdrawn", "open"];
const CHANNELS: [&str; 3] = ["app", "web", "branch"];

/// Writes the table; how many rows it has. `first` is the first day of the history.
pub fn write(
    path: &Path,
    first: i32,
    population: &Population,
    seed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DemoError> {
    let streams = Streams::new(seed, Topic::Applications);
    let schools = Streams::new(seed, Topic::Studies);
    let mut file = TableFile::create(path, COLUMNS)?;
    let desk = Desk::new(first, population.as_of);
    let mut rows = Rows::default();
    for (place, person) in population.iter() {
        let graduated = studies::graduation(person, population.as_of, &mut schools.at(place));
        desk.receive(place, person, graduated, &mut streams.at(place), &mut rows);
        if rows.customers.len() >= BATCH_ROWS {
            rows.flush(&mut file)?;
            progress(file.rows());
        }
    }
    rows.flush(&mut file)?;
    progress(file.rows());
    file.finish()
}

/// Where applications come in.
struct Desk {
    first: i32,
    as_of: i32,
    young: Wheel,
    others: Wheel,
    channels: Wheel,
}

impl Desk {
    fn new(first: i32, as_of: i32) -> Self {
        Desk {
            first,
            as_of,
            young: Wheel::new([45.0, 47.0, 8.0, 0.0]),
            others: Wheel::new([30.0, 33.0, 22.0, 15.0]),
            channels: Wheel::new([60.0, 15.0, 25.0]),
        }
    }

    fn receive(&self, place: u64, person: &Person, graduated: Option<i32>, draw: &mut Draw, rows: &mut Rows) {
        let (from, to) = (self.first.max(person.opened), self.as_of.min(person.stopped));
        if from > to {
            return;
        }
        let fresh = graduated.is_some_and(|day| (0..=730).contains(&(self.as_of - day)));
        let a_year = match person.persona {
            Persona::FirstJob if fresh => 0.55,
            Persona::FirstJob => 0.3,
            Persona::Student => 0.1,
            Persona::Retiree => 0.02,
            Persona::Worker | Persona::Family | Persona::Affluent => 0.12,
        };
        let mut days: Vec<i32> = (0..draw.poisson(a_year * f64::from(to - from) / 365.0))
            .map(|_| draw.between(from, to))
            .collect();
        days.sort_unstable();
        for day in days {
            self.take(place, person, day, draw, rows);
        }
    }

    fn take(&self, place: u64, person: &Person, day: i32, draw: &mut Draw, rows: &mut Rows) {
        let young = matches!(person.persona, Persona::Student | Persona::FirstJob);
        let product = if young { &self.young } else { &self.others }.pick(draw.bits());
        let median = AMOUNTS.get(usize::from(product)).copied().unwrap_or(0.0);
        let amount = draw.log_normal(median, 0.6);
        let step = 100_000.0;
        let luck = draw.unit();
        let declined = if person.overdue_days > 0 { 0.85 } else { 0.22 };
        let status = match luck {
            _ if self.as_of - day < draw.between(1, 12) => 3,
            luck if luck < declined => 1,
            luck if luck < declined + 0.06 => 2,
            _ => 0,
        };
        rows.customers.push(customer_id(place));
        rows.products.push(product);
        let second = i64::from(draw.between(8 * 3_600, 22 * 3_600));
        rows.times.push(i64::from(day) * MICROS_PER_DAY + second * 1_000_000);
        rows.amounts.push(((amount / step).ceil() * step) as i64);
        rows.statuses.push(status);
        let online = person.app > 0.0 && person.has(is::APP);
        rows.channels.push(if online { 0 } else { self.channels.pick(draw.bits()) });
    }
}

/// The batch that is being filled.
#[derive(Default)]
struct Rows {
    written: i64,
    customers: Vec<i64>,
    products: Vec<u8>,
    times: Vec<i64>,
    amounts: Vec<i64>,
    statuses: Vec<u8>,
    channels: Vec<u8>,
}

impl Rows {
    fn flush(&mut self, file: &mut TableFile) -> Result<(), DemoError> {
        let rows = std::mem::take(self);
        self.written = rows.written + rows.customers.len() as i64;
        let words = [
            file.words(&rows.products, &PRODUCTS)?,
            file.words(&rows.statuses, &STATUSES)?,
            file.words(&rows.channels, &CHANNELS)?,
        ];
        let [products, statuses, channels] = words;
        file.write(vec![
            keys((rows.written + 1..=self.written).collect()),
            keys(rows.customers),
            products,
            local_times(rows.times),
            money(rows.amounts),
            statuses,
            channels,
        ])
    }
}
