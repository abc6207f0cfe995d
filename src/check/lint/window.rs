//! Windows unlike their siblings: nearly the same in one definition, a digit less than all others, other than the
//! name says.

use super::super::Checker;
use super::super::definition::Body;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::time::WindowWords;
use crate::ir::{Aggregate, DefId, ExprId, Node, SourceId};
use crate::source::Span;
use crate::syntax::ast::{Duration, TimeUnit};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// So many siblings make a habit.
const HABIT: usize = 3;

/// A length of days or more as it is written.
type Length = (u32, TimeUnit);

/// What stands in a body: the lengths of its own windows, with the events, and the definitions that it names.
#[derive(Default)]
struct Own {
    windows: Vec<(SourceId, Length)>,
    named: Vec<DefId>,
}

impl Checker<'_> {
    /// Windows of `in last …` that look like slips, in the order of definitions.
    pub(super) fn odd_windows(&self, ids: &[(DefId, ExprId)]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut told: BTreeSet<(SourceId, String)> = BTreeSet::new();
        // Of every definition: one on another day, which others may name, too.
        let bodies = self.definition_ids().into_iter().filter_map(|id| self.body_of(id));
        let mut known: HashMap<ExprId, Own> = HashMap::new();
        for body in bodies {
            known.entry(body).or_insert_with(|| self.own(body));
        }
        let none = Own::default();
        let own = |body: ExprId| known.get(&body).unwrap_or(&none);
        let of = |body: ExprId| own(body).windows.as_slice();
        for (id, body) in ids {
            found.extend(self.nearly_the_same(*id, own(*body), of, &mut told));
            found.extend(self.other_than_named(*id, *body, of(*body)));
        }
        found.extend(self.a_digit_less(ids, of));
        found
    }

    fn own(&self, body: ExprId) -> Own {
        let mut own = Own::default();
        self.graph.walk(body, &mut |_, node| match node {
            Node::Aggregate(a) => own.windows.extend(last_length(a).map(|length| (a.events, length))),
            Node::Definition(def) if !self.is_segment(*def) => own.named.push(*def),
            _ => {}
        });
        own
    }

    /// `last 90 days` and `last 3 months` in one definition, or in the tags that it names.
    fn nearly_the_same<'l>(
        &self,
        id: DefId,
        own: &Own,
        lengths: impl Fn(ExprId) -> &'l [(SourceId, Length)],
        told: &mut BTreeSet<(SourceId, String)>,
    ) -> Option<Diagnostic> {
        let of_tags = own.named.iter().filter_map(|def| Some((def, self.body_of(*def)?)));
        let of_tags = of_tags.flat_map(|(def, body)| lengths(body).iter().map(|(s, l)| (*s, *l, Some(*def))));
        // Few lengths are used, however many windows there are.
        let mut distinct: Vec<(SourceId, Length, Option<DefId>)> = Vec::new();
        for (events, length, by) in own.windows.iter().map(|(s, l)| (*s, *l, None)).chain(of_tags) {
            if !distinct.iter().any(|(e, l, _)| (*e, *l) == (events, length)) {
                distinct.push((events, length, by));
            }
        }
        for (i, (events, first, by)) in distinct.iter().enumerate() {
            for (other_events, second, other_by) in distinct.iter().skip(i + 1) {
                if events != other_events || !nearly(*first, *second) {
                    continue;
                }
                let (a, b) = (words(*first), words(*second));
                let pair = if a < b { format!("{a} {b}") } else { format!("{b} {a}") };
                if !told.insert((*events, pair)) {
                    continue;
                }
                let named =
                    |by: &Option<DefId>| by.map_or(String::new(), |d| format!(" of `{}`", self.called(d)));
                let source = self.source_name(*events);
                return Some(
                    Diagnostic::new(
                        Code::OddWindow,
                        format!(
                            "two windows over {source} are nearly the same: `last {a}`{} and `last {b}`{}",
                            named(by),
                            named(other_by)
                        ),
                    )
                    .at(self.state(id)?.span()?)
                    .help("they differ by little: write one of them in both places"),
                );
            }
        }
        None
    }

    /// `spent_90d` over `last 60 days`: copied, and not changed.
    fn other_than_named(
        &self,
        id: DefId,
        body: ExprId,
        windows: &[(SourceId, Length)],
    ) -> Option<Diagnostic> {
        let Some(Body::Tag(def)) = self.state(id).map(|s| s.body) else { return None };
        let (_, length) = *windows.first()?;
        if windows.iter().any(|(_, l)| *l != length) {
            return None;
        }
        let said = |text: &str, span: Span| {
            let said = length_said(text)?;
            let (days, really) = (days(said), days(length));
            (!(days * 0.85..=days * 1.15).contains(&really)).then_some((said, span))
        };
        let title = def.title.as_ref();
        let (said, span) =
            said(&def.name.text, def.name.span).or_else(|| title.and_then(|t| said(&t.value, t.span)))?;
        // What else it counts may be what the name means.
        let mut other = false;
        self.graph.walk(body, &mut |_, node| {
            if let Node::Aggregate(a) = node {
                other |= last_ending(a).is_some()
                    || last_length(a).is_none()
                    || a.filter.is_some_and(|f| self.counts_time(f));
            }
        });
        if other {
            return None;
        }
        Some(
            Diagnostic::new(
                Code::OddWindow,
                format!(
                    "`{}` says {}, and its window is `last {}`",
                    def.name.text,
                    words(said),
                    words(length)
                ),
            )
            .at(span)
            .help(format!("write `in last {}`, or change the name", words(said))),
        )
    }

    /// Whether a condition counts days or years itself: `age(birth_date) > 60`.
    fn counts_time(&self, id: ExprId) -> bool {
        let mut found = false;
        self.graph.walk(id, &mut |_, node| {
            found |= matches!(
                node,
                Node::Elapsed { .. } | Node::Call { function: crate::functions::Function::Age, .. }
            );
        });
        found
    }

    /// One tag over `last 9 days` where all others say `last 90 days`.
    fn a_digit_less<'l>(
        &self,
        ids: &[(DefId, ExprId)],
        lengths: impl Fn(ExprId) -> &'l [(SourceId, Length)],
    ) -> Vec<Diagnostic> {
        let mut users: BTreeMap<(SourceId, &'static str, u32), Vec<DefId>> = BTreeMap::new();
        for (id, body) in
            ids.iter().filter(|(id, _)| matches!(self.state(*id).map(|s| s.body), Some(Body::Tag(_))))
        {
            let mut own: Vec<(SourceId, Length)> = lengths(*body).to_vec();
            own.sort_by_key(|(s, l)| (*s, l.0));
            own.dedup();
            for (events, (amount, unit)) in own {
                users.entry((events, unit.word(), amount)).or_default().push(*id);
            }
        }
        let mut found = Vec::new();
        let habits = users.iter().filter(|(_, tags)| tags.len() >= HABIT);
        let slips =
            habits.flat_map(|(habit, others)| slips(habit.2).into_iter().map(move |n| (*habit, others, n)));
        for ((events, unit, usual), others, amount) in slips {
            let Some([only]) = users.get(&(events, unit, amount)).map(Vec::as_slice) else { continue };
            let Some(state) = self.state(*only) else { continue };
            let Body::Tag(def) = state.body else { continue };
            let number = amount.to_string();
            let mentions = |text: &str| digits(text).iter().any(|(_, d, _)| *d == number);
            if mentions(&def.name.text) || def.title.as_ref().is_some_and(|t| mentions(&t.value)) {
                continue;
            }
            found.push(
                Diagnostic::new(
                    Code::OddWindow,
                    format!(
                        "`{}` looks at the `last {amount} {unit}s` of {}; {} other tags look at the `last {usual} {unit}s`",
                        def.name.text,
                        self.source_name(events),
                        others.len(),
                    ),
                )
                .at(def.name.span)
                .help(format!("a digit may be missing; where {amount} is meant, say it in the name or the title")),
            );
        }
        found
    }
}

/// The length of a window `in last …`, of days or more.
fn last_length(a: &Aggregate) -> Option<Length> {
    match a.window.as_ref()?.written.as_ref()? {
        WindowWords::Last { length, .. } => whole(*length),
        _ => None,
    }
}

fn last_ending(a: &Aggregate) -> Option<Duration> {
    match a.window.as_ref()?.written.as_ref()? {
        WindowWords::Last { ending, .. } => *ending,
        _ => None,
    }
}

fn whole(length: Duration) -> Option<Length> {
    match length.unit {
        TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second => None,
        unit => Some((length.amount, unit)),
    }
}

/// About how many days; what is exactly the same has the same number.
fn days((amount, unit): Length) -> f64 {
    let amount = f64::from(amount);
    match unit {
        TimeUnit::Week => amount * 7.0,
        TimeUnit::Month => amount * 365.25 / 12.0,
        TimeUnit::Quarter => amount * 365.25 / 4.0,
        TimeUnit::Year => amount * 365.25,
        _ => amount,
    }
}

/// Not the same, and not a tenth apart.
fn nearly(a: Length, b: Length) -> bool {
    let (a, b) = (days(a), days(b));
    let (low, high) = (a.min(b), a.max(b));
    high - low > 1e-6 && high <= low * 1.1
}

/// The numbers that a number becomes by a digit lost, or one too many.
fn slips(number: u32) -> BTreeSet<u32> {
    let digits = number.to_string();
    let mut found = BTreeSet::new();
    for at in 0..=digits.len() {
        let (Some(before), Some(after)) = (digits.get(..at), digits.get(at..)) else { continue };
        found.extend(after.get(1..).and_then(|rest| format!("{before}{rest}").parse::<u32>().ok()));
        for digit in 0..10 {
            found.extend(format!("{before}{digit}{after}").parse::<u32>().ok());
        }
    }
    found.retain(|n| *n > 0 && n.to_string().len() != digits.len());
    found
}

/// `3 months`.
fn words((amount, unit): Length) -> String {
    let s = if amount == 1 { "" } else { "s" };
    format!("{amount} {}{s}", unit.word())
}

/// The numbers of a text, each with what stands before it and what follows it.
fn digits(text: &str) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) =
        text.get(from..).and_then(|t| t.find(|c: char| c.is_ascii_digit())).map(|i| from + i)
    {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let end = start + length;
        if let (Some(before), Some(number), Some(after)) =
            (text.get(..start), text.get(start..end), text.get(end..))
        {
            found.push((before, number, after));
        }
        from = end;
    }
    found
}

/// The one length of time that a name or a title says: `tx_90d`, “Payments, 90 days”, `近90天消费`.
fn length_said(text: &str) -> Option<Length> {
    let mut said = digits(text).into_iter().filter_map(|(before, number, after)| {
        // `1.5 years`, `v90d`: no length.
        if before.ends_with(['.', ',']) || before.ends_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let amount: u32 = number.parse().ok().filter(|n| (1..=1000).contains(n))?;
        let unit = after.trim_start_matches([' ', '_', '-']);
        let word: String = unit.chars().take_while(char::is_ascii_alphabetic).collect();
        let unit = match word.to_lowercase().as_str() {
            "d" | "day" | "days" => TimeUnit::Day,
            "w" | "week" | "weeks" => TimeUnit::Week,
            "month" | "months" => TimeUnit::Month,
            "y" | "year" | "years" if amount <= 5 => TimeUnit::Year,
            "" if unit.starts_with('天') => TimeUnit::Day,
            "" if unit.starts_with('周') => TimeUnit::Week,
            "" if unit.starts_with("个月") => TimeUnit::Month,
            "" if unit.starts_with('年') && amount <= 5 => TimeUnit::Year,
            _ => return None,
        };
        Some((amount, unit))
    });
    let first = said.next()?;
    said.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_lengths() {
        assert_eq!(length_said("tx_90d"), Some((90, TimeUnit::Day)));
        assert_eq!(length_said("Payments, 90 days"), Some((90, TimeUnit::Day)));
        assert_eq!(length_said("近90天消费"), Some((90, TimeUnit::Day)));
        assert_eq!(length_said("近3个月交易"), Some((3, TimeUnit::Month)));
        assert_eq!(length_said("travel_1y"), Some((1, TimeUnit::Year)));
        for other in [
            "assets",
            "over_60_years",
            "2026年",
            "8月",
            "top_10",
            "from 30 days to 90 days",
            "v2d",
            "1.5 years",
        ] {
            assert_eq!(length_said(other), None, "{other}");
        }
    }

    #[test]
    fn a_quarter_is_three_months_and_not_ninety_days() {
        assert!(nearly((90, TimeUnit::Day), (3, TimeUnit::Month)));
        assert!(nearly((30, TimeUnit::Day), (1, TimeUnit::Month)));
        assert!(!nearly((1, TimeUnit::Quarter), (3, TimeUnit::Month)));
        assert!(!nearly((12, TimeUnit::Month), (1, TimeUnit::Year)));
        assert!(!nearly((90, TimeUnit::Day), (2, TimeUnit::Month)));
        let of_90 = slips(90);
        assert!([9, 900, 190, 980].iter().all(|n| of_90.contains(n)));
        assert!([30, 7, 90, 0, 60, 9000].iter().all(|n| !of_90.contains(n)));
    }
}
