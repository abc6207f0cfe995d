//! `app_events/YYYY-MM.parquet`: what customers do in the app, visit by visit, in the order of time (UTC).
//!
//! A visit begins with `login` (or with `push_open`, when a message was touched) and goes on with up to seven steps
//! within minutes. `session_minutes` is how long the step's screen was open.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::Float64Array;

use super::DemoError;
use super::agenda::{Agenda, Clock};
use super::calendar::{self, Month, Seasons};
use super::people::{Person, Population, customer_id, is};
use super::random::{Draw, Streams, Topic, Wheel, mix};
use super::writer::{BATCH_ROWS, Columns, Kind, TableFile, keys, utc_times};

pub const COLUMNS: Columns = &[
    ("event_id", Kind::Key),
    ("customer_id", Kind::Key),
    ("event_time", Kind::UtcTime),
    ("event", Kind::Word),
    ("device", Kind::Word),
    ("session_minutes", Kind::Float),
];

/// Visits of an average app user on a day of average weight.
const PER_DAY: f64 = 0.0117;

/// Shanghai's clock is ahead of UTC all year.
const AHEAD_MICROS: i64 = 8 * 3_600_000_000;

pub const EVENTS: [&str; 10] = [
    "login",
    "push_open",
    "view_balance",
    "view_fund",
    "view_wealth",
    "view_loan",
    "search",
    "transfer",
    "buy_fund",
    "chat",
];
const LOGIN: u8 = 0;
const PUSH_OPEN: u8 = 1;
const VIEW_FUND: u8 = 3;
const BUY_FUND: u8 = 8;

/// How often a step is each event, by what the customer holds.
const STEPS_PLAIN: [f64; 10] = [0.0, 0.0, 34.0, 6.0, 6.0, 6.0, 12.0, 30.0, 0.0, 4.0];
const STEPS_INVESTOR: [f64; 10] = [0.0, 0.0, 24.0, 24.0, 18.0, 2.0, 10.0, 17.0, 0.0, 3.0];

const DEVICES: [&str; 4] = ["iOS", "Android", "HarmonyOS", "web"];
const DEVICE_SHARES: [f64; 4] = [34.0, 42.0, 19.0, 5.0];

/// Writes one month's file; how many rows it has.
pub fn write_month(
    path: &Path,
    month: &Month,
    population: &Population,
    seed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DemoError> {
    let agenda = plan(month, population, seed);
    let mut draw = Streams::new(seed, Topic::AppEvents).at(month.number as u64);
    let devices = Wheel::new(DEVICE_SHARES);
    let mut file = TableFile::create(path, COLUMNS)?;
    let mut rows = Rows::default();
    for (sequence, entry) in (1i64..).zip(agenda.into_entries()) {
        let bits = draw.bits();
        rows.ids.push(month.number * 1_000_000_000 + sequence);
        rows.customers.push(customer_id(entry.person));
        rows.times.push(entry.time - AHEAD_MICROS);
        rows.events.push(entry.code);
        // Nine visits in ten come from the customer's own device.
        let own = bits >> 32 & 15 < 14;
        rows.devices.push(devices.pick(if own { mix(entry.person ^ seed) } else { bits }));
        let unknown = entry.code == PUSH_OPEN || bits >> 40 & 31 == 0;
        rows.minutes.push((!unknown).then(|| minutes(&mut draw)));
        if rows.ids.len() == BATCH_ROWS {
            rows.flush(&mut file)?;
            progress(file.rows());
        }
    }
    rows.flush(&mut file)?;
    progress(file.rows());
    file.finish()
}

/// In tenths, up to an hour.
fn minutes(draw: &mut Draw) -> f64 {
    (draw.log_normal(1.6, 0.9).clamp(0.1, 60.0) * 10.0).round() / 10.0
}

fn plan(month: &Month, population: &Population, seed: u64) -> Agenda {
    let mut draw = Streams::new(seed, Topic::AppTimes).at(month.number as u64);
    let seasons = Seasons::new(month.first, month.last, calendar::app_weight);
    let clock = Clock::app();
    let (plain, investor) = (Wheel::new(STEPS_PLAIN), Wheel::new(STEPS_INVESTOR));
    let mut agenda = Agenda::new(month);
    for (place, person) in population.iter().filter(|(_, person)| person.app > 0.0) {
        let Some((first, last, weight)) = Population::alive(person, &seasons, month.first, month.last) else {
            continue;
        };
        let steps = if person.fund + person.wealth > 0 { &investor } else { &plain };
        for _ in 0..draw.poisson(PER_DAY * f64::from(person.app) * weight) {
            let day = seasons.day(first, last, draw.unit());
            let start = clock.draw(&mut draw);
            visit(&mut agenda, day, start, (place, person), steps, &mut draw);
        }
    }
    agenda
}

/// One visit; steps after midnight are left out.
fn visit(
    agenda: &mut Agenda,
    day: i32,
    start: i64,
    (place, person): (u64, &Person),
    steps: &Wheel,
    draw: &mut Draw,
) {
    let pushed = person.has(is::APP) && draw.chance(0.12);
    agenda.add(day, start, place, if pushed { PUSH_OPEN } else { LOGIN });
    let mut time = start;
    for _ in 0..draw.poisson(1.8).min(7) {
        time += 3_000 + draw.waiting(70_000.0) as i64;
        let step = steps.pick(draw.bits());
        agenda.add(day, time, place, step);
        if step == VIEW_FUND && draw.chance(0.07) {
            time += 3_000 + draw.waiting(90_000.0) as i64;
            agenda.add(day, time, place, BUY_FUND);
        }
    }
}

/// The batch that is being filled.
#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    customers: Vec<i64>,
    times: Vec<i64>,
    events: Vec<u8>,
    devices: Vec<u8>,
    minutes: Vec<Option<f64>>,
}

impl Rows {
    fn flush(&mut self, file: &mut TableFile) -> Result<(), DemoError> {
        let rows = std::mem::take(self);
        let (events, devices) = (file.words(&rows.events, &EVENTS)?, file.words(&rows.devices, &DEVICES)?);
        let minutes = Arc::new(Float64Array::from(rows.minutes));
        file.write(vec![
            keys(rows.ids),
            keys(rows.customers),
            utc_times(rows.times),
            events,
            devices,
            minutes,
        ])
    }
}
