//! Expressions and conditions with as few parentheses as their reading allows.

use super::{Lang, definition_name, words};
use crate::functions::{self, AggregateFn, PopulationFn};
use crate::ir::{
    Aggregate, ColumnId, ExprId, Formula, InSource, LinkId, Node, OwnWindow, OwnWords, Points, Population,
    Program, Score, SourceId, TextTest, Top, TopSize,
};
use words::glue;

/// How tightly a form holds together, loosest first. An operand looser than its place is put in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Precedence {
    Loosest,
    Or,
    And,
    Not,
    Test,
    Coalesce,
    Sum,
    Product,
    Prefix,
    Primary,
}

/// Whose columns stand bare where an expression is printed.
#[derive(Clone, Copy)]
pub(super) enum Row {
    /// The entity's own row.
    Entity,
    /// The value that an aggregate folds: `transactions.amount`.
    Argument(SourceId),
    /// The condition of events or of a list, beside the entity (where there is one).
    Filter { events: SourceId, entity: Option<SourceId> },
}

pub struct Printer<'a> {
    program: &'a Program,
    lang: Lang,
    row: Row,
    /// What the columns of an earlier step of a sequence are led by: `step1`.
    step: Option<&'a str>,
}

impl<'a> Printer<'a> {
    pub fn new(program: &'a Program, lang: Lang) -> Self {
        Printer { program, lang, row: Row::Entity, step: None }
    }

    pub(super) fn on(&self, row: Row) -> Printer<'a> {
        Printer { program: self.program, lang: self.lang, row, step: None }
    }

    /// On the row of an earlier step of a sequence.
    pub(super) fn earlier<'b>(&self, events: SourceId, step: &'b str) -> Printer<'b>
    where
        'a: 'b,
    {
        Printer { program: self.program, lang: self.lang, row: Row::Argument(events), step: Some(step) }
    }

    pub(super) fn program(&self) -> &'a Program {
        self.program
    }

    pub(super) fn lang(&self) -> Lang {
        self.lang
    }

    fn say(&self, en: &'static str, zh: &'static str) -> &'static str {
        match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    fn is_zh(&self) -> bool {
        self.lang == Lang::Zh
    }

    /// `id` where at least `place` is asked for.
    pub fn print(&self, id: ExprId, place: Precedence) -> String {
        let (text, own) = self.form(id, place);
        enclosed(text, own, place)
    }

    pub fn formula(&self, formula: &Formula, place: Precedence) -> String {
        let (text, own) = match formula {
            Formula::Atom(id) => return self.print(*id, place),
            Formula::And(list) => self.chain(list.iter().map(|f| self.formula(f, Precedence::Not)), true),
            Formula::Or(list) => self.chain(list.iter().map(|f| self.formula(f, Precedence::And)), false),
            Formula::Not(inner) => match &**inner {
                Formula::Atom(id) => self.negated(*id),
                other => (self.not(&self.formula(other, Precedence::Not)), Precedence::Not),
            },
            Formula::Member(def) => (definition_name(self.program, *def).to_string(), Precedence::Primary),
            Formula::Outside(def) => self.outside(definition_name(self.program, *def)),
        };
        enclosed(text, own, place)
    }

    fn form(&self, id: ExprId, place: Precedence) -> (String, Precedence) {
        use Precedence::{Coalesce, Loosest, Or, Prefix, Primary, Product, Sum, Test};
        match self.program.node(id) {
            Node::Literal(literal) => (words::literal(self.program, literal, self.lang), Primary),
            Node::Column { source, via, column } => (self.column(*source, via, *column), Primary),
            Node::Definition(def) => (self.definition(*def), Primary),
            Node::Outside(def) => self.outside(&self.definition(*def)),
            Node::Negate(x) => (format!("-{}", self.print(*x, Primary)), Prefix),
            Node::Arithmetic { op, left, right } => {
                use crate::ir::ArithmeticOp::{Add, Subtract};
                let (own, tighter) =
                    if matches!(op, Add | Subtract) { (Sum, Product) } else { (Product, Prefix) };
                let (left, right) = (self.print(*left, own), self.print(*right, tighter));
                (format!("{left} {} {right}", op.symbol()), own)
            }
            Node::Compare { op, left, right } => {
                let (left, right) = (self.print(*left, Coalesce), self.print(*right, Coalesce));
                (format!("{left} {} {right}", words::compare(*op)), Test)
            }
            Node::Between { .. }
            | Node::InList { .. }
            | Node::InSource(_)
            | Node::TextTest { .. }
            | Node::IsMissing(_) => {
                let (subject, test) = self.test_parts(id, false).unwrap_or((id, String::new()));
                (format!("{} {test}", self.print(subject, Coalesce)), Test)
            }
            Node::Coalesce(a, b) => {
                (format!("{} ?? {}", self.print(*a, Coalesce), self.print(*b, Coalesce)), Coalesce)
            }
            Node::And(list) => self.chain(list.iter().map(|e| self.print(*e, Precedence::Not)), true),
            Node::Or(list) => self.chain(list.iter().map(|e| self.print(*e, Precedence::And)), false),
            Node::Not(inner) => self.negated(*inner),
            Node::Case { branches, otherwise } => {
                let text = self.case(branches, *otherwise);
                match self.lang {
                    Lang::En if place == Loosest => (text, Loosest),
                    Lang::En => (format!("{text} end"), Primary),
                    Lang::Zh => (text, Loosest),
                }
            }
            Node::Call { function, arguments } => {
                let name = functions::row_of(*function).map_or("", |row| row.name);
                let arguments: Vec<_> = arguments.iter().map(|a| self.print(*a, Or)).collect();
                (format!("{name}({})", arguments.join(", ")), Primary)
            }
            Node::Elapsed { unit, until, moment, day: Some(day) } => {
                let (moment, day) = (self.print(*moment, Coalesce), day.to_string());
                let (from, to) = if *until { (&day, &moment) } else { (&moment, &day) };
                match self.lang {
                    Lang::En => (format!("{}s from {from} to {to}", unit.word()), Prefix),
                    Lang::Zh => (glue(&["从", from, "到", to, "的", words::number_of_zh(*unit)]), Coalesce),
                }
            }
            Node::Elapsed { unit, until, moment, day: None } => match self.lang {
                Lang::En => {
                    let word = if *until { "until" } else { "since" };
                    (format!("{}s {word} {}", unit.word(), self.print(*moment, Primary)), Prefix)
                }
                Lang::Zh => {
                    let from = if *until { "距离" } else { "距" };
                    let text = self.print(*moment, Coalesce);
                    let unit = words::number_of_zh(*unit);
                    (glue(&[from, &text, if *until { "还有的" } else { "的" }, unit]), Coalesce)
                }
            },
            Node::Aggregate(a) => self.aggregate(a),
            Node::Sequence(s) => (self.sequence(s), if self.is_zh() { Loosest } else { Primary }),
            Node::SequencePart { sequence, part } => (self.sequence_part(*sequence, *part), Primary),
            Node::Top(top) => (self.top(top), Loosest),
            Node::Population(p) => self.population(p),
            Node::Score(score) => (self.score(score), Loosest),
            Node::Cell { parts, .. } => {
                let parts: Vec<_> = parts.iter().map(|e| self.print(*e, Coalesce)).collect();
                match self.lang {
                    Lang::En => (format!("cell of {}", parts.join(", ")), Prefix),
                    Lang::Zh => (glue(&[&parts.join("、"), "的组合"]), Coalesce),
                }
            }
            Node::Error => ("?".to_string(), Primary),
        }
    }

    /// A test's subject and what is asked of it: `life_stage` and `in ("active", "dormant")`. `None` for what is
    /// no test of a subject.
    pub fn test_parts(&self, id: ExprId, negated: bool) -> Option<(ExprId, String)> {
        use Precedence::{Coalesce, Or, Sum};
        Some(match self.program.node(id) {
            Node::Compare { op, left, right } if !negated => {
                (*left, format!("{} {}", words::compare(*op), self.print(*right, Coalesce)))
            }
            Node::Between { value, low, high } => {
                let (low, high) = (self.print(*low, Sum), self.print(*high, Sum));
                let test = match self.lang {
                    Lang::En => {
                        let not = if negated { "not " } else { "" };
                        format!("{not}between {low} and {high}")
                    }
                    Lang::Zh => {
                        let word = if negated { "不介于" } else { "介于" };
                        glue(&[word, &low, "与", &high, "之间"])
                    }
                };
                (*value, test)
            }
            Node::InList { value, list } => {
                let list: Vec<_> = list.iter().map(|e| self.print(*e, Or)).collect();
                (*value, format!("{} ({})", self.in_word(negated), list.join(", ")))
            }
            Node::InSource(list) => (list.value, self.in_source(list, negated)),
            Node::TextTest { test, value, pattern } if !negated => {
                let pattern = words::quoted(pattern);
                let test = match (test, self.lang) {
                    (TextTest::Like, _) => format!("{} {pattern}", self.say("like", "形如")),
                    (TextTest::Contains, _) => format!("{} {pattern}", self.say("contains", "包含")),
                    (TextTest::Matches, _) => format!("{} {pattern}", self.say("matches", "匹配")),
                    (TextTest::StartsWith, Lang::En) => format!("starts with {pattern}"),
                    (TextTest::EndsWith, Lang::En) => format!("ends with {pattern}"),
                    (TextTest::StartsWith, Lang::Zh) => format!("以 {pattern} 开头"),
                    (TextTest::EndsWith, Lang::Zh) => format!("以 {pattern} 结尾"),
                };
                (*value, test)
            }
            Node::IsMissing(x) => {
                let test =
                    if negated { self.say("is known", "已知") } else { self.say("is missing", "缺失") };
                (*x, test.to_string())
            }
            _ => return None,
        })
    }

    fn in_word(&self, negated: bool) -> &'static str {
        if negated { self.say("not in", "不属于") } else { self.say("in", "属于") }
    }

    fn in_source(&self, list: &InSource, negated: bool) -> String {
        let mut inside = self.on(Row::Argument(list.list)).print(list.column, Precedence::Or);
        if let Some(filter) = list.filter {
            let filter =
                self.on(Row::Filter { events: list.list, entity: None }).print(filter, Precedence::Loosest);
            inside.push_str(self.say(" where ", "，其中 "));
            inside.push_str(&filter);
        }
        format!("{} ({inside})", self.in_word(negated))
    }

    /// The negation of `inner`, said in the test where the language has a word for it.
    fn negated(&self, inner: ExprId) -> (String, Precedence) {
        match self.test_parts(inner, true) {
            Some((subject, test)) => {
                (format!("{} {test}", self.print(subject, Precedence::Coalesce)), Precedence::Test)
            }
            None => (self.not(&self.print(inner, Precedence::Not)), Precedence::Not),
        }
    }

    fn not(&self, inner: &str) -> String {
        match self.lang {
            Lang::En => format!("not {inner}"),
            Lang::Zh => glue(&["非", inner]),
        }
    }

    fn outside(&self, name: &str) -> (String, Precedence) {
        match self.lang {
            Lang::En => (format!("outside {name}"), Precedence::Prefix),
            Lang::Zh => (glue(&["不在", name, "中"]), Precedence::Test),
        }
    }

    fn chain(&self, parts: impl Iterator<Item = String>, and: bool) -> (String, Precedence) {
        let word = if and { self.say(" and ", " 且 ") } else { self.say(" or ", " 或 ") };
        let text = parts.collect::<Vec<_>>().join(word);
        (text, if and { Precedence::And } else { Precedence::Or })
    }

    fn case(&self, branches: &[(ExprId, ExprId)], otherwise: Option<ExprId>) -> String {
        // From `Or` on a nested case is closed by its own `end`.
        let p = |id: ExprId| self.print(id, Precedence::Or);
        match self.lang {
            Lang::En => {
                let mut text = "case".to_string();
                for (when, then) in branches {
                    text.push_str(&format!(" when {} then {}", p(*when), p(*then)));
                }
                if let Some(id) = otherwise {
                    text.push_str(&format!(" else {}", p(id)));
                }
                text
            }
            Lang::Zh => {
                let mut parts: Vec<_> =
                    branches.iter().map(|(when, then)| glue(&["若", &p(*when), "则", &p(*then)])).collect();
                if let Some(id) = otherwise {
                    parts.push(glue(&["否则", &p(id)]));
                }
                parts.join("，")
            }
        }
    }

    // ---- names ----

    fn column(&self, source: SourceId, via: &[LinkId], column: ColumnId) -> String {
        let mut parts = Vec::new();
        let mut at = source;
        let mut day = None;
        for link in via {
            let Some(link) = self.program.source(at).and_then(|s| s.link(*link)) else { break };
            let target = self.program.source(link.target);
            let copy = target.and_then(|t| t.copy);
            day = day.or(copy.map(|(_, day)| day));
            // A look into a source's own history is no link that the script says.
            if copy.is_none_or(|(of, _)| of != at) {
                parts.push(link.name.as_str());
            }
            at = link.target;
        }
        parts.push(self.program.column(at, column).map_or("", |c| c.name.as_str()));
        let head = parts.first().copied().unwrap_or("");
        let qualified = match self.row {
            Row::Entity => self.is_definition(source, head),
            Row::Argument(events) => source == events,
            Row::Filter { events, entity } if source == events => {
                entity.is_some_and(|e| self.has_name(e, head) || self.is_definition(e, head))
            }
            Row::Filter { events, .. } => self.has_name(events, head) || self.is_definition(source, head),
        };
        if qualified {
            parts.insert(0, self.step.unwrap_or_else(|| self.program.source_name(source)));
        }
        match day {
            Some(day) => format!("({} on {})", parts.join("."), day.text(&self.program.zone)),
            None => parts.join("."),
        }
    }

    fn definition(&self, id: crate::ir::DefId) -> String {
        let name = definition_name(self.program, id);
        match (self.row, self.program.definition(id)) {
            (_, Some(d)) if d.on.is_some() => format!("({name})"),
            (Row::Filter { events, .. }, Some(d)) if self.has_name(events, name) && !d.is_entity => {
                format!("{}.{name}", self.program.source_name(d.entity))
            }
            _ => name.to_string(),
        }
    }

    /// Whether a row of `source` has a column or a link of this name.
    fn has_name(&self, source: SourceId, name: &str) -> bool {
        self.program
            .source(source)
            .is_some_and(|s| s.find_column(name).is_some() || s.find_link(name).is_some())
    }

    fn is_definition(&self, entity: SourceId, name: &str) -> bool {
        self.program.definitions.iter().any(|d| d.entity == entity && d.name == name)
    }

    // ---- forms with clauses ----

    fn aggregate(&self, a: &Aggregate) -> (String, Precedence) {
        let value = match a.argument {
            Some(id) => self.on(Row::Argument(a.events)).print(id, Precedence::Or),
            None => self.program.source_name(a.events).to_string(),
        };
        let window = match a.own {
            Some(own) => Some(self.own_window(&own)),
            None => a.window.as_ref().and_then(|w| words::window(self.program, w, self.lang)),
        };
        let row = Row::Filter { events: a.events, entity: self.entity_of(a) };
        let filter = a.filter.map(|id| self.on(row).print(id, Precedence::Loosest));
        if self.is_zh() {
            return aggregate_zh(a.function, &value, window, filter);
        }
        let name = functions::row_of_aggregate(a.function).map_or("", |row| row.name);
        let mut inside = value;
        if let Some(window) = window {
            let bare = ["from ", "since ", "before ", "on ", "within ", "after "]
                .iter()
                .any(|w| window.starts_with(w));
            inside.push_str(if bare { " " } else { " in " });
            inside.push_str(&window);
        }
        if let Some(filter) = filter {
            inside.push_str(" where ");
            inside.push_str(&filter);
        }
        (format!("{name}({inside})"), Precedence::Primary)
    }

    /// A window from the customer's own date, as written.
    pub(super) fn own_window(&self, own: &OwnWindow) -> String {
        let x = self.print(own.anchor, Precedence::Sum);
        match (own.words, self.is_zh()) {
            (OwnWords::Within(length), false) => {
                format!("within {} after {x}", words::duration(length, self.lang))
            }
            (OwnWords::Within(length), true) => format!("{x} 之后 {}内", words::duration(length, self.lang)),
            (OwnWords::Days(first, last), false) => format!("days {first} to {last} after {x}"),
            (OwnWords::Days(first, last), true) => format!("{x} 之后第 {first} 至 {last} 天"),
            (OwnWords::After, false) => format!("after {x}"),
            (OwnWords::After, true) => format!("{x} 起"),
        }
    }

    /// The entity to which an aggregate's path leads.
    fn entity_of(&self, a: &Aggregate) -> Option<SourceId> {
        a.path.iter().try_fold(a.events, |at, step| {
            let owner = self.program.source(at)?.of.get(usize::try_from(*step).ok()?)?;
            Some(owner.entity)
        })
    }

    fn population(&self, p: &Population) -> (String, Precedence) {
        let base = p.base.map(|def| definition_name(self.program, def));
        let within: Vec<_> = p.within.iter().map(|e| self.print(*e, Precedence::Coalesce)).collect();
        if self.is_zh() {
            return (self.population_zh(p, base, &within), Precedence::Coalesce);
        }
        let name = functions::row_of_population(p.function).map_or("", |row| row.name);
        let mut inside = self.print(p.value, Precedence::Or);
        if let Some(tiles) = p.tiles {
            inside.push_str(&format!(", {tiles}"));
        }
        if !within.is_empty() {
            inside.push_str(&format!(" within {}", within.join(", ")));
        }
        if let Some(base) = base {
            inside.push_str(&format!(" in {base}"));
        }
        if p.ties_together {
            inside.push_str(" ties together");
        }
        (format!("{name}({inside})"), Precedence::Primary)
    }

    /// `high_value 中各 city 内 assets 的百分位`.
    fn population_zh(&self, p: &Population, base: Option<&str>, within: &[String]) -> String {
        let base = base.map(|name| glue(&[name, "中"])).unwrap_or_default();
        let within = match within.is_empty() {
            true => String::new(),
            false => glue(&["各", &within.join("、"), "内"]),
        };
        let value = self.print(p.value, Precedence::Coalesce);
        let what = match p.function {
            PopulationFn::Percentile => "的百分位".to_string(),
            PopulationFn::Ntile => format!("的 {} 等分组号", p.tiles.unwrap_or(1)),
            PopulationFn::Rank => "从大到小的名次".to_string(),
            PopulationFn::Zscore => "的标准分数".to_string(),
        };
        let ties = if p.ties_together { "（并列同组）" } else { "" };
        glue(&[&base, &within, &value, &what, ties])
    }

    /// `base 10; +30 when idle_days > 60; within 0 to 100`.
    fn score(&self, score: &Score) -> String {
        let mut lines = vec![glue(&[self.say("base", "基础分"), &self.print(score.base, Precedence::Sum)])];
        lines.extend(score.rules.iter().map(|rule| self.points(rule)));
        lines.extend(self.clamp(score));
        lines.join(self.say("; ", "；"))
    }

    /// `+30 when idle_days > 60`.
    fn points(&self, rule: &Points) -> String {
        let sign = if rule.take { "−" } else { "+" };
        let points = self.print(rule.points, Precedence::Primary);
        let when = self.print(rule.when, Precedence::Or);
        match self.lang {
            Lang::En => format!("{sign}{points} when {when}"),
            Lang::Zh => glue(&[&when, "时", &format!("{sign}{points}")]),
        }
    }

    /// `within 0 to 100`.
    fn clamp(&self, score: &Score) -> Option<String> {
        let (low, high) = score.clamp?;
        let (low, high) = (self.print(low, Precedence::Sum), self.print(high, Precedence::Sum));
        Some(match self.lang {
            Lang::En => format!("within {low} to {high}"),
            Lang::Zh => glue(&["限于", &low, "至", &high]),
        })
    }

    fn top(&self, top: &Top) -> String {
        let by = self.print(top.by, Precedence::Coalesce);
        let within: Vec<_> = top.within.iter().map(|e| self.print(*e, Precedence::Coalesce)).collect();
        let base = top.base.map(|def| definition_name(self.program, def));
        match self.lang {
            Lang::En => {
                let mut text = format!("top {} by {by}", size(top));
                if !within.is_empty() {
                    text.push_str(&format!(" within {}", within.join(", ")));
                }
                if let Some(base) = base {
                    text.push_str(&format!(" in {base}"));
                }
                text
            }
            Lang::Zh => {
                let base = base.map(|name| glue(&[name, "中"])).unwrap_or_default();
                let within = match within.is_empty() {
                    true => String::new(),
                    false => glue(&["各", &within.join("、"), "内"]),
                };
                let unit = if matches!(top.size, TopSize::Count(_)) { "名" } else { "" };
                glue(&[&base, &within, &by, "最高的前", &size(top), unit])
            }
        }
    }
}

fn size(top: &Top) -> String {
    match top.size {
        TopSize::Count(n) => crate::value::group(&n.to_string()),
        TopSize::Share(share) => words::percent(share),
    }
}

/// `最近 90 天内 transactions（category = "travel"）的个数`.
fn aggregate_zh(
    function: AggregateFn,
    value: &str,
    window: Option<String>,
    filter: Option<String>,
) -> (String, Precedence) {
    let window =
        window.map(|w| if w.starts_with("最近") { glue(&[&w, "内"]) } else { w }).unwrap_or_default();
    let bracket = filter.as_ref().map(|f| format!("（{f}）")).unwrap_or_default();
    match function {
        AggregateFn::Any => (glue(&[&window, "有", value, &bracket]), Precedence::Test),
        AggregateFn::Share => {
            let filter = filter.unwrap_or_default();
            (glue(&[&window, value, "中", &filter, "的占比"]), Precedence::Coalesce)
        }
        _ => (glue(&[&window, value, &bracket, words::fold_zh(function)]), Precedence::Coalesce),
    }
}

fn enclosed(text: String, own: Precedence, place: Precedence) -> String {
    if own < place { format!("({text})") } else { text }
}
