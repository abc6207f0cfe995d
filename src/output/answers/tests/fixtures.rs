//! Answers as data, a little bank's.

use crate::explain::Selection;
use crate::explain::answer::*;
use crate::explain::audience::Stage;
use crate::ir::{Audience, Control, DefId, ExprId, Limit, Zone};
use crate::source::{FileId, Span};
use crate::value::Value;
use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use std::sync::Arc;

fn s(text: &str) -> String {
    text.to_string()
}

pub fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| (s(a), s(b))).collect()
}

pub fn money(cents: i128) -> Value {
    Value::Decimal(cents, 2)
}

pub fn text(t: &str) -> Value {
    Value::Text(s(t))
}

pub fn count() -> Count {
    Count {
        segment: s("high_value"),
        title: Some(s("High value, active")),
        entity: s("customers"),
        as_of: s("2026-10-31"),
        zone: s("Asia/Shanghai"),
        members: 1_284,
        total: 20_000,
        undecided: Undecided {
            count: 912,
            by: vec![(s("deposit_balance"), 611), (s("fund_balance"), 304)],
            complements: Vec::new(),
        },
    }
}

/// Of no customers at all.
pub fn no_rows() -> Explain {
    let steps = vec![step("assets ≥ 1,000,000", &[], [0, 0, 0, 0])];
    let mut tag = tx_90d();
    tag.metadata = Vec::new();
    tag.spread = Some(Spread {
        known: 0,
        total: 0,
        min: None,
        median: None,
        max: None,
        top: Vec::new(),
        distinct: None,
        undecided_events: 0,
        divided_by_zero: 0,
    });
    let count = Count { total: 0, ..empty() };
    Explain { count, attrition: steps, tags: vec![tag], ..explain() }
}

/// Nobody, and nobody undecided.
pub fn empty() -> Count {
    Count { members: 0, undecided: Undecided::default(), ..count() }
}

pub fn step(condition: &str, from: &[&str], numbers: [u64; 4]) -> Step {
    let [remaining, lost, undecided, alone] = numbers;
    Step {
        condition: s(condition),
        from: from.iter().map(|f| s(f)).collect(),
        remaining,
        lost,
        undecided,
        alone,
    }
}

pub fn assets() -> Tag {
    Tag {
        name: s("assets"),
        title: Some(s("Assets under management")),
        type_name: s("decimal(20,2)"),
        formula: s("deposit_balance + fund_balance + wealth_balance"),
        metadata: Vec::new(),
        uses: vec![s("deposit_balance")],
        sources: vec![SourceUse {
            source: s("customers"),
            files: s("data/customers.parquet"),
            window: None,
            row: s("one row per customer_id"),
        }],
        spread: Some(Spread {
            known: 19_088,
            total: 20_000,
            min: Some(money(0)),
            median: Some(money(8_321_150)),
            max: Some(money(9_821_100_310)),
            top: Vec::new(),
            distinct: None,
            undecided_events: 0,
            divided_by_zero: 0,
        }),
    }
}

pub fn tx_90d() -> Tag {
    Tag {
        name: s("tx_90d"),
        title: Some(s("Transactions, 90 days")),
        type_name: s("whole number"),
        formula: s("count(transactions in last 90 days)"),
        metadata: pairs(&[("owner", "retail-data"), ("since", "2026-01-01")]),
        uses: Vec::new(),
        sources: vec![SourceUse {
            source: s("transactions"),
            files: s("data/transactions/*.parquet"),
            window: Some(s("last 90 days: 2026-08-03 to 2026-10-31")),
            row: s("one row is one of transactions, of customers by customer_id, at txn_time"),
        }],
        spread: Some(Spread {
            known: 20_000,
            total: 20_000,
            min: Some(Value::Int(0)),
            median: Some(Value::Int(4)),
            max: Some(Value::Int(212)),
            top: Vec::new(),
            distinct: None,
            undecided_events: 0,
            divided_by_zero: 0,
        }),
    }
}

pub fn stage() -> Tag {
    Tag {
        name: s("life_stage"),
        title: None,
        type_name: s("label (new, active, dormant, lost)"),
        formula: s("life_stage"),
        metadata: Vec::new(),
        uses: Vec::new(),
        sources: Vec::new(),
        spread: Some(Spread {
            known: 20_000,
            total: 20_000,
            min: None,
            median: None,
            max: None,
            top: vec![(text("active"), 9_201), (text("lost"), 4_000), (text("new"), 7)],
            distinct: Some(4),
            undecided_events: 0,
            divided_by_zero: 0,
        }),
    }
}

pub fn explain() -> Explain {
    Explain {
        count: count(),
        definition: s("assets ≥ 1,000,000 and tx_90d > 5"),
        keys: None,
        metadata: Vec::new(),
        attrition: vec![
            step("assets ≥ 1,000,000", &[], [2_310, 16_778, 912, 2_310]),
            step("tx_90d > 5", &[], [1_284, 1_026, 0, 8_200]),
        ],
        tags: vec![assets(), tx_90d(), stage()],
        sample: None,
    }
}

/// One that takes in another and stands outside a third.
pub fn nested() -> Explain {
    let mut a = explain();
    a.count.segment = s("高净值");
    a.count.title = None;
    a.count.members = 3;
    a.count.undecided.complements = vec![(s("high_value"), 912), (s("staff"), 0)];
    a.definition = s("wealthy and outside high_value and outside staff");
    a.metadata = pairs(&[("group", "asset"), ("owner", "retail-data")]);
    a.attrition = vec![
        step("资产 ≥ 1,000,000", &["wealthy"], [2_310, 16_778, 912, 2_310]),
        step("tx_90d > 5", &["wealthy", "busy"], [4, 2_306, 0, 19_999]),
        step("outside high_value", &[], [3, 1, 0, 19]),
    ];
    a.tags = Vec::new();
    a.sample = Some(Show { rows: show().rows, members: 3, ..show() });
    a
}

pub fn show() -> Show {
    Show {
        segment: s("high_value"),
        as_of: s("2026-10-31"),
        members: 1_284,
        headers: vec![s("customer_id"), s("name"), s("assets"), s("life_stage"), s("consent_sms")],
        rows: vec![
            vec![Value::Int(10_042), Value::Masked, money(125_000_050), text("active"), Value::Bool(true)],
            vec![Value::Int(7), Value::Masked, money(100_000_000), text("沉睡"), Value::Missing],
            vec![Value::Int(811), Value::Missing, Value::Missing, text("new"), Value::Bool(false)],
        ],
    }
}

pub fn tested(condition: &str, outcome: Option<bool>, values: &str) -> Tested {
    Tested {
        condition: s(condition),
        from: Vec::new(),
        outcome,
        values: s(values),
        terms: Vec::new(),
        parts: Vec::new(),
    }
}

pub fn why() -> Why {
    Why {
        leaves: None,
        key: s("10042"),
        segment: s("high_value"),
        as_of: s("2026-10-31"),
        member: false,
        undecided: false,
        conditions: vec![
            tested("assets ≥ 1,000,000", Some(false), "assets 980,000 ≥ 1,000,000"),
            Tested {
                parts: vec![
                    tested("tx_90d > 5", Some(true), "tx_90d 12 > 5"),
                    tested("credit_score ≥ 600", None, "credit_score missing (≥ 600)"),
                ],
                ..tested("tx_90d > 5 or credit_score ≥ 600", Some(true), "")
            },
            Tested { from: vec![s("reachable")], ..tested("consent_sms", Some(true), "consent_sms yes") },
        ],
        nearest_miss: vec![s("assets 980,000 ≥ 1,000,000")],
    }
}

pub fn portrait() -> Portrait {
    Portrait {
        key: s("10042"),
        entity: s("customers"),
        as_of: s("2026-10-31"),
        columns: vec![
            (s("customer_id"), Value::Int(10_042)),
            (s("name"), Value::Masked),
            (s("branch_id"), Value::Int(1_001)),
            (s("city"), text("上海")),
        ],
        tags: vec![(s("assets"), money(125_000_050)), (s("客户等级"), Value::Missing)],
        segments: vec![(s("sleeping"), false), (s("high_value"), true)],
    }
}

pub fn describe() -> Describe {
    Describe {
        tag: assets(),
        kind: s("tag"),
        entity: s("customers"),
        as_of: s("2026-10-31"),
        definition: s(
            "tag assets \"Assets under management\"\n  = deposit_balance + fund_balance\n    + wealth_balance",
        ),
        used_by: vec![s("high_value"), s("sleeping_rich")],
    }
}

pub fn listed(name: &str, title: Option<&str>, type_name: &str, formula: &str) -> Listed {
    Listed {
        name: s(name),
        title: title.map(s),
        entity: s("customers"),
        type_name: s(type_name),
        formula: s(formula),
    }
}

pub fn list() -> List {
    List {
        as_of: s("2026-10-31"),
        zone: s("Asia/Shanghai"),
        sources: vec![
            (s("customers"), s("entity"), s("data/customers.parquet")),
            (s("transactions"), s("events"), s("data/transactions/*.parquet")),
        ],
        params: vec![(s("rich"), Value::Int(1_000_000), None)],
        tags: vec![
            listed(
                "assets",
                Some("Assets under management"),
                "decimal(20,2)",
                "deposit_balance + fund_balance",
            ),
            listed("客户等级", None, "label (a, b)", "case"),
        ],
        segments: vec![listed("high_value", None, "yes/no", "assets ≥ 1,000,000 and tx_90d > 5")],
        audiences: vec![listed("spring_wealth", Some("Spring"), "audience", "high_value")],
    }
}

fn stage_of(step: &'static str, rule: &str, remaining: u64, lost: u64, undecided: u64) -> Stage {
    Stage { step, rule: s(rule), remaining, lost, undecided }
}

pub fn selection() -> Selection {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![10_042, 7, 811]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("王芳"), Some("Ann"), None]));
    let assets: ArrayRef = Arc::new(
        Decimal128Array::from(vec![125_000_050, 110_000_000, 100_000_000])
            .with_precision_and_scale(20, 2)
            .unwrap(),
    );
    let seen: ArrayRef = Arc::new(
        TimestampMicrosecondArray::from(vec![Some(1_793_404_800_000_000), None, None])
            .with_timezone("+00:00"),
    );
    let why: ArrayRef = Arc::new(StringArray::from(vec![
        "assets 1,250,000.50 ≥ 1,000,000; tx_90d 12 > 5",
        "assets 1,100,000 ≥ 1,000,000; tx_90d 6 > 5",
        "assets 1,000,000 ≥ 1,000,000; tx_90d 9 > 5",
    ]));
    let named = |columns: &[(&str, &ArrayRef)]| {
        columns.iter().map(|(name, array)| (s(name), Arc::clone(array))).collect::<Vec<_>>()
    };
    Selection {
        audience: Audience {
            name: s("spring_wealth"),
            title: Some(s("Spring, wealth")),
            span: Span::new(FileId(0), 0, 0),
            segment: DefId(0),
            require: Vec::new(),
            exclude: Vec::new(),
            cap: Vec::new(),
            limit: Some(Limit { most: 4, by: Some(ExprId(0)) }),
            control: Some(Control { share: 0.1, salt: s("spring_wealth") }),
            split: None,
            columns: Vec::new(),
            to: None,
            min_size: Some(50),
            notes: pairs(&[("via", "sms"), ("offer", "W-12")]),
        },
        waterfall: vec![
            stage_of("all", "customers", 20_000, 0, 0),
            stage_of("segment", "assets ≥ 1,000,000", 2_310, 17_690, 912),
            stage_of("segment", "tx_90d > 5", 1_284, 1_026, 0),
            stage_of("require", "consent_sms", 1_100, 184, 20),
            stage_of("exclude", "staff", 1_090, 10, 0),
            stage_of("exclude", "in_arrears", 1_050, 40, 12),
            stage_of("limit", "4 by assets", 4, 1_046, 0),
            stage_of("control", "10%", 3, 1, 0),
            stage_of("delivered", "", 3, 0, 0),
        ],
        arms: Vec::new(),
        columns: named(&[
            ("customer_id", &ids),
            ("name", &names),
            ("assets", &assets),
            ("seen", &seen),
            ("why", &why),
            ("why_data", &why),
        ]),
        held_out: Some(named(&[("customer_id", &ids.slice(0, 1))])),
        held: Some(1),
        rows: 3,
        personal: vec![s("name")],
        zone: Zone(chrono_tz::Asia::Shanghai),
    }
}

pub fn files() -> Vec<(String, String, u64)> {
    vec![
        (s("audience"), s("out/2026-10-31/spring_wealth.parquet"), 3),
        (s("held out"), s("out/2026-10-31/spring_wealth.control.parquet"), 1),
        (s("manifest"), s("out/2026-10-31/spring_wealth.manifest.json"), 1),
    ]
}
