//! The bank's shelf: `products.csv`, and `holdings.parquet`, which splits each customer's balances over it.

use std::fmt::Write as _;
use std::path::Path;

use super::DemoError;
use super::people::{Person, Population, customer_id, is};
use super::random::{Draw, Streams, Topic};
use super::writer::{BATCH_ROWS, Columns, Kind, TableFile, days, ints, keys, maybe_days, money};

pub const COLUMNS: Columns = &[
    ("customer_id", Kind::Key),
    ("product_id", Kind::Int),
    ("product_type", Kind::Word),
    ("amount", Kind::Money),
    ("since", Kind::Day),
    ("matures", Kind::Day),
];

const TYPES: [&str; 6] = ["deposit", "fund", "wealth", "insurance", "credit card", "mortgage"];
const DEPOSIT: u8 = 0;
const FUND: u8 = 1;
const WEALTH: u8 = 2;
const INSURANCE: u8 = 3;
const CARD: u8 = 4;
const MORTGAGE: u8 = 5;

/// A product's name, risk grade (R1 to R5) and yearly yield in per cent. Its id is 100 × (type + 1) + its place from 1.
const SHELF: [&[(&str, &str, &str)]; 6] = [
    &[
        ("活期存款", "R1", "0.10"),
        ("整存整取一年", "R1", "1.15"),
        ("整存整取三年", "R1", "1.55"),
        ("大额存单", "R1", "1.70"),
        ("通知存款", "R1", "0.45"),
    ],
    &[
        ("稳盈货币基金", "R1", "1.48"),
        ("安享债券基金", "R2", "2.90"),
        ("均衡混合基金", "R3", "5.20"),
        ("沪深300指数基金", "R4", "6.10"),
        ("科技成长股票基金", "R5", "8.40"),
        ("黄金ETF联接", "R4", "7.30"),
        ("养老目标2045", "R3", "4.60"),
    ],
    &[
        ("日日盈", "R1", "1.90"),
        ("季季红90天", "R2", "2.45"),
        ("半年享180天", "R2", "2.65"),
        ("年年丰365天", "R3", "3.05"),
        ("私享进取", "R4", "4.80"),
    ],
    &[
        ("重疾保障", "R1", "0"),
        ("终身寿险", "R1", "2.00"),
        ("年金保险", "R1", "2.30"),
        ("综合意外险", "R1", "0"),
    ],
    &[("标准信用卡", "R1", "0"), ("旅行白金卡", "R1", "0"), ("校园卡", "R1", "0")],
    &[("首套住房贷款", "R1", "0"), ("改善住房贷款", "R1", "0")],
];

/// The product's id; `place` counts from 0 within the type.
fn product_id(kind: u8, place: u32) -> i32 {
    100 * (i32::from(kind) + 1) + 1 + place as i32
}

/// How many days a product runs; `None` for one without an end. Cover of an insurance is renewed each year.
fn term(product: i32) -> Option<i32> {
    match product {
        102 | 104 | 304 | 401..=404 => Some(365),
        103 => Some(1_095),
        302 => Some(90),
        303 => Some(180),
        _ => None,
    }
}

/// When a product held since `since` ends next, seen from `as_of`: one that ended was prolonged.
fn matures(product: i32, since: i32, as_of: i32) -> Option<i32> {
    let term = term(product)?;
    let over = (as_of - since).max(0) / term;
    Some(since + (over + 1) * term)
}

/// `products.csv` and how many rows it has.
pub fn products_csv() -> (String, u64) {
    let mut text = String::from("product_id,product_name,product_type,risk_grade,annual_yield_percent\n");
    let mut rows = 0;
    for ((kind, list), name) in (0u8..).zip(SHELF).zip(TYPES) {
        for (place, (product, risk, rate)) in (0u32..).zip(list) {
            let _ = writeln!(text, "{},{product},{name},{risk},{rate}", product_id(kind, place));
            rows += 1;
        }
    }
    (text, rows)
}

/// Writes `holdings.parquet`, customers ascending; how many rows it has.
pub fn write_holdings(
    path: &Path,
    population: &Population,
    seed: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DemoError> {
    let streams = Streams::new(seed, Topic::Holdings);
    let mut file = TableFile::create(path, COLUMNS)?;
    let mut rows = Rows::default();
    for (place, person) in population.iter() {
        rows.push_all(place, person, population.as_of, &mut streams.at(place));
        if rows.customers.len() >= BATCH_ROWS {
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
    customers: Vec<i64>,
    products: Vec<i32>,
    types: Vec<u8>,
    amounts: Vec<i64>,
    since: Vec<i32>,
    matures: Vec<Option<i32>>,
}

impl Rows {
    fn push_all(&mut self, place: u64, person: &Person, as_of: i32, draw: &mut Draw) {
        for (kind, balance) in [(DEPOSIT, person.deposit), (FUND, person.fund), (WEALTH, person.wealth)] {
            if balance > 0 {
                self.split(place, person, as_of, kind, balance, draw);
            }
        }
        if draw.chance(if person.children > 0 { 0.16 } else { 0.06 }) {
            let premium = draw.log_normal(480_000.0, 0.8) as i64;
            let product = draw.below(4);
            self.push(place, person, as_of, INSURANCE, product, premium, draw);
        }
        if person.has(is::CARD) {
            let card = if person.has(is::TRAVELLER) { 1 } else { 0 };
            self.push(place, person, as_of, CARD, card, 0, draw);
        }
        if person.has(is::MORTGAGE) {
            let owed = draw.log_normal(90_000_000.0, 0.6) as i64;
            let product = draw.below(2);
            self.push(place, person, as_of, MORTGAGE, product, owed, draw);
        }
    }

    /// One to three different products of a type, whose amounts add up to the balance.
    fn split(&mut self, place: u64, person: &Person, as_of: i32, kind: u8, balance: i64, draw: &mut Draw) {
        let shelf = SHELF.get(usize::from(kind)).map_or(1, |list| list.len() as u32);
        let first = draw.below(shelf);
        let parts = 1 + draw.poisson(if balance > 20_000_000 { 0.8 } else { 0.25 }).min(2);
        let mut left = balance;
        for part in 1..=parts {
            let amount = if part == parts { left } else { (left as f64 * (0.3 + 0.5 * draw.unit())) as i64 };
            left -= amount;
            self.push(place, person, as_of, kind, (first + part) % shelf, amount, draw);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a row's values")]
    fn push(
        &mut self,
        place: u64,
        person: &Person,
        as_of: i32,
        kind: u8,
        product: u32,
        amount: i64,
        draw: &mut Draw,
    ) {
        let span = person.lively_days(as_of);
        self.customers.push(customer_id(place));
        self.products.push(product_id(kind, product));
        self.types.push(kind);
        self.amounts.push(amount);
        // Most holdings are younger than the customer.
        let since = person.opened + span - (f64::from(span) * draw.unit().powi(2)) as i32;
        self.since.push(since);
        self.matures.push(matures(product_id(kind, product), since, as_of));
    }

    fn flush(&mut self, file: &mut TableFile) -> Result<(), DemoError> {
        let rows = std::mem::take(self);
        let types = file.words(&rows.types, &TYPES)?;
        file.write(vec![
            keys(rows.customers),
            ints(rows.products),
            types,
            money(rows.amounts),
            days(rows.since),
            maybe_days(rows.matures),
        ])
    }
}
