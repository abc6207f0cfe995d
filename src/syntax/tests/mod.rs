//! Tests of the whole way from text to tree.

mod constructs;
mod errors;
mod expressions;
mod format;
mod invariant;
mod limits;
mod literals;
mod print;
mod prompt;
mod statements;

use super::ast::*;
use super::parse;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::FileId;

/// The script of the language brief.
pub const RETAIL: &str = r#"-- retail.seg
timezone "Asia/Shanghai"

source customers    from "data/customers.parquet"        key customer_id
                    pii name, phone
                    link branch_id -> branches as branch
source transactions from "data/transactions/*.parquet"   of customers by customer_id at txn_time
source branches     from "data/branches.csv"             key branch_id

param rich = 100万

@group asset
@owner "retail-data"
tag assets "Assets under management" = deposit_balance + fund_balance + wealth_balance
tag tx_90d "Transactions, 90 days"   = count(transactions in last 90 days)
tag travel = sum(transactions.amount in last 90 days where category = "travel")
tag idle_days = days since last(transactions.txn_time)

tag life_stage "Lifecycle" = case
  when days since open_date < 90 then "new"
  when idle_days <= 90           then "active"
  when idle_days <= 365          then "dormant"
  else                                "lost"

segment high_value "High value, active" where assets >= 1_000_000 and tx_90d > 5
segment 高净值 where assets >= 600万 and life_stage in ("active", "dormant")
segment sleeping_rich where assets >= rich and outside high_value

audience spring_wealth from high_value
  require  consent_sms
  exclude  staff, in_arrears
  limit    20_000 by assets
  control  10%
  columns  customer_id, assets, tx_90d
  to       "out/{as_of}/spring_wealth.parquet"
"#;

pub fn read(text: &str) -> (Script, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::default();
    let script = parse(FileId(0), text, &mut diagnostics);
    (script, diagnostics.into_sorted())
}

/// A script without errors.
pub fn good(text: &str) -> Script {
    let (script, found) = read(text);
    assert!(found.is_empty(), "{text}\n{found:#?}");
    script
}

/// The tree without its spans.
pub fn shape<T: std::fmt::Debug>(tree: &T) -> String {
    let spans = regex::Regex::new(r"\d+:\d+\.\.\d+").unwrap();
    spans.replace_all(&format!("{tree:#?}"), "_").into_owned()
}

/// Every finding as `CODE «text under the caret» message | help`.
pub fn findings(text: &str) -> Vec<String> {
    read(text)
        .1
        .iter()
        .map(|d| {
            let at = d.at.as_ref().map_or("", |l| &text[l.span.range()]);
            let help: String = d.help.iter().map(|h| format!(" | {h}")).collect();
            format!("{} «{at}» {}{help}", d.code, d.message)
        })
        .collect()
}

/// The only finding.
pub fn finding(text: &str) -> String {
    let found = findings(text);
    assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    found.into_iter().next().unwrap()
}

/// An expression in prefix form.
pub fn expr(text: &str) -> String {
    let script = good(&format!("tag x = {text}"));
    match &script.statements[..] {
        [Statement { kind: StatementKind::Tag(tag), .. }] => print::expr(&tag.value),
        other => panic!("{other:#?}"),
    }
}
