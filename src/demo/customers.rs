//! `customers.parquet`: one row per customer, keys ascending. Balances and ages are as they stand on the `as of` day.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};

use super::DemoError;
use super::branches;
use super::names::{CITIES, EDUCATION, GIVEN_MEN, GIVEN_WOMEN, OCCUPATIONS, SURNAMES, word};
use super::people::{Person, Persona, Population, customer_id, is};
use super::random::{Draw, Streams, Topic, Wheel};
use super::studies;
use super::writer::{
    Columns, Kind, MISSING, TableFile, days, ints, keys, maybe_bools, maybe_days, maybe_ints, maybe_keys,
    maybe_money, money,
};

pub const COLUMNS: Columns = &[
    ("customer_id", Kind::Key),
    ("name", Kind::Text),
    ("phone", Kind::Text),
    ("gender", Kind::Word),
    ("birth_date", Kind::Day),
    ("city", Kind::Word),
    ("branch_id", Kind::Int),
    ("occupation", Kind::Word),
    ("education", Kind::Word),
    ("married", Kind::Bool),
    ("children", Kind::Int),
    ("monthly_income", Kind::Money),
    ("open_date", Kind::Day),
    ("segment_code", Kind::Word),
    ("deposit_balance", Kind::Money),
    ("fund_balance", Kind::Money),
    ("wealth_balance", Kind::Money),
    ("risk_grade", Kind::Word),
    ("credit_score", Kind::Int),
    ("in_arrears", Kind::Bool),
    ("has_mortgage", Kind::Bool),
    ("loan_maturity", Kind::Day),
    ("consent_sms", Kind::Bool),
    ("consent_app", Kind::Bool),
    ("staff", Kind::Bool),
    ("referrer_id", Kind::Key),
    ("graduation", Kind::Day),
];

const GENDERS: [&str; 2] = ["F", "M"];
/// How much risk a customer may take: asked of investors, and of some others.
const RISKS: [&str; 5] = ["R1", "R2", "R3", "R4", "R5"];
const SEGMENTS: [&str; 4] = ["mass", "affluent", "wealth", "private"];

/// Customers of a batch.
const BATCH: usize = 1 << 14;

/// Writes the table; how many rows it has.
pub fn write(
    path: &Path,
    population: &Population,
    seed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DemoError> {
    let streams = Streams::new(seed, Topic::Customers);
    let studies = Streams::new(seed, Topic::Studies);
    let mut file = TableFile::create(path, COLUMNS)?;
    let surnames = Wheel::falling(SURNAMES.len());
    for (batch, people) in (0u64..).zip(population.people.chunks(BATCH)) {
        let first = batch * BATCH as u64;
        let details: Vec<Detail> = (first..)
            .zip(people)
            .map(|(place, person)| Detail::draw(place, person, population, &mut streams.at(place), &surnames))
            .collect();
        let column = |cells: Vec<u8>, list: &[&str]| file.words(&cells, list);
        let cities = CITIES.map(|city| city.0);
        let columns = vec![
            keys(details.iter().map(|detail| customer_id(detail.place)).collect()),
            names(people, &details),
            phones(&details),
            column(details.iter().map(|detail| detail.gender).collect(), &GENDERS)?,
            maybe_days(zip(people, &details, |person, detail| detail.born_known.then_some(person.born))),
            column(people.iter().map(|person| person.city).collect(), &cities)?,
            ints(details.iter().map(|detail| detail.branch).collect()),
            column(details.iter().map(|detail| detail.occupation).collect(), &OCCUPATIONS)?,
            column(details.iter().map(|detail| detail.education).collect(), &EDUCATION)?,
            maybe_bools(zip(people, &details, |person, detail| {
                detail.family_known.then_some(person.has(is::MARRIED))
            })),
            maybe_ints(zip(people, &details, |person, detail| {
                detail.family_known.then_some(i32::from(person.children))
            })),
            maybe_money(zip(people, &details, |person, detail| {
                detail.income_known.then_some((person.income * 100.0) as i64)
            })),
            days(people.iter().map(|person| person.opened).collect()),
            column(people.iter().map(segment).collect(), &SEGMENTS)?,
            money(people.iter().map(|person| person.deposit).collect()),
            maybe_money(zip(people, &details, |person, detail| detail.fund_known.then_some(person.fund))),
            maybe_money(zip(people, &details, |person, detail| detail.wealth_known.then_some(person.wealth))),
            column(details.iter().map(|detail| detail.risk).collect(), &RISKS)?,
            maybe_ints(details.iter().map(|detail| detail.score).collect()),
            maybe_bools(zip(people, &details, |person, detail| {
                detail.arrears_known.then_some(person.overdue_days > 0)
            })),
            maybe_bools(people.iter().map(|person| Some(person.has(is::MORTGAGE))).collect()),
            maybe_days(details.iter().map(|detail| detail.maturity).collect()),
            maybe_bools(consents(people, is::SMS_ASKED, is::SMS)),
            maybe_bools(consents(people, is::APP_ASKED, is::APP)),
            maybe_bools(people.iter().map(|person| Some(person.has(is::STAFF))).collect()),
            maybe_keys(details.iter().map(|detail| detail.referrer).collect()),
            maybe_days(zip(people, &details, |person, detail| {
                studies::known_graduation(person, population.as_of, &mut studies.at(detail.place))
            })),
        ];
        file.write(columns)?;
        progress(file.rows());
    }
    file.finish()
}

fn zip<T>(people: &[Person], details: &[Detail], cell: impl Fn(&Person, &Detail) -> T) -> Vec<T> {
    people.iter().zip(details).map(|(person, detail)| cell(person, detail)).collect()
}

/// Yes, no, or missing for those who were never asked.
fn consents(people: &[Person], asked: u16, given: u16) -> Vec<Option<bool>> {
    people.iter().map(|person| person.has(asked).then_some(person.has(given))).collect()
}

/// The bank's old way of grouping, by what was on the accounts: it lags behind what the tags say.
fn segment(person: &Person) -> u8 {
    match person.assets() / 100 {
        6_000_000.. => 3,
        1_000_000.. => 2,
        200_000.. => 1,
        _ => 0,
    }
}

/// What the customers table alone knows of a person.
struct Detail {
    place: u64,
    surname: u8,
    given: u8,
    gender: u8,
    branch: i32,
    occupation: u8,
    education: u8,
    risk: u8,
    phone: u32,
    score: Option<i32>,
    maturity: Option<i32>,
    referrer: Option<i64>,
    born_known: bool,
    family_known: bool,
    income_known: bool,
    fund_known: bool,
    wealth_known: bool,
    arrears_known: bool,
}

impl Detail {
    fn draw(place: u64, person: &Person, population: &Population, draw: &mut Draw, surnames: &Wheel) -> Self {
        let as_of = population.as_of;
        let invests = person.fund + person.wealth > 0;
        let score = 640.0 + 75.0 * draw.normal() + 22.0 * (person.assets() as f64 / 6e6).max(0.01).ln()
            - 2.5 * f64::from(person.overdue_days).min(60.0);
        Detail {
            place,
            surname: surnames.pick(draw.bits()),
            given: draw.below(40) as u8,
            gender: if draw.chance(0.005) { MISSING } else { u8::from(!person.has(is::WOMAN)) },
            branch: branches::branch_of(person.city, draw.bits()),
            occupation: occupation(person, draw),
            education: education(person, draw),
            risk: risk(invests, draw),
            phone: draw.below(1_000_000_000),
            score: (!draw.chance(0.12)).then(|| score.clamp(350.0, 900.0) as i32),
            maturity: maturity(person, as_of, draw),
            referrer: referrer(place, person, population, draw),
            born_known: !draw.chance(0.03),
            family_known: !draw.chance(0.07),
            income_known: !draw.chance(0.2),
            fund_known: !draw.chance(0.02),
            wealth_known: !draw.chance(0.025),
            arrears_known: !draw.chance(0.015),
        }
    }
}

fn occupation(person: &Person, draw: &mut Draw) -> u8 {
    let job = match person.persona {
        Persona::Student => 0,
        Persona::Retiree => 13,
        Persona::Affluent if draw.chance(0.6) => 9 + draw.below(3) as u8,
        _ => 1 + draw.below(12) as u8,
    };
    if draw.chance(0.03) { MISSING } else { job }
}

fn education(person: &Person, draw: &mut Draw) -> u8 {
    let level = match person.persona {
        Persona::Student | Persona::FirstJob => 2 + draw.below(3),
        Persona::Affluent => 1 + draw.below(4),
        Persona::Retiree => draw.below(4),
        _ => 1 + draw.below(4),
    };
    if draw.chance(0.08) { MISSING } else { level as u8 }
}

fn risk(invests: bool, draw: &mut Draw) -> u8 {
    let grade = (2.0 + 1.1 * draw.normal()).round().clamp(0.0, 4.0) as u8;
    if draw.chance(if invests { 0.03 } else { 0.7 }) { MISSING } else { grade }
}

/// When the loan ends: mortgages run for decades, other loans for months.
fn maturity(person: &Person, as_of: i32, draw: &mut Draw) -> Option<i32> {
    if person.has(is::LOAN) {
        Some(as_of + draw.between(5, 1_080))
    } else if person.has(is::MORTGAGE) {
        Some(as_of + draw.between(120, 9_000))
    } else {
        None
    }
}

/// One in six came by way of an older customer, more often one of the same city; some brought many.
fn referrer(place: u64, person: &Person, population: &Population, draw: &mut Draw) -> Option<i64> {
    if place == 0 || !draw.chance(0.17) {
        return None;
    }
    let mut friend = 0;
    for _ in 0..6 {
        friend = (draw.unit() * place as f64) as u64;
        if draw.chance(0.4) {
            friend -= friend % 50;
        }
        if population.get(friend).is_some_and(|other| other.city == person.city) {
            break;
        }
    }
    Some(customer_id(friend))
}

fn names(people: &[Person], details: &[Detail]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(people.iter().zip(details).map(|(person, detail)| {
        let given = if person.has(is::WOMAN) { &GIVEN_WOMEN } else { &GIVEN_MEN };
        format!("{}{}", word(&SURNAMES, detail.surname), word(given, detail.given))
    })))
}

/// Numbers that begin with 12, which no mobile phone has: nobody's.
fn phones(details: &[Detail]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(details.iter().map(|detail| format!("12{:09}", detail.phone))))
}
