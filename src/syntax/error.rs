//! What the grammar expected, in words a person uses, and a hint for the slips people make.

use super::grammar::Rule;
use super::keywords::{self, KEYWORDS, Place as Where};
use super::scan::{Class, Kind, Token};
use crate::diagnostic::suggest::did_you_mean;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// More than this many expectations help nobody.
const MOST: usize = 5;

/// Where the grammar could not go on (a byte of the whole text), and what it would have taken there.
pub(super) struct Failure {
    pub at: usize,
    pub expected: Vec<Rule>,
}

/// The surroundings of a failure.
pub(super) struct Place<'t> {
    pub file: FileId,
    pub text: &'t str,
    pub tokens: &'t [Token],
    /// The first token of the statement.
    pub from: usize,
    /// The token that was not expected; past the last one at the end of the text.
    pub found: usize,
    /// The statement simply stops.
    pub at_end: bool,
}

impl<'t> Place<'t> {
    fn word(&self, at: usize) -> &'t str {
        self.tokens.get(at).map_or("", |t| t.text(self.text))
    }

    /// The token `back` before the failure, in small letters.
    fn before(&self, back: usize) -> String {
        let at = self.found.checked_sub(back).filter(|at| *at >= self.from);
        at.map_or(String::new(), |at| self.word(at).to_ascii_lowercase())
    }

    fn span(&self) -> Span {
        let before = self.found.checked_sub(1).and_then(|i| self.tokens.get(i));
        match (self.tokens.get(self.found), before) {
            (Some(token), _) if !self.at_end => token.span(self.file),
            (_, Some(before)) => before.span(self.file).end_point(),
            _ => Span::new(self.file, self.text.len(), self.text.len()),
        }
    }
}

pub(super) fn diagnose(failure: &Failure, place: &Place<'_>) -> Diagnostic {
    let expected = expectations(&failure.expected, place);
    let found = match place.tokens.get(place.found) {
        _ if place.at_end && place.found < place.tokens.len() => "the end of the statement".to_string(),
        None => "the end of the text".to_string(),
        Some(token) if token.kind == Kind::Text => "a text".to_string(),
        Some(_) => format!("`{}`", place.word(place.found)),
    };
    let message = if expected.is_empty() {
        format!("{found} does not fit here")
    } else {
        format!("expected {}, found {found}", list(&expected))
    };
    let label = if place.at_end { "something is missing here" } else { "not expected here" };
    Diagnostic::new(Code::Syntax, message).label(place.span(), label).help_if(hint(&failure.expected, place))
}

/// `@owner` without a value on its line; with the token to go on with.
pub(super) fn metadata_without_value(
    file: FileId,
    text: &str,
    tokens: &[Token],
    from: usize,
    failed_at: usize,
) -> Option<(Diagnostic, usize)> {
    let mut at = from;
    while let [sign, name, rest @ ..] = tokens.get(at..)? {
        if sign.kind != Kind::At || sign.start as usize > failed_at {
            return None;
        }
        if name.kind != Kind::Word || name.starts_line {
            return None;
        }
        let next = rest.first();
        if next.is_none_or(|n| n.starts_line || matches!(n.kind, Kind::At | Kind::Semicolon)) {
            let word = name.text(text);
            let span = sign.span(file).to(name.span(file));
            let diagnostic = Diagnostic::new(Code::MetadataValue, format!("`@{word}` has no value"))
                .label(span, "a value follows on this line")
                .help(format!("write `@{word} \"…\"`, or a word, a number or a date"));
            return Some((diagnostic, at + 2));
        }
        at += 3;
        while tokens.get(at).is_some_and(|t| t.kind == Kind::Comma) {
            at += 2;
        }
    }
    None
}

fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// `1,000,000` as it is written here, where the failure is at its first comma.
fn grouped(place: &Place<'_>) -> Option<String> {
    let is_digits = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let first = place.before(1);
    let mut number = Some(first).filter(|word| is_digits(word) && word.len() <= 3)?;
    let mut at = place.found;
    while matches!(place.word(at), "," | "，") {
        // The third group may have a fraction or a sign of its own.
        let group = place.word(at + 1);
        let digits: String = group.chars().take_while(char::is_ascii_digit).collect();
        if digits.len() != 3 {
            break;
        }
        number = format!("{number}_{group}");
        at += 2;
    }
    number.contains('_').then_some(number)
}

fn before_is_value(place: &Place<'_>) -> bool {
    let before = place.found.checked_sub(1).and_then(|i| place.tokens.get(i));
    before.is_some_and(|t| matches!(t.kind, Kind::Text | Kind::Number))
}

/// The expectations in words, the most telling first, each once.
fn expectations(rules: &[Rule], place: &Place<'_>) -> Vec<String> {
    let wants = |rule: Rule| rules.contains(&rule);
    match place.before(1).as_str() {
        "last" if wants(Rule::NUMBER) => return vec!["a number of days, weeks or months".into()],
        "in" if wants(Rule::LAST) || wants(Rule::in_last) => {
            return vec!["`last`, `this`, `previous`".into(), "a segment".into()];
        }
        _ => {}
    }
    // A title, or a unit after a number, may stand there: but it is not what is missing.
    let after_value = wants(Rule::ARITH_OP);
    let after_name = [Rule::EQUALS, Rule::FROM, Rule::from_name].into_iter().any(wants);
    let noise = |rule: Rule| match rule {
        Rule::UNIT => after_value,
        Rule::TEXT => after_name,
        _ => false,
    };
    let mut phrases: Vec<(u8, String)> =
        rules.iter().filter(|r| !noise(**r)).filter_map(|r| phrase(*r)).collect();
    phrases.sort();
    phrases.dedup();
    // Where something must stand, what may stand is noise.
    if phrases.iter().any(|(rank, _)| *rank == 0) {
        phrases.retain(|(rank, _)| *rank < 4);
    }
    if phrases.iter().any(|(rank, _)| *rank < 9) {
        phrases.retain(|(rank, _)| *rank < 9);
    }
    phrases.truncate(MOST);
    phrases.into_iter().map(|(_, phrase)| phrase).collect()
}

/// A rule in words, and its rank: 0 what must stand, then what closes or goes on, 9 what is least likely meant.
/// `None` for what is better not said (a sign that could always stand).
pub(super) fn phrase(rule: Rule) -> Option<(u8, String)> {
    use Rule::*;
    let (rank, words) = match rule {
        expr | comparison | arith | operand | named | quantity | paren | case_expr | outside | timed
        | happened | boolean | BOOL => (0, "a value"),
        NAME | PART | path | names | step => (0, "a name"),
        arm => (0, "a name and a share (`a 50%`)"),
        type_name => (0, "a type such as `decimal(18,2)`"),
        TEXT => (0, "a text in quotes"),
        NUMBER => (0, "a number"),
        MOMENT => (0, "a date"),
        value => (0, "a word, a text, a number or a date"),
        key => (0, "a key (a number, or a text in quotes)"),
        duration => (0, "a length of time such as `90 days`"),
        one | statement | STATEMENT_WORD => {
            (0, "a statement (`source`, `tag`, `segment`, `audience`, `show`, …)")
        }
        UNIT => (3, "a unit of time such as `days`"),
        top => (0, "`top`"),
        branch => (1, "`when`"),
        otherwise => (4, "`else`"),
        where_clause => (1, "`where`"),
        of_entity => (4, "`of`"),
        from_name => (3, "`from`"),
        as_name => (6, "`as`"),
        keys_of => (0, "`keys of`"),
        within_list => (5, "`within`"),
        in_base | cap_window => (3, "`in`"),
        salt => (5, "`salt`"),
        ending => (5, "`ending`"),
        on_date | ON => (9, "`on`"),
        ties_together => (6, "`ties together`"),
        source_clause => (4, "a clause of the source (`key`, `of`, `at`, `link`, …)"),
        audience_clause => (4, "a clause of the audience (`require`, `exclude`, `limit`, …)"),
        rfm_clause => (4, "a clause of the rfm (`recency`, `frequency`, `monetary`, `bins`)"),
        score_clause | score_rule => (4, "`add`, `take`, `base` or `clamp`"),
        call_clause | event_clause | window_clause | in_window => (6, "a window or `where`"),
        in_last | in_calendar | in_days => (3, "`last`, `this`, `previous` or `days`"),
        logic_op => (6, "`and`/`or`"),
        ARITH_OP | COMPARE_OP | tail | compare_tail | is_tail | in_tail | between_tail => (5, "an operator"),
        text_tail | text_op => (3, "a test such as `like`"),
        statement_end => (8, "the next statement"),
        LPAREN => (9, "`(`"),
        RPAREN => (2, "`)`"),
        COMMA => (7, "`,`"),
        EQUALS => (1, "`=`"),
        ARROW => (1, "`->`"),
        // Signs and parts that could stand before anything, and parts of tokens.
        meta | AT_SIGN | SEMICOLON | DOT | MINUS | BANG | NOT | AMPERSANDS | PIPES | step_within | call
        | elapsed | EOI | RESERVED | SPECIAL | NULL => return None,
        _ => return clause_or_word(rule),
    };
    Some((rank, words.to_string()))
}

/// A keyword's own rule has its name; a clause's rule begins with its keyword.
fn clause_or_word(rule: Rule) -> Option<(u8, String)> {
    let name = format!("{rule:?}").to_ascii_lowercase();
    let word = name.split('_').next().unwrap_or(&name);
    let word = match name.as_str() {
        "use_file" => "use",
        "from_to" => "from",
        "min_size" => "min size",
        "plain_clause" => "via",
        _ => word,
    };
    let rank = match rule {
        Rule::AND => 1,
        Rule::END | Rule::ELSE => 2,
        Rule::BY | Rule::AS | Rule::OF | Rule::LIMIT | Rule::UTC => 3,
        _ => 2,
    };
    Some((rank, format!("`{word}`")))
}

/// The operator that is meant by a Chinese word.
fn meant(word: &str) -> Option<&'static str> {
    Some(match word {
        "且" | "并且" | "而且" | "并" | "和" | "与" => "and",
        "或" | "或者" => "or",
        "等于" | "是" | "为" => "=",
        "不等于" | "不是" => "!=",
        "大于" => ">",
        "小于" => "<",
        "大于等于" | "不小于" => ">=",
        "小于等于" | "不大于" => "<=",
        "包含" => "contains",
        "属于" => "in",
        "介于" => "between",
        _ => return None,
    })
}

/// What would be right, where the slip is a known one.
fn hint(expected: &[Rule], place: &Place<'_>) -> Option<String> {
    let wants = |rule: Rule| expected.contains(&rule);
    let wants_statement = wants(Rule::statement) || wants(Rule::one);
    let token = place.tokens.get(place.found).filter(|_| !place.at_end)?;
    let found = token.text(place.text);
    let lower = found.to_ascii_lowercase();
    let before = place.before(1);
    if let Some(sign) = meant(found).filter(|_| wants(Rule::logic_op)) {
        return Some(format!("`{found}` is written `{sign}`"));
    }
    match found {
        "#" => return Some("a comment begins with `--`".into()),
        "/" if before == "/" || place.word(place.found + 1) == "*" => {
            return Some("a comment begins with `--`".into());
        }
        "." if place.tokens.get(place.found + 1).is_some_and(|t| t.kind == Kind::Number) => {
            return Some(format!("write `0.{}`", place.word(place.found + 1)));
        }
        "*" if before == "(" => {
            return Some("events are counted by their source's name: `count(transactions)`, `count(transactions where …)`".into());
        }
        "," | "，" => {
            if let Some(number) = grouped(place) {
                return Some(format!("digits are grouped by `_`, or not at all: `{number}`"));
            }
            if wants(Rule::logic_op) {
                return Some("conditions are joined by `and` or `or`".into());
            }
        }
        "、" if wants(Rule::COMMA) => return Some("the values of a list are parted by `,` or `，`".into()),
        "、" if wants(Rule::logic_op) => return Some("conditions are joined by `and` or `or`".into()),
        "「" | "『" => return Some("a text stands in `\"…\"` or `“…”`".into()),
        "”" | "’" => return Some("a text begins with `\"` or `“`".into()),
        _ => {}
    }
    if before == "is" {
        return Some("`is` goes with `missing` or `known`; equality is written `=`".into());
    }
    if before == "in" && token.kind == Kind::Number {
        let unit = place.tokens.get(place.found + 1).filter(|t| t.class == Class::Unit);
        let unit = unit.map_or("days", |t| t.text(place.text));
        return Some(format!("a window up to the day of the run is written `in last {found} {unit}`"));
    }
    // A word there is a misspelt unit, and is told as one.
    if wants(Rule::UNIT) && place.before(2) == "last" && token.kind != Kind::Word {
        return Some(format!("say of what: `in last {before} days`"));
    }
    if lower == "last" && place.tokens.get(place.found + 1).is_some_and(|t| t.kind == Kind::Number) {
        let length = format!("{} {}", place.word(place.found + 1), place.word(place.found + 2));
        return Some(format!("a window begins with `in`: `in last {}`", length.trim()));
    }
    if before_is_value(place) && wants(Rule::COMMA) && matches!(token.kind, Kind::Text | Kind::Number) {
        return Some("a comma stands between the values of a list".into());
    }
    if token.kind == Kind::Close && wants(Rule::statement_end) {
        return Some("there is no `(` that this `)` could close".into());
    }
    if before == "in" && wants(Rule::LPAREN) && token.kind == Kind::Text {
        let all: Vec<&str> = (place.found..place.tokens.len())
            .step_by(2)
            .map_while(|i| {
                let first = i == place.found || matches!(place.word(i - 1), "," | "，");
                let text = place.tokens.get(i).filter(|t| first && t.kind == Kind::Text)?;
                Some(text.text(place.text))
            })
            .take(MOST)
            .collect();
        return Some(format!("a list goes in parentheses: `in ({})`", all.join(", ")));
    }
    if before == "in" && wants(Rule::LPAREN) {
        return Some(format!(
            "a list goes in parentheses, `in (\"a\", \"b\")`; for the members of a segment write its name alone: `{found}`"
        ));
    }
    if before == "case" {
        return Some("every branch begins with `when`: `case when x = 1 then … end`".into());
    }
    if wants(Rule::TOP) || wants(Rule::top) {
        return Some("a condition is written with `where`: `segment name where …`".into());
    }
    if wants(Rule::EQUALS) && lower == "where" {
        return Some(
            "a tag is a value, `tag name = …`; a condition is a segment, `segment name where …`".into(),
        );
    }
    if wants(Rule::key) && token.kind == Kind::Word {
        return Some(format!("a key that is a text goes in quotes: `\"{found}\"`"));
    }
    if wants_statement && matches!(lower.as_str(), "select" | "create" | "with" | "insert" | "update") {
        return Some("Segue has definitions, not queries: `segment name where …`, then `show name`".into());
    }
    if token.kind != Kind::Word {
        return None;
    }
    if keywords::is_reserved(found) {
        let name = wants(Rule::NAME) || wants(Rule::names) || wants(Rule::path) || wants(Rule::arm);
        return name.then(|| {
            format!("`{found}` is a reserved word; as a name it goes in backquotes: `` `{found}` ``")
        });
    }
    let words = KEYWORDS.iter().filter(|k| match k.place {
        Where::Statement | Where::Command => wants_statement || wants(Rule::statement_end),
        Where::Operator => wants(Rule::statement_end) || wants(Rule::tail) || wants(Rule::logic_op),
        Where::Unit => wants(Rule::UNIT),
        Where::Clause | Where::Value => expected.iter().any(|r| {
            let name = format!("{r:?}");
            name.ends_with("_clause") || name.eq_ignore_ascii_case(k.word)
        }),
    });
    did_you_mean(&lower, words.map(|k| k.word)).filter(|hint| !hint.contains(&format!("`{lower}`")))
}
