//! Answers for programs.

use super::*;

/// Headers and rows as plain lines.
fn lines(a: Answer) -> Vec<String> {
    let (headers, rows) = rows(&a).unwrap();
    assert!(rows.iter().all(|r| r.len() == headers.len()));
    let rows = rows.iter().map(|r| r.iter().map(Value::plain).collect::<Vec<_>>().join("|"));
    std::iter::once(headers.join("|")).chain(rows).collect()
}

#[test]
fn the_rows_of_each_answer() {
    assert_eq!(
        lines(Answer::Count(f::count())),
        [
            "segment|title|entity|as_of|zone|members|total|undecided|missing|undecided_outside",
            "high_value|High value, active|customers|2026-10-31|Asia/Shanghai|1284|20000|912|\
             deposit_balance 611, fund_balance 304|",
        ]
    );
    assert_eq!(
        lines(Answer::Show(f::show())).get(..2).unwrap(),
        ["customer_id|name|assets|life_stage|consent_sms", "10042|•••|1250000.50|active|true"]
    );
    assert_eq!(
        lines(Answer::Explain(f::explain())),
        [
            "step|condition|from|remaining|lost|undecided|alone",
            "0|customers||20000|0|0|20000",
            "1|assets ≥ 1,000,000||2310|16778|912|2310",
            "2|tx_90d > 5||1284|1026|0|8200",
        ]
    );
    assert_eq!(
        lines(Answer::Why(f::why())),
        [
            "depth|condition|from|outcome|values",
            "0|assets ≥ 1,000,000||false|assets 980,000 ≥ 1,000,000",
            "0|tx_90d > 5 or credit_score ≥ 600||true|",
            "1|tx_90d > 5||true|tx_90d 12 > 5",
            "1|credit_score ≥ 600|||credit_score missing (≥ 600)",
            "0|consent_sms|reachable|true|consent_sms yes",
        ]
    );
    let portrait = lines(Answer::Portrait(f::portrait()));
    assert_eq!(
        portrait.get(..3).unwrap(),
        ["kind|name|value", "column|customer_id|10042", "column|name|•••"]
    );
    assert_eq!(portrait.last().unwrap(), "segment|high_value|true");
    let describe = lines(Answer::Describe(f::describe()));
    assert!(describe.contains(&"used_by|high_value, sleeping_rich".to_string()), "{describe:?}");
    assert!(describe.contains(&"median|83211.50".to_string()));
    let list = lines(Answer::List(f::list()));
    assert!(list.contains(&"param|rich||||1000000".to_string()), "{list:?}");
    assert!(list.contains(&"audience|spring_wealth|Spring|customers|audience|high_value".to_string()));
}

#[test]
fn json_is_the_answer() {
    let json = json(&Answer::Count(f::count()));
    assert_eq!(json["answer"], "count");
    assert_eq!(json["undecided"]["by"][0][1], 611);
    assert_eq!(super::super::json(&Answer::Show(f::show()))["rows"][0][1], "•••");
}
