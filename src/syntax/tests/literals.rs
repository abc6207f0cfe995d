use super::{expr, finding};

#[test]
fn numbers() {
    for (text, value) in [
        ("1_000_000", "1000000"),
        ("0.5", "5e-1d"),
        ("1.50", "150e-2d"),
        ("30%", "30e-2d"),
        ("0.5%", "5e-3d"),
        ("600万", "6000000"),
        ("1.5万", "15000d"),
        ("1.23456万", "123456e-1d"),
        ("3千万", "30000000"),
        ("2亿", "200000000"),
        ("5k", "5000"),
        ("1.5mn", "1500000d"),
        ("2BN", "2000000000"),
        ("１２．５", "125e-1d"),
        ("30 % 3", "(Modulo 30 3)"),
        ("30 %3", "(Modulo 30 3)"),
        ("a%3", "(Modulo a 3)"),
        ("30% + 5", "(Add 30e-2d 5)"),
        ("30% % 3", "(Modulo 30e-2d 3)"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
    ] {
        assert_eq!(expr(text), value, "{text}");
    }
}

#[test]
fn wrong_numbers() {
    for (text, error) in [
        (
            "600万且",
            "E0102 «且» `且` is glued to the number `600万` | write `600万 且`; a name that begins with a digit goes in backquotes",
        ),
        (
            "90days",
            "E0102 «days» `days` is glued to the number `90` | write `90 days`; a name that begins with a digit goes in backquotes",
        ),
        ("5m", "E0102 «m» `m` is glued to the number `5` | a million is written `5mn`"),
        (
            "1e6",
            "E0102 «e6» `e6` is glued to the number `1` | numbers are written out: `1_000_000`, `100万`, `1mn`",
        ),
        (
            "30%3",
            "E0102 «30%3» a `%` glued to a number on its left and to a value on its right can be read in two ways | \
             for the remainder write `30 % 3`; for a share, put a space or an operator after `30%`",
        ),
        (
            "999999999999999999999999999999999999999",
            "E0102 «999999999999999999999999999999999999999» this number is too large | a number has at most 38 digits",
        ),
        ("0.5 days", "E0102 «0.5» a length of time is a whole number, not `0.5`"),
        (".5", "E0101 «.» expected a value, found `.` | write `0.5`"),
    ] {
        assert_eq!(finding(&format!("tag x = {text}")), error, "{text}");
    }
}

#[test]
fn texts() {
    assert_eq!(expr(r#""a 'b' c""#), r#""a 'b' c""#);
    assert_eq!(expr(r#"'a "b" c'"#), r#""a \"b\" c""#);
    assert_eq!(expr(r#""\\ \" \' \n \t \u{4E2D}""#), r#""\\ \" ' \n \t 中""#);
    assert_eq!(expr("“中文“，”"), "\"中文“，\"");
    assert_eq!(expr(r#""-- no comment; nor end""#), r#""-- no comment; nor end""#);
}

#[test]
fn wrong_texts() {
    for (text, error) in [
        (
            "\"abc",
            "E0104 «\"» this text does not end on its line | close it with `\"`; a line break inside a text is written `\\n`",
        ),
        (
            r#""a\qb""#,
            "E0104 «\\q» unknown escape `\\q` in a text | \
             the escapes are `\\\\`, `\\\"`, `\\'`, `\\n`, `\\t` and `\\u{…}`; a backslash itself is `\\\\`",
        ),
        (
            "'it''s'",
            "E0104 «''» two texts without anything between them | inside a text, a quote is written `\\'`",
        ),
        ("`abc", "E0104 «`» this name does not end on its line | close it with another backquote"),
        ("``", "E0104 «``» a name cannot be empty"),
    ] {
        assert_eq!(finding(&format!("tag x = {text}\n")), error, "{text}");
    }
    assert!(finding(r#"tag x = "\u{110000}""#).starts_with("E0104 «\\u» unknown escape"));
}

#[test]
fn dates_and_instants() {
    for (text, value) in [
        ("2026-10-31", "2026-10-31"),
        ("２０２６－１０－３１", "2026-10-31"),
        ("2026-10-31T08:00", "2026-10-31T08:00:00"),
        ("2026-10-31T08:00:30", "2026-10-31T08:00:30"),
        ("2026-10-31T08:00:30.5", "2026-10-31T08:00:30.500"),
        ("2026-10-31T08:00Z", "2026-10-31T08:00:00+00:00"),
        ("2026-10-31T08:00+08:00", "2026-10-31T08:00:00+08:00"),
        ("2026-10-31T08:00-05:30", "2026-10-31T08:00:00-05:30"),
        ("2026-10-31T08:00-1 day", "(Subtract 2026-10-31T08:00:00 1Day)"),
        ("2026-10-31T08:00 - 90 days", "(Subtract 2026-10-31T08:00:00 90Day)"),
        ("2026-10-31-1 day", "(Subtract 2026-10-31 1Day)"),
        ("2026 - 10 - 31", "(Subtract (Subtract 2026 10) 31)"),
        ("2026-10", "(Subtract 2026 10)"),
        ("1 / 2 / 3", "(Divide (Divide 1 2) 3)"),
        ("1/2/3", "(Divide (Divide 1 2) 3)"),
    ] {
        assert_eq!(expr(text), value, "{text}");
    }
}

#[test]
fn wrong_dates() {
    for (text, error) in [
        ("2026-02-30", "E0103 «2026-02-30» there is no date `2026-02-30`"),
        (
            "2026-1-5",
            "E0103 «2026-1-5» `2026-1-5` is not how a date is written | \
             write `2026-01-05`; for a subtraction, put spaces around `-`",
        ),
        ("2026/10/31", "E0103 «2026/10/31» `2026/10/31` is not how a date is written | write `2026-10-31`"),
        (
            "31.10.2026",
            "E0103 «31.10.2026» `31.10.2026` is not how a date is written | \
             a date is written year, month, day: `2026-MM-DD`",
        ),
        (
            "2026-10-311",
            "E0103 «2026-10-311» `2026-10-311` is not how a date is written | a date is written `2026-01-05`",
        ),
        ("2026-10-31x", "E0103 «x» `x` is glued to the date `2026-10-31`"),
        (
            "2026-10-31 8:00",
            "E0103 «2026-10-31 8:00» a time is glued to its date with `T` | write `2026-10-31T08:00`",
        ),
        (
            "2026-10-31T8:00",
            "E0103 «2026-10-31T8:00» `2026-10-31T8:00` is not how an instant is written | an instant is written \
             `2026-10-31T08:00`, with seconds `T08:00:30`, with an offset `T08:00+08:00`",
        ),
        (
            "2026-10-31T25:00",
            "E0103 «2026-10-31T25:00» there is no instant `2026-10-31T25:00` | \
             `25:00` must lie between 00:00 and 23:59:59, the offset between -23:59 and +23:59",
        ),
    ] {
        assert_eq!(finding(&format!("tag x = {text}")), error, "{text}");
    }
    for offset in ["-0800", "+8", "+08:0", "-8:00"] {
        let found = finding(&format!("tag x = 2026-10-31T08:00{offset} and y"));
        assert!(found.starts_with("E0103"), "{offset}: {found}");
    }
}

#[test]
fn durations() {
    for (text, value) in [
        ("90 days", "90Day"),
        ("1 day", "1Day"),
        ("3 Months", "3Month"),
        ("720 hours", "720Hour"),
        ("2 weeks", "2Week"),
        ("1 quarter", "1Quarter"),
        ("1 year + 30 minutes", "(Add 1Year 30Minute)"),
        ("2k seconds", "2000Second"),
    ] {
        assert_eq!(expr(text), value, "{text}");
    }
}
