//! Past campaigns: `campaigns.csv`, `coupons.csv`, `contacts.parquet` and `responses.parquet`.
//!
//! Each campaign chose customers at random and held one in five of them out (`treated` is no: listed, not contacted).
//! **The true effect of treatment**, on the probability of a response within thirty days: [`Odds::of`]. Held-out
//! customers respond too, for they would have bought anyway; a quiet customer (nothing done for more than 90 days before
//! the contact) seldom does by themselves, but a message brings back many more of them than of the others.

use std::fmt::Write as _;
use std::path::Path;

use super::DemoError;
use super::calendar::{self, MICROS_PER_DAY};
use super::people::{Person, Population, customer_id, is};
use super::random::{Draw, Streams, Topic};
use super::writer::{BATCH_ROWS, Columns, Kind, TableFile, ints, keys, local_times, maybe_bools, money};

pub const CONTACTS: Columns = &[
    ("contact_id", Kind::Key),
    ("customer_id", Kind::Key),
    ("campaign_id", Kind::Int),
    ("channel", Kind::Word),
    ("contact_time", Kind::LocalTime),
    ("treated", Kind::Bool),
];

pub const RESPONSES: Columns = &[
    ("customer_id", Kind::Key),
    ("campaign_id", Kind::Int),
    ("response_time", Kind::LocalTime),
    ("amount", Kind::Money),
];

const CHANNELS: [&str; 3] = ["sms", "app", "phone"];

/// Share of the customers that a campaign chooses, and of those, share that it treats.
const CHOSEN: f64 = 0.22;
const TREATED: f64 = 0.8;

/// A campaign: its id, name, how many days before `as of` it began, and its products (see `products.csv`).
const CAMPAIGNS: [(i32, &str, i32, &[i32]); 8] = [
    (9, "双十一返现", 355, &[501, 502]),
    (10, "新年理财", 300, &[301, 302, 303]),
    (11, "春季基金节", 230, &[202, 203, 204]),
    (12, "沉睡客户唤醒", 180, &[201, 301]),
    (13, "年中定投", 130, &[203, 204, 207]),
    (14, "暑期旅行卡", 95, &[502]),
    (15, "秋季大额存单", 50, &[104]),
    (16, "国庆感恩", 24, &[301, 304, 403]),
];

/// How probable a response is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    pub untreated: f64,
    pub treated: f64,
}

impl Odds {
    /// The true probabilities: lively customers 3 % and 4.5 %, those with a million yuan 5 % and 8 %, quiet ones 0.8 % and 7 %.
    pub fn of(quiet: bool, rich: bool) -> Self {
        match (quiet, rich) {
            (true, _) => Odds { untreated: 0.008, treated: 0.07 },
            (false, true) => Odds { untreated: 0.05, treated: 0.08 },
            (false, false) => Odds { untreated: 0.03, treated: 0.045 },
        }
    }
}

/// `campaigns.csv` and how many rows it has.
pub fn campaigns_csv(as_of: i32) -> (String, u64) {
    let mut text = String::from("campaign_id,campaign_name,starts\n");
    for (id, name, ago, _) in CAMPAIGNS {
        let _ = writeln!(text, "{id},{name},{}", calendar::date_of(as_of - ago));
    }
    (text, CAMPAIGNS.len() as u64)
}

/// `coupons.csv` (which products a campaign offers) and how many rows it has.
pub fn coupons_csv() -> (String, u64) {
    let mut text = String::from("product_id,campaign_id\n");
    let mut rows = 0;
    for (id, _, _, products) in CAMPAIGNS {
        for product in products {
            let _ = writeln!(text, "{product},{id}");
            rows += 1;
        }
    }
    (text, rows)
}

/// Writes both tables, campaign by campaign; how many rows they have.
pub fn write(
    contacts: &Path,
    responses: &Path,
    population: &Population,
    seed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(u64, u64), DemoError> {
    let mut contact_file = TableFile::create(contacts, CONTACTS)?;
    let mut response_file = TableFile::create(responses, RESPONSES)?;
    let (mut sent, mut back) = (Contacts::default(), Responses::default());
    for (campaign, _, ago, _) in CAMPAIGNS {
        let mut draw = Streams::new(seed, Topic::Contacts).at(campaign as u64);
        let start = population.as_of - ago;
        for (place, person) in population.iter().filter(|(_, person)| person.opened < start) {
            if !draw.chance(CHOSEN) {
                continue;
            }
            let treated = draw.chance(TREATED);
            let day = start + draw.between(0, 2);
            let time =
                i64::from(day) * MICROS_PER_DAY + i64::from(draw.between(9 * 3_600, 20 * 3_600)) * 1_000_000;
            sent.push(place, person, campaign, time, treated, &mut draw);
            let odds = Odds::of(day.saturating_sub(person.stopped) > 90, person.assets() >= 100_000_000);
            if draw.chance(if treated { odds.treated } else { odds.untreated }) {
                let wait = draw.waiting(6.0).clamp(0.02, 30.0);
                let reply = time + (wait * MICROS_PER_DAY as f64) as i64 / 1_000_000 * 1_000_000;
                // What is answered after `as of` is not known yet.
                if reply < i64::from(population.as_of + 1) * MICROS_PER_DAY {
                    back.push(place, person, campaign, reply, &mut draw);
                }
            }
            if sent.customers.len() == BATCH_ROWS {
                sent.flush(&mut contact_file)?;
                back.flush(&mut response_file)?;
                progress(contact_file.rows());
            }
        }
    }
    sent.flush(&mut contact_file)?;
    back.flush(&mut response_file)?;
    progress(contact_file.rows());
    Ok((contact_file.finish()?, response_file.finish()?))
}

/// The batch of contacts that is being filled.
#[derive(Default)]
struct Contacts {
    written: i64,
    customers: Vec<i64>,
    campaigns: Vec<i32>,
    channels: Vec<u8>,
    times: Vec<i64>,
    treated: Vec<Option<bool>>,
}

impl Contacts {
    fn push(
        &mut self,
        place: u64,
        person: &Person,
        campaign: i32,
        time: i64,
        treated: bool,
        draw: &mut Draw,
    ) {
        let channel = if person.has(is::APP) && person.app > 0.0 && draw.chance(0.5) {
            1
        } else if person.has(is::SMS) {
            0
        } else {
            2
        };
        self.customers.push(customer_id(place));
        self.campaigns.push(campaign);
        self.channels.push(channel);
        self.times.push(time);
        self.treated.push(Some(treated));
    }

    fn flush(&mut self, file: &mut TableFile) -> Result<(), DemoError> {
        let rows = std::mem::take(self);
        self.written = rows.written + rows.customers.len() as i64;
        let channels = file.words(&rows.channels, &CHANNELS)?;
        file.write(vec![
            keys((rows.written + 1..=self.written).collect()),
            keys(rows.customers),
            ints(rows.campaigns),
            channels,
            local_times(rows.times),
            maybe_bools(rows.treated),
        ])
    }
}

/// The batch of responses that is being filled.
#[derive(Default)]
struct Responses {
    customers: Vec<i64>,
    campaigns: Vec<i32>,
    times: Vec<i64>,
    amounts: Vec<i64>,
}

impl Responses {
    fn push(&mut self, place: u64, person: &Person, campaign: i32, time: i64, draw: &mut Draw) {
        let median = 150_000.0 * f64::from(person.spending);
        self.customers.push(customer_id(place));
        self.campaigns.push(campaign);
        self.times.push(time);
        self.amounts.push(draw.log_normal(median, 1.2).max(100.0) as i64);
    }

    fn flush(&mut self, file: &mut TableFile) -> Result<(), DemoError> {
        let rows = std::mem::take(self);
        file.write(vec![
            keys(rows.customers),
            ints(rows.campaigns),
            local_times(rows.times),
            money(rows.amounts),
        ])
    }
}
