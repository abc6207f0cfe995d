//! `accounts.parquet`: one row per account, grouped by customer. What a customer owes is a negative balance.

use std::path::Path;

use super::DemoError;
use super::people::{Person, Population, customer_id, is};
use super::random::{Draw, Streams, Topic};
use super::writer::{BATCH_ROWS, Columns, Kind, TableFile, days, keys, maybe_ints, maybe_money, money};

pub const COLUMNS: Columns = &[
    ("account_id", Kind::Key),
    ("customer_id", Kind::Key),
    ("kind", Kind::Word),
    ("opened", Kind::Day),
    ("balance", Kind::Money),
    ("credit_limit", Kind::Money),
    ("overdue_days", Kind::Int),
    ("status", Kind::Word),
];

/// The kinds of account; a customer has one of each at most, and a current account always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    Current,
    Savings,
    Card,
    Loan,
    Wealth,
}

const ALL: [Account; 5] = [Account::Current, Account::Savings, Account::Card, Account::Loan, Account::Wealth];
const KINDS: [&str; 5] = ["current", "savings", "credit card", "loan", "wealth"];
const STATUSES: [&str; 3] = ["open", "dormant", "frozen"];

/// The key of a customer's account of a kind, whether there is one or not.
pub fn account_id(person: u64, account: Account) -> i64 {
    600_000_000_001 + (person * 10 + account as u64) as i64
}

/// Whether a customer has an account of a kind.
pub fn has_account(person: &Person, account: Account) -> bool {
    match account {
        Account::Current => true,
        Account::Savings => person.has(is::SAVER),
        Account::Card => person.has(is::CARD),
        Account::Loan => person.has(is::LOAN) || person.has(is::MORTGAGE),
        Account::Wealth => person.fund > 0 || person.wealth > 0,
    }
}

/// Writes the table; how many rows it has.
pub fn write(
    path: &Path,
    population: &Population,
    seed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DemoError> {
    let streams = Streams::new(seed, Topic::Accounts);
    let mut file = TableFile::create(path, COLUMNS)?;
    let mut rows = Rows::default();
    for (place, person) in population.iter() {
        let mut draw = streams.at(place);
        let saved = if person.has(is::SAVER) { 0.2 + 0.7 * draw.unit() } else { 0.0 };
        let savings = (person.deposit as f64 * saved) as i64;
        for account in ALL.into_iter().filter(|account| has_account(person, *account)) {
            rows.push(place, person, account, savings, population.as_of, &mut draw);
        }
        if rows.ids.len() >= BATCH_ROWS {
            rows.flush(&mut file)?;
            progress(file.rows());
        }
    }
    rows.flush(&mut file)?;
    progress(file.rows());
    file.finish()
}

/// The batch that is being filled.
#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    customers: Vec<i64>,
    kinds: Vec<u8>,
    opened: Vec<i32>,
    balances: Vec<i64>,
    limits: Vec<Option<i64>>,
    overdue: Vec<Option<i32>>,
    statuses: Vec<u8>,
}

impl Rows {
    fn push(
        &mut self,
        place: u64,
        person: &Person,
        account: Account,
        savings: i64,
        as_of: i32,
        draw: &mut Draw,
    ) {
        let yuan = 100.0;
        let limit = (draw.log_normal(25_000.0, 0.7) / 1_000.0).ceil() as i64 * 100_000;
        let balance = match account {
            Account::Current => person.deposit - savings,
            Account::Savings => savings,
            Account::Card => -((limit as f64 * draw.unit() * 0.6) as i64),
            Account::Loan if person.has(is::MORTGAGE) => -(draw.log_normal(900_000.0 * yuan, 0.6) as i64),
            Account::Loan => -(draw.log_normal(70_000.0 * yuan, 0.8) as i64),
            Account::Wealth => person.fund + person.wealth,
        };
        let owed = match account {
            // Arrears are the loan's where there is one, else the card's.
            Account::Loan => Some(i32::from(person.overdue_days)),
            Account::Card if has_account(person, Account::Loan) => Some(0),
            Account::Card => Some(i32::from(person.overdue_days)),
            _ => None,
        };
        let span = person.lively_days(as_of);
        let later = if account == Account::Current { 0 } else { (f64::from(span) * draw.unit()) as i32 };
        let quiet = as_of.saturating_sub(person.stopped) > 365;
        self.ids.push(account_id(place, account));
        self.customers.push(customer_id(place));
        self.kinds.push(account as u8);
        self.opened.push(person.opened + later);
        self.balances.push(balance);
        self.limits.push((account == Account::Card).then_some(limit));
        self.overdue.push(owed);
        self.statuses.push(if owed > Some(90) { 2 } else { u8::from(quiet) });
    }

    fn flush(&mut self, file: &mut TableFile) -> Result<(), DemoError> {
        let rows = std::mem::take(self);
        let (kinds, statuses) = (file.words(&rows.kinds, &KINDS)?, file.words(&rows.statuses, &STATUSES)?);
        file.write(vec![
            keys(rows.ids),
            keys(rows.customers),
            kinds,
            days(rows.opened),
            money(rows.balances),
            maybe_money(rows.limits),
            maybe_ints(rows.overdue),
            statuses,
        ])
    }
}
