use super::{RETAIL, good, print, read, shape};
use crate::diagnostic::Code;
use crate::syntax::ast::*;

fn one(text: &str) -> StatementKind {
    let mut script = good(text);
    assert_eq!(script.statements.len(), 1, "{script:#?}");
    script.statements.remove(0).kind
}

#[test]
fn the_script_of_the_brief() {
    let script = good(RETAIL);
    assert_eq!(script.statements.len(), 14);
    let tag = &script.statements[5];
    assert_eq!(tag.meta.len(), 2);
    assert_eq!(&RETAIL[tag.span.range()][..10], "tag assets");
    assert!(RETAIL[tag.span.range()].ends_with("wealth_balance"));
    let StatementKind::Audience(audience) = &script.statements[13].kind else { panic!() };
    assert_eq!(audience.clauses.len(), 6);
    let StatementKind::Source(customers) = &script.statements[1].kind else { panic!() };
    assert_eq!(customers.clauses.len(), 3);
    let SourceClause::Link { span, .. } = &customers.clauses[2] else { panic!() };
    assert_eq!(&RETAIL[span.range()], "link branch_id -> branches as branch");
}

#[test]
fn a_script_in_chinese() {
    let text = "segment 高净值 “高净值客户” where 资产 ≥ 600万 and 城市 in （“上海”，“北京”）； tag 活跃度 ＝ count（交易 in last 90 days）；";
    let script = good(text);
    assert_eq!(script.statements.len(), 2);
    let StatementKind::Segment(segment) = &script.statements[0].kind else { panic!() };
    assert_eq!(segment.name.text, "高净值");
    assert_eq!(segment.title.as_ref().unwrap().value, "高净值客户");
    assert!(text[script.statements[0].span.range()].ends_with("“北京”）"));
}

#[test]
fn statements_on_one_line() {
    let script =
        good("segment a where x > 5 segment b where y is missing tag c = x list count a show b limit 3 list");
    assert_eq!(script.statements.len(), 7);
    assert_eq!(good("tag x = 1;;tag y = 2;").statements.len(), 2);
    assert_eq!(good("").statements.len(), 0);
    assert_eq!(good("-- only a comment").statements.len(), 0);
    assert_eq!(good("\u{FEFF}tag x = 1").statements.len(), 1);
}

#[test]
fn sources() {
    let StatementKind::Source(s) = one(
        "source events \"Events\" from 'e.csv' at ts, basket_id utc of a by a_id of b by b_id latest by ts where x > 1 \
         pii p column amount as decimal(18,2) column d as date consent ok link a -> b link c → d as e key k",
    ) else {
        panic!()
    };
    assert_eq!(s.clauses.len(), 12);
    assert!(matches!(&s.clauses[0], SourceClause::At { ties, utc: true, .. } if ties.len() == 1));
    assert!(matches!(&s.clauses[6], SourceClause::Column { as_type, .. } if as_type.arguments == [18, 2]));
    assert!(
        matches!(one("source buyers from keys of purchases"), StatementKind::Source(SourceDef { from: SourceFrom::KeysOf(n), .. }) if n.text == "purchases")
    );
    assert!(matches!(one("source a from \"x\" key key"), StatementKind::Source(_)));
    assert_eq!(good("source a from \"x\" of e by source at count source b from \"y\"").statements.len(), 2);
}

#[test]
fn segments_by_rank() {
    let StatementKind::Segment(s) =
        one("segment best of customers = top 1% by assets - debt within city, branch in high")
    else {
        panic!()
    };
    let SegmentBody::Top(top) = s.body else { panic!() };
    assert!(matches!(top.size, TopSize::Share(Number { digits: 1, scale: 2, .. }, _)));
    assert_eq!(top.within.len(), 2);
    assert_eq!(top.base.unwrap().text, "high");
    assert!(matches!(
        one("segment s = top 1000 by x"),
        StatementKind::Segment(SegmentDef { body: SegmentBody::Top(top), .. })
            if matches!(top.size, TopSize::Count(..))
    ));
}

#[test]
fn audiences() {
    let StatementKind::Audience(a) = one(
        "audience a \"A\" from s cap 2 in 30 days from contacts cap 1 in last 1 week from calls require x, y is known exclude z \
         limit 5 control 10% salt \"s\" split a 50%, b 50% salt 't' columns k, value.recency to \"o.csv\" \
         via sms offer \"O\" benefit points message \"m\" min size 50",
    ) else {
        panic!()
    };
    assert_eq!(a.clauses.len(), 14);
    let AudienceClause::Cap { window, source, .. } = &a.clauses[0] else { panic!() };
    assert_eq!(print::window(&window.kind), "last 30Day");
    assert_eq!(source.text, "contacts");
    assert!(matches!(&a.clauses[6], AudienceClause::Split { arms, salt: Some(_), .. } if arms.len() == 2));
    assert!(matches!(&a.clauses[8], AudienceClause::To(..)));
    assert!(
        matches!(&a.clauses[9], AudienceClause::Plain { value: MetaValue::Word(w), .. } if w.text == "sms")
    );
    assert!(matches!(&a.clauses[13], AudienceClause::MinSize(..)));
    assert!(matches!(one("audience a"), StatementKind::Audience(AudienceDef { from: None, .. })));
}

#[test]
fn portrait_models() {
    let StatementKind::Rfm(r) =
        one("rfm value \"V\" from transactions recency txn_time frequency in last 365 days where x > 1 \
         monetary amount in last 365 days bins 5 in high ties together")
    else {
        panic!()
    };
    assert_eq!(r.frequency.unwrap().len(), 2);
    assert_eq!(r.monetary.unwrap().1.len(), 1);
    assert_eq!(r.base.unwrap().text, "high");
    assert!(r.ties_together && r.bins.is_some());
    let StatementKind::Score(s) =
        one("score churn base 10 add 30 when idle_days > 60 take 10 when a and b clamp 0 to 100")
    else {
        panic!()
    };
    assert_eq!(s.rules.len(), 2);
    assert!(s.rules[1].take && s.base.is_some() && s.clamp.is_some());
}

#[test]
fn commands() {
    let command = |text: &str| match one(text) {
        StatementKind::Command(c) => c,
        other => panic!("{other:#?}"),
    };
    assert!(matches!(command("show x LIMIT 20"), Command::Show { limit: Some(_), .. }));
    assert!(matches!(command("count tag"), Command::Count(n) if n.text == "tag"));
    assert!(matches!(command("explain x"), Command::Explain(_)));
    assert!(
        matches!(command("why 0012 in x"), Command::Why { key, .. } if key.value == "0012" && !key.quoted)
    );
    assert!(
        matches!(command("why \"C-10042\" in x"), Command::Why { key, .. } if key.value == "C-10042" && key.quoted)
    );
    assert!(matches!(command("portrait -5"), Command::Portrait(key) if key.value == "-5"));
    assert!(matches!(command("profile x"), Command::Profile(_)));
    assert!(matches!(command("overlap a, b, c"), Command::Overlap(list) if list.len() == 3));
    assert!(matches!(command("funnel x"), Command::Funnel(_)));
    assert!(matches!(command("describe value.recency"), Command::Describe(p) if p.parts.len() == 2));
    assert!(matches!(command("diff x between 2026-01-01 and 2026-02-01"), Command::Diff { .. }));
    assert!(matches!(command("transitions t between a and today"), Command::Transitions { .. }));
    assert!(matches!(command("list"), Command::List));
    assert!(matches!(one("use \"a.seg\""), StatementKind::Use(_)));
    assert!(matches!(one("param p \"P\" = 90 days"), StatementKind::Param(_)));
}

#[test]
fn metadata() {
    let script = good("@group tag\n@since 2026-01-01 @version 3\n@owner \"x\"\ntag x = 1");
    let kinds: Vec<_> = script.statements[0].meta.iter().map(|m| shape(&m.value)).collect();
    assert_eq!(kinds.len(), 4);
    assert!(kinds[0].starts_with("Word") && kinds[1].starts_with("Date") && kinds[2].starts_with("Number"));
}

#[test]
fn a_clause_stands_once() {
    for text in [
        "source a from \"x\" key a key b",
        "audience a from s to \"x\" to \"y\"",
        "audience a from s via sms via mail",
        "rfm v from t bins 5 bins 4",
        "score s base 1 base 2",
    ] {
        let (script, found) = read(text);
        assert_eq!(script.statements.len(), 1);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].code, Code::DuplicateClause);
        assert_eq!(found[0].related.len(), 1);
    }
}

#[test]
fn spans_leave_out_blanks_and_comments() {
    let text = "segment a where x > 5   -- why not\n\n  segment b where y";
    let script = good(text);
    assert_eq!(&text[script.statements[0].span.range()], "segment a where x > 5");
}
