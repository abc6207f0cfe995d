//! Who the customers are: the hidden traits that all tables share, so that they agree with one another.
//!
//! A customer who stopped has no later transactions, app events or salary; one with more money spends more; arrears need
//! a card or a loan. People come in the order in which they opened their account, and their keys rise with it.

use std::thread;

use super::calendar::Seasons;
use super::names;
use super::random::{Draw, Streams, Topic, Wheel, mix};

/// How a person spends: the row of the spending tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persona {
    Student,
    FirstJob,
    #[default]
    Worker,
    Family,
    Affluent,
    Retiree,
}

pub const PERSONAS: usize = 6;

/// Yes/no traits, as bits of [`Person::traits`].
pub mod is {
    pub const WOMAN: u16 = 1;
    pub const STAFF: u16 = 1 << 1;
    pub const SMS: u16 = 1 << 2;
    pub const SMS_ASKED: u16 = 1 << 3;
    pub const APP: u16 = 1 << 4;
    pub const APP_ASKED: u16 = 1 << 5;
    pub const SALARIED: u16 = 1 << 6;
    pub const MORTGAGE: u16 = 1 << 7;
    pub const LOAN: u16 = 1 << 8;
    pub const CARD: u16 = 1 << 9;
    pub const SAVER: u16 = 1 << 10;
    pub const MARRIED: u16 = 1 << 11;
    pub const TRAVELLER: u16 = 1 << 12;
}

/// One customer's hidden traits. Money is in fen (1/100 yuan), days count from 1970-01-01.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub deposit: i64,
    pub fund: i64,
    pub wealth: i64,
    pub born: i32,
    pub opened: i32,
    /// The last day on which the customer does anything; before `opened` for one who never did.
    pub stopped: i32,
    /// How many transactions, relative to an average customer.
    pub activity: f32,
    /// How many visits of the app, likewise; 0 without the app.
    pub app: f32,
    /// How much one transaction is, relative to an average customer.
    pub spending: f32,
    /// A month's pay in yuan, earned by pension or by work; 0 without.
    pub income: f32,
    pub overdue_days: u16,
    pub traits: u16,
    pub city: u8,
    pub children: u8,
    /// The day of the month on which pay arrives.
    pub pay_day: u8,
    pub persona: Persona,
}

impl Person {
    pub fn has(&self, bit: u16) -> bool {
        self.traits & bit != 0
    }

    /// How many days the person was a customer who does things, up to `as_of`: accounts and holdings began then.
    pub fn lively_days(&self, as_of: i32) -> i32 {
        (self.stopped.min(as_of) - self.opened).max(0)
    }

    /// Deposit, fund and wealth balances together, in fen.
    pub fn assets(&self) -> i64 {
        self.deposit + self.fund + self.wealth
    }
}

/// All customers, and the `as of` day that their ages and balances belong to.
pub struct Population {
    pub people: Vec<Person>,
    pub as_of: i32,
    /// Weights of the city wheel, for tables that draw another city.
    pub cities: Wheel,
}

/// The key of the customer at `index`: rising, with gaps of one or two.
pub fn customer_id(index: u64) -> i64 {
    let jitter = if index == 0 { 0 } else { mix(index) & 1 };
    10_001 + (2 * index + jitter) as i64
}

impl Population {
    pub fn draw(customers: u64, seed: u64, as_of: i32, threads: usize) -> Self {
        let mut people = vec![Person::default(); usize::try_from(customers).unwrap_or(0)];
        let streams = Streams::new(seed, Topic::People);
        let cities = Wheel::new(names::CITIES.iter().map(|city| city.2));
        let part = people.len().div_ceil(threads.max(1)).max(1);
        thread::scope(|scope| {
            for (chunk, slice) in people.chunks_mut(part).enumerate() {
                let (streams, cities) = (&streams, &cities);
                scope.spawn(move || {
                    for (index, person) in (chunk * part..).zip(slice) {
                        *person = draw_person(
                            index as u64,
                            customers,
                            as_of,
                            &mut streams.at(index as u64),
                            cities,
                        );
                    }
                });
            }
        });
        Population { people, as_of, cities }
    }

    /// How many people there are.
    pub fn size(&self) -> u64 {
        self.people.len() as u64
    }

    /// People with their place, which is the number of their streams and makes their key.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Person)> {
        (0u64..).zip(&self.people)
    }

    /// The person at `place`; `None` for the keys of events that belong to nobody.
    pub fn get(&self, place: u64) -> Option<&Person> {
        self.people.get(usize::try_from(place).ok()?)
    }

    /// The weight of the days between `first` and `last` on which the person is a live customer, and those days.
    pub fn alive(person: &Person, seasons: &Seasons, first: i32, last: i32) -> Option<(i32, i32, f64)> {
        let (from, to) = (first.max(person.opened), last.min(person.stopped));
        (from <= to).then(|| (from, to, seasons.weight(from, to)))
    }
}

const YEAR: f64 = 365.25;

fn draw_person(index: u64, customers: u64, as_of: i32, draw: &mut Draw, cities: &Wheel) -> Person {
    // The bank is 18 years old and grew faster of late.
    let place = (index as f64 + draw.unit()) / customers as f64;
    let tenure = 18.0 * YEAR * (1.0 - place).max(0.0).powf(1.3);
    let opened = as_of - tenure as i32;
    let age = draw_age(draw).max(tenure / YEAR + 16.0 + 4.0 * draw.unit());
    let mut person = Person {
        born: as_of - (age * YEAR) as i32,
        opened,
        city: cities.pick(draw.bits()),
        pay_day: [10, 15, 5, 25, 20].get(draw.below(5) as usize).copied().unwrap_or(10),
        ..Person::default()
    };
    person.persona = draw_persona(age, draw);
    person.stopped = draw_stop(opened, as_of, draw);
    draw_money(&mut person, age, as_of, draw);
    draw_traits(&mut person, age, draw);
    draw_habits(&mut person, age, draw);
    person
}

fn draw_age(draw: &mut Draw) -> f64 {
    if draw.chance(0.15) {
        return 18.0 + 8.0 * draw.unit();
    }
    (41.0 + 13.0 * draw.normal()).clamp(22.0, 88.0) + draw.unit()
}

fn draw_persona(age: f64, draw: &mut Draw) -> Persona {
    match age as u32 {
        ..23 if draw.chance(0.8) => Persona::Student,
        ..27 => Persona::FirstJob,
        60.. => Persona::Retiree,
        27..50 if draw.chance(0.5) => Persona::Family,
        _ => Persona::Worker,
    }
}

/// The last active day: most go on, some went quiet in the last year, some left before, a few never began.
fn draw_stop(opened: i32, as_of: i32, draw: &mut Draw) -> i32 {
    let age = as_of - opened;
    let fate = draw.unit();
    if fate < 0.02 {
        opened - 1
    } else if fate < 0.16 && age > 430 {
        let back = 366 + draw.waiting(420.0) as i32;
        (as_of - back).max(opened + 20)
    } else if fate < 0.29 && age > 130 {
        (as_of - draw.between(91, 365)).max(opened + 20)
    } else {
        i32::MAX
    }
}

fn draw_money(person: &mut Person, age: f64, as_of: i32, draw: &mut Draw) {
    let persona = match person.persona {
        Persona::Student => 0.08,
        Persona::FirstJob => 0.4,
        Persona::Retiree => 1.5,
        _ => 1.0,
    };
    let quiet = match as_of.saturating_sub(person.stopped) {
        366.. => 0.06,
        1.. => 0.8,
        _ => 1.0,
    };
    let median = 62_000.0 * persona * quiet * (1.0 + (age - 40.0).clamp(-12.0, 25.0) * 0.02);
    let total = draw.log_normal(median, 2.0).min(400_000_000.0);
    let rich = (total / 150_000.0).max(1e-6).ln();
    let taste = 1.0 / (1.0 + (-0.8 * rich).exp());
    let mut parts = [0.35 + draw.unit(), 0.0, 0.0];
    let [_, fund, wealth] = &mut parts;
    if draw.chance(0.10 + 0.5 * taste) {
        *fund = 0.05 + 0.9 * draw.unit();
    }
    if draw.chance(0.04 + 0.6 * taste) {
        *wealth = 0.1 + 1.6 * draw.unit();
    }
    let scale = total * 100.0 / parts.iter().sum::<f64>();
    let [deposit, fund, wealth] = parts.map(|part| (part * scale) as i64);
    person.deposit = if draw.chance(0.03) { 0 } else { deposit };
    person.fund = fund;
    // Wealth products are sold in thousands.
    person.wealth = wealth / 100_000 * 100_000;
    if total >= 1_000_000.0 && person.persona != Persona::Retiree {
        person.persona = Persona::Affluent;
    }
    let pay = match person.persona {
        Persona::Student => 0.0,
        Persona::FirstJob => 7_500.0,
        Persona::Affluent => 32_000.0,
        Persona::Retiree => 5_000.0,
        Persona::Worker | Persona::Family => 11_000.0,
    };
    person.income = (draw.log_normal(pay, 0.45) / 50.0).round() as f32 * 50.0;
}

fn draw_traits(person: &mut Person, age: f64, draw: &mut Draw) {
    let working =
        matches!(person.persona, Persona::FirstJob | Persona::Worker | Persona::Family | Persona::Affluent);
    let married =
        if person.persona == Persona::Family { 0.95 } else { ((age - 22.0) / 25.0).clamp(0.0, 0.7) };
    let mortgage = if (27.0..58.0).contains(&age) { 0.22 } else { 0.01 };
    let app = (1.15 - age / 130.0).clamp(0.2, 0.95);
    let odds = [
        (is::WOMAN, 0.51),
        (is::STAFF, if working { 0.007 } else { 0.0 }),
        (is::SMS, 0.73),
        (is::SMS_ASKED, 0.96),
        (is::APP, 0.66),
        (is::APP_ASKED, 0.93),
        (is::SALARIED, if working || person.persona == Persona::Retiree { 0.33 } else { 0.0 }),
        (is::MORTGAGE, mortgage),
        (is::LOAN, if working { 0.09 } else { 0.01 }),
        (is::CARD, if working { 0.5 } else { 0.12 }),
        (is::SAVER, 0.35),
        (is::MARRIED, married),
        (is::TRAVELLER, if age < 55.0 { 0.14 } else { 0.07 }),
    ];
    for (bit, probability) in odds {
        if draw.chance(probability) {
            person.traits |= bit;
        }
    }
    if person.has(is::MARRIED) {
        person.children = draw.poisson(1.0).min(4) as u8;
    }
    if draw.chance(0.045) && (person.has(is::CARD) || person.has(is::LOAN)) {
        person.overdue_days = (1.0 + draw.waiting(35.0)).min(360.0) as u16;
    }
    if draw.chance(app) {
        person.app = 1.0;
    }
}

fn draw_habits(person: &mut Person, age: f64, draw: &mut Draw) {
    let rich = (person.assets() as f64 / 6_000_000.0).max(0.01).ln();
    let wealth_pull = (1.0 + 0.22 * rich).clamp(0.45, 2.2);
    person.activity = (draw.log_normal(0.72, 0.85) * wealth_pull) as f32;
    person.spending = (draw.log_normal(0.9, 0.35) * (1.0 + 0.16 * rich).clamp(0.4, 3.0)) as f32;
    if person.app > 0.0 {
        let young = (1.5 - age / 100.0).max(0.5);
        person.app = (draw.log_normal(0.7, 0.9) * young) as f32;
    }
}
