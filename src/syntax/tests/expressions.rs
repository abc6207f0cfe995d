use super::{expr, finding, findings};

#[test]
fn precedence() {
    assert_eq!(expr("a or b and not c = 1"), "(Or a (And b (Not (Equal c 1))))");
    assert_eq!(expr("a and b and c"), "(And a b c)");
    assert_eq!(expr("a or b or c and d"), "(Or a b (And c d))");
    assert_eq!(expr("(a and b) and c"), "(And (And a b) c)");
    assert_eq!(expr("a + b * c - d"), "(Subtract (Add a (Multiply b c)) d)");
    assert_eq!(expr("a - b - c"), "(Subtract (Subtract a b) c)");
    assert_eq!(expr("a / b % c"), "(Modulo (Divide a b) c)");
    assert_eq!(expr("- a * -b"), "(Multiply (Negate a) (Negate b))");
    assert_eq!(expr("- - a"), "(Negate (Negate a))");
    assert_eq!(expr("a ?? 0 + 1 > b ?? c"), "(Greater (Coalesce a (Add 0 1)) (Coalesce b c))");
    assert_eq!(expr("not not a"), "(Not (Not a))");
    assert_eq!(expr("not a = b and c"), "(And (Not (Equal a b)) c)");
}

#[test]
fn between_is_one_operator() {
    assert_eq!(expr("a between 1 and 2 + 3 and b"), "(And (between a 1 (Add 2 3)) b)");
    assert_eq!(expr("a not between b - 1 and c"), "(not-between a (Subtract b 1) c)");
    assert_eq!(expr("a between b ?? 0 and c"), "(between a (Coalesce b 0) c)");
    assert_eq!(expr("not a between 1 and 2 or b"), "(Or (Not (between a 1 2)) b)");
}

#[test]
fn comparisons_and_tests() {
    assert_eq!(
        expr("a != 1 and b <= 2 and c >= 3 and d < 4"),
        "(And (NotEqual a 1) (LessEqual b 2) (GreaterEqual c 3) (Less d 4))"
    );
    assert_eq!(expr("a ≠ 1 and b ≤ 2 and c ≥ 3"), "(And (NotEqual a 1) (LessEqual b 2) (GreaterEqual c 3))");
    assert_eq!(expr("a is missing or b is known"), "(Or (missing a) (not-missing b))");
    assert_eq!(expr("a is not missing or b is not known"), "(Or (not-missing a) (missing b))");
    assert_eq!(expr(r#"a like "x%" and b not like "y""#), r#"(And (Like a "x%") (not-Like b "y"))"#);
    assert_eq!(
        expr(r#"a contains "x" and b starts with "y""#),
        r#"(And (Contains a "x") (StartsWith b "y"))"#
    );
    assert_eq!(expr(r#"a ends with "x" and b matches "y+""#), r#"(And (EndsWith a "x") (Matches b "y+"))"#);
    assert_eq!(expr("x in (1, 2)"), "(in x [1 2])");
    assert_eq!(expr("x in ()"), "(in x [])");
    assert_eq!(expr("x not in (1)"), "(not-in x [1])");
    assert_eq!(
        expr("x in (coupons.product_id where campaign_id = 13)"),
        "(in-source x coupons.product_id where (Equal campaign_id 13))"
    );
    assert_eq!(expr("outside high_value and y"), "(And (outside high_value) y)");
}

#[test]
fn soft_words_are_names() {
    assert_eq!(
        expr("count > key and last < city and date = from and limit + tag > segment - source"),
        "(And (Greater count key) (Less last city) (Equal date from) (Greater (Add limit tag) (Subtract segment source)))"
    );
    assert_eq!(
        expr("by = contains and starts contains ends"),
        "(And (Equal by contains) (Contains starts ends))"
    );
    assert_eq!(expr("days > 5 and months = days"), "(And (Greater days 5) (Equal months days))");
    assert_eq!(expr("happened and missing"), "(And happened missing)");
    assert_eq!(expr("list + show"), "(Add list show)");
    assert_eq!(expr("`case` + `net value`"), "(Add case net value)");
    assert_eq!(expr("t.case + t.no"), "(Add t.case t.no)");
    assert_eq!(expr("WHERE_ + Ünïcode + 余额"), "(Add (Add WHERE_ Ünïcode) 余额)");
    assert_eq!(expr("ﬁeld + ａｂ１"), "(Add field ab1)");
    assert_eq!(expr("yes or NO or True or false"), "(Or yes no yes no)");
}

#[test]
fn case_and_its_end() {
    assert_eq!(expr("case when a then 1 when b then 2 else 3"), "(case a:1 b:2 else:3)");
    assert_eq!(expr("case when a then 1 end + 1"), "(Add (case a:1) 1)");
    assert_eq!(
        expr("case when a then case when b then 1 else 2 end else 3 end"),
        "(case a:(case b:1 else:2) else:3)"
    );
    assert_eq!(expr("case when a then (case when b then 1) else 3"), "(case a:(case b:1) else:3)");
    assert_eq!(
        finding("tag x = case when a then case when b then 1 else 2"),
        "E0101 «» a `case` inside another needs its `end` | only the outermost `case` may do without `end`"
    );
}

#[test]
fn windows() {
    let of = |w: &str| expr(&format!("count(t {w})")).replace("count(t ", "");
    assert_eq!(of("in last 90 days"), "<last 90Day>)");
    assert_eq!(of("in last 30 days ending 30 days ago"), "<last 30Day ending 30Day>)");
    assert_eq!(of("in last 720 hours where a > 1"), "<last 720Hour> where (Greater a 1))");
    assert_eq!(of("where a > 1 in last 3 months"), "where (Greater a 1) <last 3Month>)");
    assert_eq!(of("in this month"), "<this Month>)");
    assert_eq!(of("in previous quarter"), "<previous Quarter>)");
    assert_eq!(of("in last month"), "<last Month>)");
    assert_eq!(of("from 2026-01-01 to 2026-03-31"), "<from 2026-01-01 to 2026-03-31>)");
    assert_eq!(of("since 2026-01-01"), "<since 2026-01-01>)");
    assert_eq!(of("before open_date"), "<before open_date>)");
    assert_eq!(of("on 2026-01-01"), "<on 2026-01-01>)");
    assert_eq!(of("within 30 days after open_date"), "<within 30Day after open_date>)");
    assert_eq!(of("in days 1 to 7 after open_date"), "<days 1-7 after open_date>)");
    assert_eq!(of("after open_date"), "<after open_date>)");
    assert_eq!(of(r#"where c in ("a", "b") in last 2 weeks"#), r#"where (in c ["a" "b"]) <last 2Week>)"#);
}

#[test]
fn calls() {
    assert_eq!(
        expr(r#"sum(transactions.amount in last 90 days where category = "travel")"#),
        r#"sum(transactions.amount <last 90Day> where (Equal category "travel"))"#
    );
    assert_eq!(expr("percentile(x within city in high_value)"), "percentile(x within city in high_value)");
    assert_eq!(expr("rank(x within city, branch.region)"), "rank(x within city,branch.region)");
    assert_eq!(expr("ntile(x, 5 ties together)"), "ntile(x 5 ties)");
    assert_eq!(expr("percentile(x in last)"), "percentile(x in last)");
    assert_eq!(expr("ntile(x, 4 within city in this)"), "ntile(x 4 within city in this)");
    assert_eq!(expr("distinct(date(baskets.ts))"), "distinct(date(baskets.ts))");
    assert_eq!(
        expr("any(E where a = 1) or share(E where b) > 30%"),
        "(Or any(E where (Equal a 1)) (Greater share(E where b) 30e-2d))"
    );
    assert_eq!(expr("today() - x"), "(Subtract today() x)");
    assert_eq!(expr("floor(transactions.branch.region)"), "floor(transactions.branch.region)");
    assert_eq!(
        expr("days since last(transactions.txn_time) > 3"),
        "(Greater (Days-since last(transactions.txn_time)) 3)"
    );
    assert_eq!(expr("days until loan_maturity"), "(Days-until loan_maturity)");
    assert_eq!(expr("months since open_date < 90"), "(Less (Months-since open_date) 90)");
    assert_eq!(
        expr("(life_stage on 2026-07-31) = \"active\""),
        "(Equal (on life_stage 2026-07-31) \"active\")"
    );
}

#[test]
fn sequences() {
    assert_eq!(
        expr(
            "happened(app where page = 1 then transactions where amount > 5 within 7 days then not c in last 90 days)"
        ),
        "happened(app where (Equal page 1) > transactions where (Greater amount 5) within 7Day > not c <last 90Day>)"
    );
    assert_eq!(expr("happened(a then b within 7 days after x)"), "happened(a > b <within 7Day after x>)");
    assert_eq!(expr("happened(a)"), "happened(a)");
}

#[test]
fn full_width_signs_are_signs() {
    assert_eq!(
        expr("（a ＋ １２） ＞＝ ３０％ and b in （“x”，'y'） and c！＝1 and d＜2　and e － 1 ＝ 2"),
        "(And (GreaterEqual (Add a 12) 30e-2d) (in b [\"x\" \"y\"]) (NotEqual c 1) (Less d 2) (Equal (Subtract e 1) 2))"
    );
}

#[test]
fn a_clause_stands_once_in_a_call() {
    assert_eq!(
        finding("tag x = count(t in last 3 days in this month)"),
        "E0109 «in this month» a call has one window"
    );
    assert_eq!(
        finding("tag x = count(t where a where b)"),
        "E0109 «where b» a call has one `where` | join two conditions with `and`"
    );
}

#[test]
fn signs_of_other_languages() {
    assert_eq!(finding("segment s where a == b"), "E0101 «==» `==` is written `=` | write `=`");
    assert_eq!(finding("segment s where a <> b"), "E0101 «<>» `<>` is written `!=` | write `!=`");
    assert_eq!(finding("segment s where a => 1"), "E0101 «=>» `=>` is written `>=` | write `>=`");
    assert_eq!(findings("segment s where a && b || ! c").len(), 3);
    assert_eq!(finding("segment s where a && b"), "E0101 «&&» `&&` is written `and` | write `and`");
    assert_eq!(
        finding("segment s where a is not null"),
        "E0101 «null» `null` is not a word of Segue; the test is `is known` | write `a is known`"
    );
    assert_eq!(
        finding("segment s where a.b = NULL"),
        "E0101 «NULL» `null` is not a word of Segue; the test is `is missing` | write `a.b is missing`"
    );
}

#[test]
fn comparisons_do_not_chain() {
    assert_eq!(
        finding("segment s where 1 < x < 5"),
        "E0101 «< 5» comparisons do not chain | write `1 < x and x < 5` | with both ends included: `x between 1 and 5`"
    );
    assert_eq!(
        finding("segment s where a = b is missing"),
        "E0101 «is missing» comparisons do not chain | put the first in parentheses, or join two with `and`: `(a = b)`"
    );
}
