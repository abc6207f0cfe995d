//! `transactions/YYYY-MM.parquet`: what customers pay, move and earn, in the order of time.
//!
//! Amounts are positive: the category says which way the money goes (`salary` comes in). A few refunds are negative.

use std::path::Path;

use super::DemoError;
use super::accounts::{self, Account};
use super::agenda::{Agenda, Clock, Entry};
use super::calendar::{self, Month, Seasons};
use super::categories::{
    CASH, CATEGORIES, CHANNELS, EDUCATION, FUND, POS, SALARY, SHOPPING, TRANSFER, TRAVEL, WEALTH,
};
use super::names::{ABROAD, CITIES, MERCHANTS};
use super::people::{PERSONAS, Person, Persona, Population, customer_id, is};
use super::random::{Draw, Streams, Topic, Wheel};
use super::writer::{BATCH_ROWS, Columns, Kind, MISSING, TableFile, keys, local_times, money};

pub const COLUMNS: Columns = &[
    ("txn_id", Kind::Key),
    ("customer_id", Kind::Key),
    ("account_id", Kind::Key),
    ("txn_time", Kind::LocalTime),
    ("amount", Kind::Money),
    ("category", Kind::Word),
    ("channel", Kind::Word),
    ("merchant", Kind::Word),
    ("country", Kind::Word),
    ("city", Kind::Word),
];

/// Transactions of an average customer on a day of average weight.
const PER_DAY: f64 = 0.0663;

/// Transactions of customers that the bank does not know, per month.
const ORPHANS: u64 = 4;

const EVERYDAY: u8 = 0;
const PAY: u8 = 1;

/// Writes one month's file; how many rows it has.
pub fn write_month(
    path: &Path,
    month: &Month,
    population: &Population,
    seed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DemoError> {
    let agenda = plan(month, population, seed);
    let mut draw = Streams::new(seed, Topic::Transactions).at(month.number as u64);
    let mut file = TableFile::create(path, COLUMNS)?;
    let mut till = Till::new(population);
    let mut rows = Rows::default();
    for (sequence, entry) in (1i64..).zip(agenda.into_entries()) {
        rows.ids.push(month.number * 1_000_000_000 + sequence);
        till.ring_up(entry, population, &mut draw, &mut rows);
        if rows.ids.len() == BATCH_ROWS {
            rows.flush(&mut file, &till)?;
            progress(file.rows());
        }
    }
    rows.flush(&mut file, &till)?;
    progress(file.rows());
    file.finish()
}

/// Who does something when: everyday spending by the person's activity, and pay on pay day in working hours.
fn plan(month: &Month, population: &Population, seed: u64) -> Agenda {
    let mut draw = Streams::new(seed, Topic::TransactionTimes).at(month.number as u64);
    let seasons = Seasons::new(month.first, month.last, calendar::spending_weight);
    let clock = Clock::spending();
    let mut agenda = Agenda::new(month);
    for (place, person) in population.iter() {
        let Some((first, last, weight)) = Population::alive(person, &seasons, month.first, month.last) else {
            continue;
        };
        for _ in 0..draw.poisson(PER_DAY * f64::from(person.activity) * weight) {
            let day = seasons.day(first, last, draw.unit());
            agenda.add(day, clock.draw(&mut draw), place, EVERYDAY);
        }
        let pay_day = month.first + i32::from(person.pay_day) - 1;
        if person.has(is::SALARIED) && (first..=last).contains(&pay_day) {
            agenda.add(pay_day, i64::from(8 * 3_600_000 + draw.below(10 * 3_600_000)), place, PAY);
        }
    }
    for orphan in 0..ORPHANS {
        let day = draw.between(month.first, month.last);
        agenda.add(day, clock.draw(&mut draw), population.size() + orphan % 2, EVERYDAY);
    }
    agenda
}

/// Everything that turns an entry into a row.
struct Till {
    /// Category by persona for the day at hand, and that day.
    wheels: Vec<Wheel>,
    day: Option<i32>,
    channels: Vec<Wheel>,
    /// Where a category's shops begin in `shops`, and the wheel among them.
    merchants: Vec<(u8, Wheel)>,
    abroad: Wheel,
    categories: Vec<&'static str>,
    shops: Vec<&'static str>,
    countries: Vec<&'static str>,
    towns: Vec<&'static str>,
    cities: Wheel,
}

impl Till {
    fn new(population: &Population) -> Self {
        let mut shops = Vec::new();
        let mut merchants = Vec::new();
        for list in MERCHANTS {
            merchants.push((
                if list.is_empty() { MISSING } else { shops.len() as u8 },
                Wheel::falling(list.len()),
            ));
            shops.extend_from_slice(list);
        }
        Till {
            wheels: Vec::new(),
            day: None,
            channels: CATEGORIES.iter().map(|category| Wheel::new(category.channels)).collect(),
            merchants,
            abroad: Wheel::new(ABROAD.iter().map(|place| place.2)),
            categories: CATEGORIES.iter().map(|category| category.name).collect(),
            shops,
            // Home comes first: China, then the countries abroad, one entry per place abroad.
            countries: ["CN"].into_iter().chain(ABROAD.iter().map(|place| place.0)).collect(),
            towns: CITIES.iter().map(|city| city.0).chain(ABROAD.iter().map(|place| place.1)).collect(),
            cities: population.cities.clone(),
        }
    }

    fn turn_to(&mut self, day: i32) {
        if self.day == Some(day) {
            return;
        }
        let date = calendar::date_of(day);
        let (travel, shopping) = (calendar::travel_season(date), calendar::shopping_season(date));
        self.wheels = (0..PERSONAS)
            .map(|persona| {
                Wheel::new((0u8..).zip(&CATEGORIES).map(|(code, category)| {
                    let season = match code {
                        TRAVEL => travel,
                        SHOPPING => shopping,
                        _ => 1.0,
                    };
                    category.personas.get(persona).copied().unwrap_or(0.0) * season
                }))
            })
            .collect();
        self.day = Some(day);
    }

    fn ring_up(&mut self, entry: Entry, population: &Population, draw: &mut Draw, rows: &mut Rows) {
        self.turn_to(entry.day);
        let nobody = Person::default();
        let person = population.get(entry.person).unwrap_or(&nobody);
        let bits = draw.bits();
        let code = self.category(entry.code, person, bits);
        let channel = self.channels.get(usize::from(code)).map_or(MISSING, |wheel| wheel.pick(bits >> 10));
        let merchant = match self.merchants.get(usize::from(code)) {
            Some((first, wheel)) if *first != MISSING => first + wheel.pick(bits >> 20),
            _ => MISSING,
        };
        let (country, town) = self.place(code, channel, person, bits >> 30, draw);
        rows.customers.push(customer_id(entry.person));
        rows.accounts.push(accounts::account_id(entry.person, account_for(code, person, bits >> 52)));
        rows.times.push(entry.time);
        rows.amounts.push(amount(code, country > 0, person, bits >> 56, draw));
        rows.categories.push(code);
        rows.channels.push(channel);
        rows.merchants.push(merchant);
        rows.countries.push(country);
        rows.towns.push(town);
    }

    fn category(&self, entry: u8, person: &Person, bits: u64) -> u8 {
        if entry == PAY {
            return SALARY;
        }
        // One in seven of a traveller's events is a journey.
        if person.has(is::TRAVELLER) && (bits >> 40).is_multiple_of(7) {
            return TRAVEL;
        }
        let code = self.wheels.get(person.persona as usize).map_or(0, |wheel| wheel.pick(bits));
        match code {
            // Only those who hold a fund or a product buy more of it; only parents and students pay for lessons.
            FUND if person.fund == 0 => TRANSFER,
            WEALTH if person.wealth == 0 => TRANSFER,
            EDUCATION if person.children == 0 && person.persona != Persona::Student => SHOPPING,
            code => code,
        }
    }

    /// The country's and the town's codes.
    fn place(&self, code: u8, channel: u8, person: &Person, bits: u64, draw: &mut Draw) -> (u8, u8) {
        let journey = bits & 15;
        if code == TRAVEL && journey < 5 || channel == POS && journey == 0 && person.has(is::TRAVELLER) {
            let place = self.abroad.pick(draw.bits());
            return (1 + place, CITIES.len() as u8 + place);
        }
        if code == TRAVEL && journey < 13 || channel == POS && journey == 1 {
            return (0, self.cities.pick(draw.bits()));
        }
        (0, person.city)
    }
}

/// Shops are paid with the credit card by three in five of those who have one.
fn account_for(code: u8, person: &Person, bits: u64) -> Account {
    match code {
        FUND | WEALTH | TRANSFER | SALARY => Account::Current,
        _ if person.has(is::CARD) && bits % 5 < 3 => Account::Card,
        _ => Account::Current,
    }
}

/// In fen.
fn amount(code: u8, abroad: bool, person: &Person, bits: u64, draw: &mut Draw) -> i64 {
    let Some(category) = CATEGORIES.get(usize::from(code)) else { return 0 };
    let (median, step): (f64, f64) = match code {
        SALARY => (f64::from(person.income), 1.0),
        // In hundreds, as machines and forms want it.
        FUND | CASH => (category.median * f64::from(person.spending), 10_000.0),
        WEALTH => (category.median * f64::from(person.spending), 1_000_000.0),
        _ => (category.median * f64::from(person.spending) * if abroad { 2.2 } else { 1.0 }, 1.0),
    };
    let fen = draw.log_normal(median * 100.0, category.spread).clamp(step.max(50.0), 5e10);
    let fen = ((fen / step).round() * step) as i64;
    if code == SHOPPING && bits & 63 == 0 { -fen } else { fen }
}

/// The batch that is being filled.
#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    customers: Vec<i64>,
    accounts: Vec<i64>,
    times: Vec<i64>,
    amounts: Vec<i64>,
    categories: Vec<u8>,
    channels: Vec<u8>,
    merchants: Vec<u8>,
    countries: Vec<u8>,
    towns: Vec<u8>,
}

impl Rows {
    fn flush(&mut self, file: &mut TableFile, till: &Till) -> Result<(), DemoError> {
        let rows = std::mem::take(self);
        let words = [
            file.words(&rows.categories, &till.categories)?,
            file.words(&rows.channels, &CHANNELS)?,
            file.words(&rows.merchants, &till.shops)?,
            file.words(&rows.countries, &till.countries)?,
            file.words(&rows.towns, &till.towns)?,
        ];
        let mut columns = vec![
            keys(rows.ids),
            keys(rows.customers),
            keys(rows.accounts),
            local_times(rows.times),
            money(rows.amounts),
        ];
        columns.extend(words);
        file.write(columns)
    }
}
