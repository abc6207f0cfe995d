use super::*;
use crate::catalog::Location;
use crate::functions::{AggregateFn, Function};
use crate::ir::time::WindowWords;
use crate::ir::*;
use crate::source::{FileId, Span};
use crate::syntax::ast::{Duration, Number, TimeUnit};
use crate::types::Type;
use chrono::NaiveDate;

const CUSTOMERS: SourceId = SourceId(0);
const TRANSACTIONS: SourceId = SourceId(1);
const BRANCHES: SourceId = SourceId(2);

fn source(name: &str, columns: &[&str]) -> Source {
    Source {
        name: name.into(),
        title: None,
        span: Span::new(FileId(0), 0, 0),
        shape: Shape::default(),
        keys_of: None,
        location: Location { pattern: String::new(), folder: "".into() },
        columns: columns
            .iter()
            .map(|c| Column {
                name: (*c).into(),
                ty: Type::Text,
                stored: Type::Text,
                overruled: false,
                pii: false,
                fixed: false,
            })
            .collect(),
        key: None,
        of: Vec::new(),
        time: None,
        links: Vec::new(),
        latest: None,
        copy: None,
        filter: None,
        consent: Vec::new(),
        opened: true,
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A program over a little bank, and short ways to build its expressions.
struct Bank(Program);

impl Bank {
    fn new() -> Bank {
        let mut customers = source("customers", &["customer_id", "city", "open_date", "a", "b", "c", "ok"]);
        customers.key = Some(ColumnId(0));
        customers.links.push(Link { name: "branch".into(), column: ColumnId(1), target: BRANCHES });
        let mut transactions =
            source("transactions", &["customer_id", "amount", "category", "city", "txn_time"]);
        transactions.of.push(Owner { entity: CUSTOMERS, by: ColumnId(0) });
        Bank(Program {
            zone: Zone(chrono_tz::Asia::Shanghai),
            as_of: AsOf::Day(day("2026-10-31")),
            sources: vec![customers, transactions, source("branches", &["branch_id", "region"])],
            definitions: Vec::new(),
            params: Vec::new(),
            audiences: Vec::new(),
            models: Vec::new(),
            commands: Vec::new(),
            graph: Graph::default(),
            lost: std::collections::BTreeMap::new(),

            doubts: Vec::new(),
            allowed: Default::default(),
            warnings: Vec::new(),
        })
    }

    fn node(&mut self, node: Node) -> ExprId {
        self.0.graph.add(node, Type::Text)
    }

    fn column(&mut self, source: SourceId, name: &str) -> ExprId {
        let (column, _) = self.0.source(source).unwrap().find_column(name).unwrap();
        self.node(Node::Column { source, via: Vec::new(), column })
    }

    fn own(&mut self, name: &str) -> ExprId {
        self.column(CUSTOMERS, name)
    }

    fn define(&mut self, name: &str, kind: DefinitionKind) -> DefId {
        let body = self.text(name);
        self.0.definitions.push(Definition {
            name: name.into(),
            title: None,
            kind,
            entity: CUSTOMERS,
            body,
            ty: Type::Int,
            span: Span::new(FileId(0), 0, 0),
            meta: Vec::new(),
            text: String::new(),
            is_entity: false,
            on: None,
        });
        DefId(u32::try_from(self.0.definitions.len() - 1).unwrap())
    }

    fn tag(&mut self, name: &str) -> ExprId {
        let def = self.define(name, DefinitionKind::Tag);
        self.node(Node::Definition(def))
    }

    fn text(&mut self, text: &str) -> ExprId {
        self.node(Node::Literal(Literal::Text(text.into())))
    }

    fn number(&mut self, digits: i128, scale: u8) -> ExprId {
        self.node(Node::Literal(Literal::Number(Number { digits, scale, has_point: scale > 0 })))
    }

    fn math(&mut self, op: ArithmeticOp, left: ExprId, right: ExprId) -> ExprId {
        self.node(Node::Arithmetic { op, left, right })
    }

    fn compare(&mut self, op: CompareOp, left: ExprId, right: ExprId) -> ExprId {
        self.node(Node::Compare { op, left, right })
    }

    fn not(&mut self, inner: ExprId) -> ExprId {
        self.node(Node::Not(inner))
    }

    fn days_since(&mut self, moment: ExprId) -> ExprId {
        self.node(Node::Elapsed { unit: TimeUnit::Day, until: false, moment, day: None })
    }

    fn en(&self, id: ExprId) -> String {
        expr(&self.0, id, Lang::En)
    }

    fn zh(&self, id: ExprId) -> String {
        expr(&self.0, id, Lang::Zh)
    }

    fn tested(&self, id: ExprId, values: &[(ExprId, Value)]) -> [String; 2] {
        [Lang::En, Lang::Zh].map(|lang| test_text(&self.0, id, values, lang))
    }
}

fn last(amount: u32, unit: TimeUnit) -> Window {
    Window {
        start: Some(Moment::Day(day("2026-08-03"))),
        end: Moment::Day(day("2026-11-01")),
        written: Some(WindowWords::Last { length: Duration { amount, unit }, ending: None }),
    }
}

#[test]
fn parentheses_stand_only_where_the_reading_needs_them() {
    let mut p = Bank::new();
    let (a, b, c) = (p.own("a"), p.own("b"), p.own("c"));
    let bc = p.math(ArithmeticOp::Multiply, b, c);
    let sum = p.math(ArithmeticOp::Add, a, bc);
    assert_eq!(p.en(sum), "a + b * c");
    let ab = p.math(ArithmeticOp::Add, a, b);
    let product = p.math(ArithmeticOp::Multiply, ab, c);
    assert_eq!(p.en(product), "(a + b) * c");
    let inner = p.math(ArithmeticOp::Subtract, b, c);
    let minus = p.math(ArithmeticOp::Subtract, a, inner);
    assert_eq!(p.en(minus), "a - (b - c)");
    let (small, big) = (p.compare(CompareOp::Less, a, b), p.compare(CompareOp::GreaterEqual, ab, c));
    let or = p.node(Node::Or(vec![small, big]));
    let not = p.not(or);
    let and = p.node(Node::And(vec![or, not, small]));
    assert_eq!(p.en(and), "(a < b or a + b ≥ c) and not (a < b or a + b ≥ c) and a < b");
    assert_eq!(p.zh(and), "(a < b 或 a + b ≥ c) 且 非 (a < b 或 a + b ≥ c) 且 a < b");
    let either = p.node(Node::Or(vec![and, small]));
    assert!(p.en(either).ends_with("and a < b or a < b"));
}

#[test]
fn literals_read_well() {
    let mut p = Bank::new();
    for (digits, scale, text) in
        [(1_000_000, 0, "1,000,000"), (30, 2, "0.3"), (-5, 1, "-0.5"), (600_000_000, 2, "6,000,000")]
    {
        let n = p.number(digits, scale);
        assert_eq!(p.en(n), text);
    }
    let text = p.text("say \"hi\"\n");
    assert_eq!(p.en(text), r#""say \"hi\"\n""#);
    let date = p.node(Node::Literal(Literal::Date(day("2026-10-31"))));
    assert_eq!(p.en(date), "2026-10-31");
    let yes = p.node(Node::Literal(Literal::Bool(true)));
    assert_eq!([p.en(yes), p.zh(yes)], ["yes", "是"]);
    let one = p.node(Node::Literal(Literal::Duration(Duration { amount: 1, unit: TimeUnit::Year })));
    assert_eq!([p.en(one), p.zh(one)], ["1 year", "1 年"]);
}

#[test]
fn tests_and_their_negations() {
    let mut p = Bank::new();
    let (stage, score) = (p.tag("life_stage"), p.tag("credit_score"));
    let (active, dormant) = (p.text("active"), p.text("dormant"));
    let in_list = p.node(Node::InList { value: stage, list: vec![active, dormant] });
    assert_eq!(p.en(in_list), r#"life_stage in ("active", "dormant")"#);
    let not = p.not(in_list);
    assert_eq!(p.en(not), r#"life_stage not in ("active", "dormant")"#);
    assert_eq!(p.zh(not), r#"life_stage 不属于 ("active", "dormant")"#);
    let missing = p.node(Node::IsMissing(score));
    let known = p.not(missing);
    assert_eq!([p.en(missing), p.zh(missing)], ["credit_score is missing", "credit_score 缺失"]);
    assert_eq!([p.en(known), p.zh(known)], ["credit_score is known", "credit_score 已知"]);
    let (low, high) = (p.number(300, 0), p.number(850, 0));
    let between = p.node(Node::Between { value: score, low, high });
    assert_eq!(p.en(between), "credit_score between 300 and 850");
    assert_eq!(p.zh(between), "credit_score 介于 300 与 850 之间");
    let starts = p.node(Node::TextTest { test: TextTest::StartsWith, value: stage, pattern: "a".into() });
    assert_eq!(p.en(starts), r#"life_stage starts with "a""#);
    let not = p.not(starts);
    assert_eq!(p.zh(not), r#"非 life_stage 以 "a" 开头"#);
    let staff = p.tag("staff");
    let not = p.not(staff);
    assert_eq!([p.en(not), p.zh(not)], ["not staff", "非 staff"]);
    let list = p.column(BRANCHES, "branch_id");
    let region = p.column(BRANCHES, "region");
    let east = p.text("East");
    let filter = p.compare(CompareOp::Equal, region, east);
    let source = InSource { value: stage, list: BRANCHES, column: list, filter: Some(filter) };
    let in_source = p.node(Node::InSource(source));
    assert_eq!(p.en(in_source), r#"life_stage in (branches.branch_id where region = "East")"#);
}

#[test]
fn case_closes_itself_where_something_follows() {
    let mut p = Bank::new();
    let open = p.own("open_date");
    let days = p.days_since(open);
    let ninety = p.number(90, 0);
    let young = p.compare(CompareOp::Less, days, ninety);
    assert_eq!([p.en(young), p.zh(young)], ["days since open_date < 90", "距 open_date 的天数 < 90"]);
    let (new, old) = (p.text("new"), p.text("old"));
    let case = p.node(Node::Case { branches: vec![(young, new)], otherwise: Some(old) });
    assert_eq!(p.en(case), r#"case when days since open_date < 90 then "new" else "old""#);
    assert_eq!(p.zh(case), r#"若距 open_date 的天数 < 90 则 "new"，否则 "old""#);
    let equal = p.compare(CompareOp::Equal, case, new);
    assert_eq!(p.en(equal), r#"case when days since open_date < 90 then "new" else "old" end = "new""#);
    let b = p.own("b");
    let product = p.math(ArithmeticOp::Add, b, ninety);
    let since = p.days_since(product);
    assert_eq!(p.en(since), "days since (b + 90)");
    let call = p.node(Node::Call { function: Function::Round, arguments: vec![days, ninety] });
    assert_eq!(p.en(call), "round(days since open_date, 90)");
}

#[test]
fn aggregates_name_their_events_once() {
    let mut p = Bank::new();
    let (amount, category) = (p.column(TRANSACTIONS, "amount"), p.column(TRANSACTIONS, "category"));
    let (city, home) = (p.column(TRANSACTIONS, "city"), p.own("city"));
    let travel = p.text("travel");
    let filter = p.compare(CompareOp::Equal, category, travel);
    let mut sum = Aggregate {
        function: AggregateFn::Sum,
        events: TRANSACTIONS,
        path: vec![0],
        argument: Some(amount),
        filter: Some(filter),
        window: Some(last(90, TimeUnit::Day)),
        own: None,
    };
    let id = p.node(Node::Aggregate(sum.clone()));
    assert_eq!(p.en(id), r#"sum(transactions.amount in last 90 days where category = "travel")"#);
    assert_eq!(p.zh(id), r#"最近 90 天内 transactions.amount（category = "travel"）之和"#);
    sum.filter = Some(p.compare(CompareOp::Equal, city, home));
    sum.window = Some(Window { written: None, ..last(1, TimeUnit::Day) });
    let id = p.node(Node::Aggregate(sum.clone()));
    assert_eq!(p.en(id), "sum(transactions.amount where transactions.city = customers.city)");
    let count = Aggregate { function: AggregateFn::Count, argument: None, filter: None, ..sum.clone() };
    let id = p.node(Node::Aggregate(Aggregate { window: Some(last(90, TimeUnit::Day)), ..count.clone() }));
    let five = p.number(5, 0);
    let more = p.compare(CompareOp::Greater, id, five);
    assert_eq!(p.en(more), "count(transactions in last 90 days) > 5");
    assert_eq!(p.zh(more), "最近 90 天内 transactions 的个数 > 5");
    let twice = p.math(ArithmeticOp::Multiply, id, five);
    assert_eq!(p.zh(twice), "(最近 90 天内 transactions 的个数) * 5");
    let since = Window {
        start: Some(Moment::Day(day("2026-01-01"))),
        written: Some(WindowWords::Since),
        ..last(1, TimeUnit::Day)
    };
    let id = p.node(Node::Aggregate(Aggregate { window: Some(since), ..count.clone() }));
    assert_eq!(p.en(id), "count(transactions since 2026-01-01)");
    let share = Aggregate { function: AggregateFn::Share, filter: Some(filter), ..count };
    let id = p.node(Node::Aggregate(share));
    assert_eq!(p.zh(id), r#"transactions 中 category = "travel" 的占比"#);
}

#[test]
fn names_lead_over_links_and_qualify_only_against_definitions() {
    let mut p = Bank::new();
    let region = p.node(Node::Column { source: CUSTOMERS, via: vec![LinkId(0)], column: ColumnId(1) });
    assert_eq!(label(&p.0, region), "branch.region");
    let city = p.own("city");
    assert_eq!(label(&p.0, city), "city");
    p.define("city", DefinitionKind::Tag);
    assert_eq!(label(&p.0, city), "customers.city");
    let by = p.tag("资产");
    let base = p.define("high_value", DefinitionKind::Segment);
    let mut top =
        Top { entity: CUSTOMERS, size: TopSize::Count(1_000), by, within: vec![], base: Some(base) };
    let id = p.node(Node::Top(top.clone()));
    assert_eq!(p.en(id), "top 1,000 by 资产 in high_value");
    assert_eq!(p.zh(id), "high_value 中资产最高的前 1,000 名");
    top.size = TopSize::Share(Number { digits: 1, scale: 2, has_point: true });
    top.within = vec![region];
    let id = p.node(Node::Top(top));
    assert_eq!(p.en(id), "top 1% by 资产 within branch.region in high_value");
    assert_eq!(p.zh(id), "high_value 中各 branch.region 内资产最高的前 1%");
}

#[test]
fn formulas_keep_the_names_of_segments() {
    let mut p = Bank::new();
    let (high, old) =
        (p.define("high_value", DefinitionKind::Segment), p.define("old", DefinitionKind::Segment));
    let (a, b) = (p.own("a"), p.own("b"));
    let less = p.compare(CompareOp::Less, a, b);
    let missing = p.node(Node::IsMissing(a));
    let f = Formula::And(vec![
        Formula::Or(vec![Formula::Member(high), Formula::Atom(less)]),
        Formula::Outside(old),
        Formula::Not(Box::new(Formula::Atom(missing))),
        Formula::Not(Box::new(Formula::Member(high))),
    ]);
    assert_eq!(
        formula(&p.0, &f, Lang::En),
        "(high_value or a < b) and outside old and a is known and not high_value"
    );
    assert_eq!(
        formula(&p.0, &f, Lang::Zh),
        "(high_value 或 a < b) 且 不在 old 中 且 a 已知 且 非 high_value"
    );
}

#[test]
fn windows_show_their_real_dates() {
    let p = Bank::new().0;
    let both = |w: &Window| [Lang::En, Lang::Zh].map(|lang| window(&p, w, lang));
    let w = last(90, TimeUnit::Day);
    assert_eq!(both(&w), ["last 90 days: 2026-08-03 to 2026-10-31", "最近 90 天：2026-08-03 至 2026-10-31"]);
    let all = Window { start: None, written: None, ..w.clone() };
    assert_eq!(both(&all), ["all up to 2026-10-31", "截至 2026-10-31 的全部"]);
    let (length, ago) =
        (Duration { amount: 1, unit: TimeUnit::Month }, Duration { amount: 30, unit: TimeUnit::Day });
    let trend = Window { written: Some(WindowWords::Last { length, ending: Some(ago) }), ..w.clone() };
    assert_eq!(
        both(&trend),
        [
            "last 1 month ending 30 days ago: 2026-08-03 to 2026-10-31",
            "截至 30 天前的 1 个月：2026-08-03 至 2026-10-31"
        ]
    );
    let before = Window { start: None, written: Some(WindowWords::Before), ..w.clone() };
    assert_eq!(both(&before)[0], "before 2026-11-01: all up to 2026-10-31");
    let on = Window { written: Some(WindowWords::On), ..w.clone() };
    assert_eq!(both(&on), ["on 2026-08-03", "2026-08-03 当天"]);
    let quarter = WindowWords::Calendar { previous: true, unit: TimeUnit::Quarter };
    let quarter = Window { written: Some(quarter), ..w };
    assert_eq!(both(&quarter)[1], "上季度：2026-08-03 至 2026-10-31");
}

#[test]
fn inputs_are_the_outermost_each_once() {
    let mut p = Bank::new();
    let (assets, open) = (p.tag("assets"), p.own("open_date"));
    let five = p.number(5, 0);
    let twice = p.math(ArithmeticOp::Multiply, assets, assets);
    let days = p.days_since(open);
    let sum = p.math(ArithmeticOp::Add, twice, days);
    let atom = p.compare(CompareOp::Greater, sum, five);
    assert_eq!(atom_inputs(&p.0, atom), [assets, open]);
}

#[test]
fn a_condition_reads_with_the_values_that_decided_it() {
    let mut p = Bank::new();
    let (assets, stage, ok) = (p.tag("assets"), p.tag("life_stage"), p.tag("consent_sms"));
    let million = p.number(1_000_000, 0);
    let rich = p.compare(CompareOp::GreaterEqual, assets, million);
    let value = |v: Value| [(assets, v)];
    assert_eq!(
        p.tested(rich, &value(Value::Decimal(125_000_050, 2))),
        ["assets 1,250,000.50 ≥ 1,000,000", "assets 1,250,000.50 ≥ 1,000,000"]
    );
    assert_eq!(
        p.tested(rich, &value(Value::Missing)),
        ["assets missing (≥ 1,000,000)", "assets 缺失（≥ 1,000,000）"]
    );
    let twelve = p.number(12, 0);
    let monthly = p.math(ArithmeticOp::Divide, assets, twelve);
    let atom = p.compare(CompareOp::GreaterEqual, monthly, million);
    assert_eq!(
        p.tested(atom, &value(Value::Int(150_000))),
        ["assets / 12 ≥ 1,000,000 (assets 150,000)", "assets / 12 ≥ 1,000,000（assets 150,000）"]
    );
    let active = p.text("active");
    let list = p.node(Node::InList { value: stage, list: vec![active] });
    let values = [(stage, Value::Text("active".into()))];
    assert_eq!(p.tested(list, &values)[0], r#"life_stage "active" in ("active")"#);
    let not = p.not(list);
    assert_eq!(p.tested(not, &values)[0], r#"life_stage "active" not in ("active")"#);
    assert_eq!(p.tested(ok, &[(ok, Value::Bool(true))]), ["consent_sms yes", "consent_sms 是"]);
    let not = p.not(ok);
    assert_eq!(p.tested(not, &[(ok, Value::Bool(false))]), ["consent_sms no", "consent_sms 否"]);
    let missing = p.node(Node::IsMissing(assets));
    assert_eq!(p.tested(missing, &value(Value::Missing)), ["assets missing", "assets 缺失"]);
    assert_eq!(p.tested(missing, &value(Value::Int(7)))[0], "assets 7");
    assert_eq!(p.tested(rich, &[])[0], "assets ≥ 1,000,000");
    let debts = p.tag("debts");
    let solvent = p.compare(CompareOp::Greater, assets, debts);
    assert_eq!(
        p.tested(solvent, &[(assets, Value::Int(5)), (debts, Value::Int(3))])[0],
        "assets 5 > debts 3"
    );
}

#[test]
fn limits_in_two_languages() {
    let mut bank = Bank::new();
    let by = Some(bank.tag("assets"));
    let text = |limit, lang| super::limit(&bank.0, limit, lang);
    let (first, largest) = (Limit { most: 20_000, by: None }, Limit { most: 20_000, by });
    assert_eq!(text(largest, Lang::En), "20,000 by assets");
    assert_eq!(text(largest, Lang::Zh), "按 assets 取前 20,000");
    assert_eq!(text(first, Lang::Zh), "20,000");
}

#[test]
fn time_since_a_date_shows_how_much_it_was() {
    let mut p = Bank::new();
    let open = p.own("open_date");
    let days = p.days_since(open);
    let ninety = p.number(90, 0);
    let young = p.compare(CompareOp::Less, days, ninety);
    let on = |text: &str| [(open, Value::Date(day(text)))];
    assert_eq!(p.tested(young, &on("2026-09-16"))[0], "days since open_date 45 < 90");
    assert_eq!(p.tested(young, &on("2026-11-02"))[0], "days since open_date -2 < 90");
    let months = p.node(Node::Elapsed { unit: TimeUnit::Month, until: false, moment: open, day: None });
    let atom = p.compare(CompareOp::Less, months, ninety);
    for (from, n) in [("2026-09-30", 1), ("2026-08-31", 2), ("2025-11-01", 11), ("2000-10-31", 312)] {
        assert_eq!(p.tested(atom, &on(from))[0], format!("months since open_date {n} < 90"), "{from}");
    }
    assert_eq!(p.tested(young, &[(open, Value::Missing)])[0], "days since open_date missing (< 90)");
}
