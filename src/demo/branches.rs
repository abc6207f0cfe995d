//! `branches.csv`: where the bank's branches are. Big cities have more; each city has one at least.

use std::fmt::Write as _;

use super::calendar;
use super::names::CITIES;
use super::random::{Streams, Topic};

/// How many branches a city has.
fn count(share: f64) -> u32 {
    1 + (share / 9.0) as u32
}

/// The id of a branch: 100 × (city's place + 1) + a number from 1.
fn branch_id(city: u8, number: u32) -> i32 {
    100 * (i32::from(city) + 1) + 1 + number as i32
}

/// The branch of a customer of a city: `bits` choose among the city's branches.
pub fn branch_of(city: u8, bits: u64) -> i32 {
    let share = CITIES.get(usize::from(city)).map_or(0.0, |city| city.2);
    branch_id(city, (bits % u64::from(count(share))) as u32)
}

/// The table's text and how many rows it has.
pub fn branches_csv(seed: u64, as_of: i32) -> (String, u64) {
    let mut draw = Streams::new(seed, Topic::Branches).at(0);
    let mut text = String::from("branch_id,branch_name,city,region,opened\n");
    let mut rows = 0;
    let quarters = [
        "中心",
        "城东",
        "城西",
        "城南",
        "城北",
        "新区",
        "高新",
        "滨江",
        "大学城",
        "科技园",
        "火车站",
        "老城",
    ];
    for (city, (name, region, share)) in (0u8..).zip(CITIES) {
        for number in 0..count(share) {
            let quarter = quarters.get(number as usize % quarters.len()).copied().unwrap_or("");
            let again = number as usize / quarters.len();
            let suffix = if again == 0 { String::new() } else { format!("第{}", again + 1) };
            let opened = calendar::date_of(as_of - draw.between(400, 6_600));
            let id = branch_id(city, number);
            let _ = writeln!(text, "{id},{name}{quarter}{suffix}支行,{name},{region},{opened}");
            rows += 1;
        }
    }
    (text, rows)
}
