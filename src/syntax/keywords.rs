//! Every word of the language: the one table behind completion, help, reserved words and the parser.

/// Where a word begins something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// A definition or setting: `tag`, `timezone`.
    Statement,
    /// A question: `show`, `why`.
    Command,
    /// A clause of a statement, a call or a `case`.
    Clause,
    /// Between two values, or after one.
    Operator,
    /// A value, or a part of one.
    Value,
    /// A unit of time.
    Unit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keyword {
    /// In small letters; any case is read.
    pub word: &'static str,
    pub place: Place,
    /// A reserved word cannot be a name without backquotes.
    pub reserved: bool,
    /// A few words for completion and help.
    pub meaning: &'static str,
}

const fn soft(word: &'static str, place: Place, meaning: &'static str) -> Keyword {
    Keyword { word, place, reserved: false, meaning }
}

const fn reserved(word: &'static str, place: Place, meaning: &'static str) -> Keyword {
    Keyword { word, place, reserved: true, meaning }
}

/// The words that can be a name only in backquotes.
pub const RESERVED: &[&str] = &[
    "and", "or", "not", "in", "is", "between", "like", "when", "then", "else", "case", "end", "where", "on",
    "outside",
];

#[rustfmt::skip]
pub const KEYWORDS: &[Keyword] = &[
    soft("timezone", Place::Statement, "the zone of all days and times without one"),
    soft("use", Place::Statement, "brings another file's definitions in"),
    soft("source", Place::Statement, "a table of data: an entity, events or a list"),
    soft("param", Place::Statement, "a constant that a run may set"),
    soft("tag", Place::Statement, "a value per customer"),
    soft("segment", Place::Statement, "the customers for whom a condition holds"),
    soft("audience", Place::Statement, "a list that may be sent, made from a segment"),
    soft("rfm", Place::Statement, "recency, frequency and money as tags"),
    soft("score", Place::Statement, "points that conditions add and take"),
    soft("show", Place::Command, "members with their values"),
    soft("count", Place::Command, "how many members"),
    soft("explain", Place::Command, "a definition in words, and what each condition costs"),
    soft("why", Place::Command, "each condition with one customer's values"),
    soft("portrait", Place::Command, "all tags of one customer"),
    soft("profile", Place::Command, "how a segment differs from everyone"),
    soft("overlap", Place::Command, "how segments overlap"),
    soft("funnel", Place::Command, "how many are left after each step"),
    soft("describe", Place::Command, "a tag's coverage and spread"),
    soft("diff", Place::Command, "who came and who left between two dates"),
    soft("transitions", Place::Command, "who moved from which label to which"),
    soft("list", Place::Command, "all definitions"),
    soft("from", Place::Clause, "where it comes from; the first day of a window"),
    soft("key", Place::Clause, "the column that names a row"),
    soft("keys", Place::Clause, "an entity from the keys of events"),
    soft("of", Place::Clause, "the entity that it belongs to"),
    soft("by", Place::Clause, "the column, or the order"),
    soft("at", Place::Clause, "the column of time"),
    soft("utc", Place::Clause, "the column of time is in UTC"),
    soft("link", Place::Clause, "a look-up in another source"),
    soft("as", Place::Clause, "another name, or another type"),
    soft("latest", Place::Clause, "the newest row per key"),
    soft("fixed", Place::Clause, "columns that never change: known on any date"),
    soft("pii", Place::Clause, "columns that are masked where shown"),
    soft("consent", Place::Clause, "the column of consent"),
    soft("column", Place::Clause, "reads a column as another type"),
    soft("top", Place::Clause, "the first by a value"),
    soft("within", Place::Clause, "the groups, or a window from a date"),
    soft("require", Place::Clause, "what must be true, such as consent"),
    soft("exclude", Place::Clause, "who stays out"),
    soft("cap", Place::Clause, "how often one may be contacted"),
    soft("limit", Place::Clause, "at most so many"),
    soft("control", Place::Clause, "the share that is held out"),
    soft("salt", Place::Clause, "fixes the draw of control and split"),
    soft("split", Place::Clause, "parts of the list, by share"),
    soft("columns", Place::Clause, "the columns of the list"),
    soft("to", Place::Clause, "the file to write; the end of a range"),
    soft("via", Place::Clause, "the channel"),
    soft("offer", Place::Clause, "the offer"),
    soft("benefit", Place::Clause, "the benefit"),
    soft("message", Place::Clause, "the message"),
    soft("min", Place::Clause, "with `size`: the fewest members"),
    soft("size", Place::Clause, "with `min`: the fewest members"),
    soft("recency", Place::Clause, "the time column of an rfm"),
    soft("frequency", Place::Clause, "the window of events that an rfm counts"),
    soft("monetary", Place::Clause, "the amount that an rfm sums"),
    soft("bins", Place::Clause, "how many grades"),
    soft("ties", Place::Clause, "with `together`: equal values share a grade"),
    soft("together", Place::Clause, "after `ties`"),
    soft("base", Place::Clause, "the points that everyone starts with"),
    soft("add", Place::Clause, "points when a condition holds"),
    soft("take", Place::Clause, "points off when a condition holds"),
    soft("clamp", Place::Clause, "the least and the most points"),
    reserved("where", Place::Clause, "a condition"),
    reserved("on", Place::Clause, "as it was on a day; events of a day"),
    reserved("when", Place::Clause, "a branch of `case`"),
    reserved("then", Place::Clause, "the value of a branch; the next step"),
    reserved("else", Place::Clause, "the value otherwise"),
    reserved("end", Place::Clause, "the end of a `case`"),
    reserved("and", Place::Operator, "both hold"),
    reserved("or", Place::Operator, "one holds at least"),
    reserved("not", Place::Operator, "does not hold"),
    reserved("in", Place::Operator, "is one of; a window"),
    reserved("is", Place::Operator, "with `missing` or `known`"),
    reserved("between", Place::Operator, "both ends included"),
    reserved("like", Place::Operator, "a pattern with `%` and `_`"),
    soft("contains", Place::Operator, "has this text in it"),
    soft("starts", Place::Operator, "with `with`: begins with this text"),
    soft("ends", Place::Operator, "with `with`: ends with this text"),
    soft("with", Place::Operator, "after `starts` or `ends`"),
    soft("matches", Place::Operator, "fits a regular expression"),
    soft("missing", Place::Operator, "has no value"),
    soft("known", Place::Operator, "has a value"),
    soft("null", Place::Operator, "not a word of Segue: say `is missing`"),
    reserved("case", Place::Value, "the first branch that holds"),
    reserved("outside", Place::Value, "not in this segment"),
    soft("yes", Place::Value, "true"),
    soft("no", Place::Value, "false"),
    soft("true", Place::Value, "yes"),
    soft("false", Place::Value, "no"),
    soft("happened", Place::Value, "events in this order"),
    soft("since", Place::Value, "how long ago; from a day on"),
    soft("until", Place::Value, "how long from now"),
    soft("last", Place::Value, "so many days, months or years up to the day of the run"),
    soft("ending", Place::Value, "with `ago`: where the window ends"),
    soft("ago", Place::Value, "after a length of time"),
    soft("this", Place::Value, "the calendar unit of the day of the run"),
    soft("previous", Place::Value, "the calendar unit before"),
    soft("before", Place::Value, "up to a day, excluded"),
    soft("after", Place::Value, "from a day on"),
    soft("second", Place::Unit, "a unit of time"),
    soft("seconds", Place::Unit, "a unit of time"),
    soft("minute", Place::Unit, "a unit of time"),
    soft("minutes", Place::Unit, "a unit of time"),
    soft("hour", Place::Unit, "a unit of time"),
    soft("hours", Place::Unit, "a unit of time"),
    soft("day", Place::Unit, "a unit of time"),
    soft("days", Place::Unit, "a unit of time"),
    soft("week", Place::Unit, "a unit of time"),
    soft("weeks", Place::Unit, "a unit of time"),
    soft("month", Place::Unit, "a unit of time"),
    soft("months", Place::Unit, "a unit of time"),
    soft("quarter", Place::Unit, "a unit of time"),
    soft("quarters", Place::Unit, "a unit of time"),
    soft("year", Place::Unit, "a unit of time"),
    soft("years", Place::Unit, "a unit of time"),
];

/// The words that begin a definition, a setting or a command, in the order of the table.
pub fn statement_words() -> impl Iterator<Item = &'static Keyword> {
    KEYWORDS.iter().filter(|k| matches!(k.place, Place::Statement | Place::Command))
}

pub fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_and_the_grammar_know_the_same_words() {
        let grammar = include_str!("../../grammar/segue.pest");
        let literal = regex::Regex::new(r#"\^"([a-z]+)""#).unwrap();
        let mut in_grammar: BTreeSet<&str> =
            literal.captures_iter(grammar).filter_map(|c| c.get(1)).map(|m| m.as_str()).collect();
        for magnitude in ["k", "mn", "bn"] {
            assert!(in_grammar.remove(magnitude));
        }
        // The grammar takes a unit with or without its `s`.
        let plurals: Vec<String> = rule("UNIT").iter().map(|unit| format!("{unit}s")).collect();
        in_grammar.extend(plurals.iter().map(String::as_str));
        let in_table: BTreeSet<&str> = KEYWORDS.iter().map(|k| k.word).collect();
        assert_eq!(in_grammar, in_table);
        assert_eq!(in_table.len(), KEYWORDS.len(), "a word stands twice");
    }

    /// The words of one rule of the grammar.
    fn rule(name: &str) -> BTreeSet<String> {
        let grammar = include_str!("../../grammar/segue.pest");
        let from = grammar.find(&format!("\n{name} ")).unwrap();
        let body = &grammar[from..from + grammar[from..].find("\n}").unwrap()];
        let literal = regex::Regex::new(r#"\^"([a-z]+)""#).unwrap();
        literal.captures_iter(body).map(|c| c[1].to_string()).collect()
    }

    #[test]
    fn reserved_and_statement_words_agree() {
        let reserved: BTreeSet<String> =
            KEYWORDS.iter().filter(|k| k.reserved).map(|k| k.word.to_string()).collect();
        assert_eq!(reserved, RESERVED.iter().map(|w| w.to_string()).collect());
        assert_eq!(reserved, rule("RESERVED"));
        assert_eq!(
            statement_words().map(|k| k.word.to_string()).collect::<BTreeSet<_>>(),
            rule("STATEMENT_WORD")
        );
        assert!(is_reserved("WHERE") && !is_reserved("count"));
    }
}
