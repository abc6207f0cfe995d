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
    pub meaning_zh: &'static str,
}

const fn soft(word: &'static str, place: Place, meaning: &'static str, meaning_zh: &'static str) -> Keyword {
    Keyword { word, place, reserved: false, meaning, meaning_zh }
}

const fn reserved(
    word: &'static str,
    place: Place,
    meaning: &'static str,
    meaning_zh: &'static str,
) -> Keyword {
    Keyword { word, place, reserved: true, meaning, meaning_zh }
}

/// The words that can be a name only in backquotes.
pub const RESERVED: &[&str] = &[
    "and", "or", "not", "in", "is", "between", "like", "when", "then", "else", "case", "end", "where", "on",
    "outside",
];

#[rustfmt::skip]
pub const KEYWORDS: &[Keyword] = &[
    soft("timezone", Place::Statement, "the zone of all days and times without one", "没有时区的日期和时间所用的时区"),
    soft("use", Place::Statement, "brings another file's definitions in", "引入另一个文件的定义"),
    soft("source", Place::Statement, "a table of data: an entity, events or a list", "一张数据表：主体、事件或名单"),
    soft("param", Place::Statement, "a constant that a run may set", "运行时可改的常量"),
    soft("tag", Place::Statement, "a value per customer", "每个客户一个值：标签"),
    soft("segment", Place::Statement, "the customers for whom a condition holds", "满足条件的客户：客群"),
    soft("audience", Place::Statement, "a list that may be sent, made from a segment", "由客群得出、可以发送的名单"),
    soft("rfm", Place::Statement, "recency, frequency and money as tags", "最近一次、频次、金额三项标签"),
    soft("score", Place::Statement, "points that conditions add and take", "按条件加分、减分"),
    soft("show", Place::Command, "members with their values", "列出成员及其取值"),
    soft("count", Place::Command, "how many members", "成员有多少"),
    soft("explain", Place::Command, "a definition in words, and what each condition costs", "用文字说明定义，以及每个条件筛掉多少"),
    soft("why", Place::Command, "each condition with one customer's values", "逐条说明某个客户满足与否"),
    soft("portrait", Place::Command, "all tags of one customer", "某个客户的全部标签：画像"),
    soft("profile", Place::Command, "how a segment differs from everyone", "客群与全体客户有何不同"),
    soft("overlap", Place::Command, "how segments overlap", "客群之间的重叠"),
    soft("funnel", Place::Command, "how many are left after each step", "每一步之后还剩多少"),
    soft("describe", Place::Command, "a tag's coverage and spread", "标签的覆盖与分布"),
    soft("diff", Place::Command, "who came and who left between two dates", "两个日期之间谁进入、谁离开"),
    soft("transitions", Place::Command, "who moved from which label to which", "两个日期之间谁从哪个取值变到哪个"),
    soft("list", Place::Command, "all definitions", "全部定义"),
    soft("from", Place::Clause, "where it comes from; the first day of a window", "来自何处；时间段的第一天"),
    soft("key", Place::Clause, "the column that names a row", "标识一行的字段"),
    soft("keys", Place::Clause, "an entity from the keys of events", "以事件的键构成主体"),
    soft("of", Place::Clause, "the entity that it belongs to", "归属的主体"),
    soft("by", Place::Clause, "the column, or the order", "按哪个字段归属或排序"),
    soft("at", Place::Clause, "the column of time", "时间字段"),
    soft("utc", Place::Clause, "the column of time is in UTC", "时间字段为 UTC"),
    soft("link", Place::Clause, "a look-up in another source", "到另一个数据源查值"),
    soft("as", Place::Clause, "another name, or another type", "另取名称，或读作另一类型"),
    soft("latest", Place::Clause, "the newest row per key", "每个键最新的一行"),
    soft("fixed", Place::Clause, "columns that never change: known on any date", "从不改变的字段：任何日期都已知"),
    soft("pii", Place::Clause, "columns that are masked where shown", "展示时遮盖的个人字段"),
    soft("consent", Place::Clause, "the column of consent", "表示同意的字段"),
    soft("column", Place::Clause, "reads a column as another type", "把字段读作另一类型"),
    soft("top", Place::Clause, "the first by a value", "按某个值取前若干"),
    soft("within", Place::Clause, "the groups, or a window from a date", "分组；或从某日起的时间段"),
    soft("require", Place::Clause, "what must be true, such as consent", "必须为真的条件，如已同意"),
    soft("exclude", Place::Clause, "who stays out", "排除哪些人"),
    soft("cap", Place::Clause, "how often one may be contacted", "一段时间内最多联系几次"),
    soft("limit", Place::Clause, "at most so many", "最多多少"),
    soft("control", Place::Clause, "the share that is held out", "留作对照组的比例"),
    soft("salt", Place::Clause, "fixes the draw of control and split", "固定对照与分组的抽取"),
    soft("split", Place::Clause, "parts of the list, by share", "按比例分成几组"),
    soft("columns", Place::Clause, "the columns of the list", "名单中的字段"),
    soft("to", Place::Clause, "the file to write; the end of a range", "写入的文件；区间的终点"),
    soft("via", Place::Clause, "the channel", "渠道"),
    soft("offer", Place::Clause, "the offer", "提供的产品"),
    soft("benefit", Place::Clause, "the benefit", "权益"),
    soft("message", Place::Clause, "the message", "话术"),
    soft("min", Place::Clause, "with `size`: the fewest members", "与 `size` 连用：最少人数"),
    soft("size", Place::Clause, "with `min`: the fewest members", "与 `min` 连用：最少人数"),
    soft("recency", Place::Clause, "the time column of an rfm", "rfm 的时间字段"),
    soft("frequency", Place::Clause, "the window of events that an rfm counts", "rfm 计数的时间段"),
    soft("monetary", Place::Clause, "the amount that an rfm sums", "rfm 求和的金额"),
    soft("bins", Place::Clause, "how many grades", "分成几档"),
    soft("ties", Place::Clause, "with `together`: equal values share a grade", "与 `together` 连用：相同的值同档"),
    soft("together", Place::Clause, "after `ties`", "跟在 `ties` 之后"),
    soft("base", Place::Clause, "the points that everyone starts with", "人人都有的起始分"),
    soft("add", Place::Clause, "points when a condition holds", "条件成立时加分"),
    soft("take", Place::Clause, "points off when a condition holds", "条件成立时减分"),
    soft("clamp", Place::Clause, "the least and the most points", "最低分与最高分"),
    reserved("where", Place::Clause, "a condition", "条件"),
    reserved("on", Place::Clause, "as it was on a day; events of a day", "某一天的取值；某一天的事件"),
    reserved("when", Place::Clause, "a branch of `case`", "`case` 的一个分支"),
    reserved("then", Place::Clause, "the value of a branch; the next step", "分支的值；序列的下一步"),
    reserved("else", Place::Clause, "the value otherwise", "其余情况的值"),
    reserved("end", Place::Clause, "the end of a `case`", "`case` 的结尾"),
    reserved("and", Place::Operator, "both hold", "两者都成立"),
    reserved("or", Place::Operator, "one holds at least", "至少一个成立"),
    reserved("not", Place::Operator, "does not hold", "不成立"),
    reserved("in", Place::Operator, "is one of; a window", "属于其中之一；时间段"),
    reserved("is", Place::Operator, "with `missing` or `known`", "与 `missing`、`known` 连用"),
    reserved("between", Place::Operator, "both ends included", "含两端的区间"),
    reserved("like", Place::Operator, "a pattern with `%` and `_`", "用 `%`、`_` 的模式"),
    soft("contains", Place::Operator, "has this text in it", "包含这段文字"),
    soft("starts", Place::Operator, "with `with`: begins with this text", "与 `with` 连用：以这段文字开头"),
    soft("ends", Place::Operator, "with `with`: ends with this text", "与 `with` 连用：以这段文字结尾"),
    soft("with", Place::Operator, "after `starts` or `ends`", "跟在 `starts`、`ends` 之后"),
    soft("matches", Place::Operator, "fits a regular expression", "符合正则表达式"),
    soft("missing", Place::Operator, "has no value", "没有值"),
    soft("known", Place::Operator, "has a value", "有值"),
    soft("null", Place::Operator, "not a word of Segue: say `is missing`", "Segue 没有这个词：写 `is missing`"),
    reserved("case", Place::Value, "the first branch that holds", "取第一个成立的分支"),
    reserved("outside", Place::Value, "not in this segment", "不属于这个客群"),
    soft("yes", Place::Value, "true", "是"),
    soft("no", Place::Value, "false", "否"),
    soft("true", Place::Value, "yes", "是"),
    soft("false", Place::Value, "no", "否"),
    soft("happened", Place::Value, "events in this order", "事件依此顺序发生"),
    soft("since", Place::Value, "how long ago; from a day on", "距今多久；从某日起"),
    soft("until", Place::Value, "how long from now", "距某日还有多久"),
    soft("last", Place::Value, "so many days, months or years up to the day of the run", "截至运行日的若干天、月或年"),
    soft("ending", Place::Value, "with `ago`: where the window ends", "与 `ago` 连用：时间段的终点"),
    soft("ago", Place::Value, "after a length of time", "跟在一段时长之后"),
    soft("this", Place::Value, "the calendar unit of the day of the run", "运行日所在的自然周期"),
    soft("previous", Place::Value, "the calendar unit before", "上一个自然周期"),
    soft("before", Place::Value, "up to a day, excluded", "某日之前，不含当日"),
    soft("after", Place::Value, "from a day on", "从某日起"),
    soft("second", Place::Unit, "a unit of time", "时间单位"),
    soft("seconds", Place::Unit, "a unit of time", "时间单位"),
    soft("minute", Place::Unit, "a unit of time", "时间单位"),
    soft("minutes", Place::Unit, "a unit of time", "时间单位"),
    soft("hour", Place::Unit, "a unit of time", "时间单位"),
    soft("hours", Place::Unit, "a unit of time", "时间单位"),
    soft("day", Place::Unit, "a unit of time", "时间单位"),
    soft("days", Place::Unit, "a unit of time", "时间单位"),
    soft("week", Place::Unit, "a unit of time", "时间单位"),
    soft("weeks", Place::Unit, "a unit of time", "时间单位"),
    soft("month", Place::Unit, "a unit of time", "时间单位"),
    soft("months", Place::Unit, "a unit of time", "时间单位"),
    soft("quarter", Place::Unit, "a unit of time", "时间单位"),
    soft("quarters", Place::Unit, "a unit of time", "时间单位"),
    soft("year", Place::Unit, "a unit of time", "时间单位"),
    soft("years", Place::Unit, "a unit of time", "时间单位"),
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
        for keyword in KEYWORDS {
            assert!(!keyword.meaning.is_empty() && !keyword.meaning_zh.is_ascii(), "{}", keyword.word);
        }
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
