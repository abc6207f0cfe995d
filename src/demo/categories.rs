//! What customers pay for: the categories of transactions, with how much, through what, and by whom.

use super::people::PERSONAS;

/// A category: its name, the median amount in yuan, how widely amounts spread, its channels (app, pos, atm, web,
/// branch) by weight, and how often each persona has it.
pub struct Category {
    pub name: &'static str,
    pub median: f64,
    pub spread: f64,
    pub channels: [f64; 5],
    pub personas: [f64; PERSONAS],
}

const fn category(
    name: &'static str,
    median: f64,
    spread: f64,
    channels: [f64; 5],
    personas: [f64; PERSONAS],
) -> Category {
    Category { name, median, spread, channels, personas }
}

/// In the order of the lists of shops. Personas: student, first job, worker, family, affluent, retiree.
pub const CATEGORIES: [Category; 14] = [
    category("groceries", 58.0, 0.7, [3.0, 6.0, 0.0, 0.5, 0.0], [10.0, 16.0, 20.0, 28.0, 14.0, 34.0]),
    category("dining", 62.0, 0.8, [6.0, 4.0, 0.0, 0.3, 0.0], [30.0, 26.0, 19.0, 13.0, 18.0, 7.0]),
    category("travel", 760.0, 0.9, [6.0, 1.0, 0.0, 4.0, 0.1], [2.5, 4.0, 3.5, 4.0, 9.0, 3.0]),
    category("shopping", 145.0, 1.0, [7.0, 3.0, 0.0, 3.0, 0.0], [20.0, 19.0, 16.0, 16.0, 17.0, 8.0]),
    category("transport", 16.0, 0.8, [8.0, 3.0, 0.0, 0.1, 0.0], [16.0, 14.0, 13.0, 9.0, 6.0, 6.0]),
    category("utilities", 120.0, 0.6, [7.0, 0.5, 0.0, 2.0, 0.4], [1.0, 5.0, 7.0, 7.5, 4.0, 11.0]),
    category("health", 190.0, 1.0, [4.0, 5.0, 0.0, 1.0, 0.0], [1.5, 2.0, 3.0, 4.5, 4.0, 12.0]),
    category("education", 620.0, 1.0, [5.0, 2.0, 0.0, 3.0, 0.2], [5.0, 1.5, 1.5, 6.0, 3.0, 0.4]),
    category("entertainment", 55.0, 0.8, [7.0, 2.0, 0.0, 2.0, 0.0], [12.0, 9.0, 6.0, 4.0, 5.0, 2.0]),
    category("fund", 2_200.0, 1.1, [9.0, 0.0, 0.0, 2.0, 0.7], [0.5, 1.5, 2.5, 2.5, 6.0, 2.0]),
    category("wealth", 42_000.0, 0.8, [6.0, 0.0, 0.0, 1.0, 4.0], [0.0, 0.2, 0.6, 0.7, 3.5, 1.5]),
    category("transfer", 950.0, 1.4, [9.0, 0.0, 0.3, 1.5, 0.8], [6.0, 8.0, 8.0, 6.5, 9.0, 7.0]),
    category("cash", 900.0, 0.8, [0.0, 0.0, 8.0, 0.0, 2.0], [0.8, 0.8, 1.5, 1.5, 1.2, 6.0]),
    category("salary", 9_000.0, 0.05, [0.0, 0.0, 0.0, 1.0, 0.0], [0.0; PERSONAS]),
];

pub const TRAVEL: u8 = 2;
pub const SHOPPING: u8 = 3;
pub const EDUCATION: u8 = 7;
pub const FUND: u8 = 9;
pub const WEALTH: u8 = 10;
pub const TRANSFER: u8 = 11;
pub const CASH: u8 = 12;
pub const SALARY: u8 = 13;

pub const CHANNELS: [&str; 5] = ["app", "pos", "atm", "web", "branch"];
pub const POS: u8 = 1;
