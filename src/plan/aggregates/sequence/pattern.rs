//! One customer's events against a sequence: plain data in, the match out.
//!
//! Each step has its own list of events in the order of time. For an event of one step, those of the next that may
//! follow it are a range of the next step's list: after it, within the gap, and not after the first event that a
//! `not` between the two forbids. A pass forward says what is reached, one backward what can be completed, and a
//! last one picks the earliest of each step in turn. Without comparisons between steps a range is one look-up.

use crate::ir::CompareOp;
use crate::ir::time::{forth, seconds};
use crate::syntax::ast::Duration;
use chrono::NaiveDate;

/// The rank of a missing value.
pub const MISSING: i64 = -1;

/// What a sequence asks, without its expressions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern {
    /// The first is not negated.
    pub steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Step {
    pub negated: bool,
    /// Its events have days and no time of day.
    pub dated: bool,
    pub within: Option<Duration>,
    pub links: Vec<Link>,
}

/// A comparison of the step's own value with one of the positive step before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Link {
    pub op: CompareOp,
    /// Which of the sequence's comparisons it is.
    pub number: usize,
}

/// One event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its local day, since 1970-01-01.
    pub day: i32,
    /// Microseconds on one clock for all sources; 0 where it has only a day.
    pub clock: i64,
    /// Its time as the source has it: days, or microseconds.
    pub time: i64,
    /// Bit n: it may be step n.
    pub mask: i64,
    /// Where its values stand in [`Ranks`].
    pub row: usize,
}

/// For each comparison, the ranks of the own and of the earlier values by row: they compare as the values do.
pub struct Ranks(pub Vec<(Vec<i64>, Vec<i64>)>);

/// What a customer's events say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// How many positive steps in a row were reached.
    pub reached: usize,
    /// For each positive step, the time of its event; none where the sequence did not happen.
    pub times: Option<Vec<i64>>,
}

/// How far from an event the next one may be.
#[derive(Clone, Copy)]
enum Limit {
    None,
    Day(i32),
    Clock(i64),
}

impl Limit {
    fn holds(self, event: &Event) -> bool {
        match self {
            Limit::None => true,
            Limit::Day(last) => event.day <= last,
            Limit::Clock(last) => event.clock <= last,
        }
    }
}

impl Step {
    fn limit(&self, from: &Event) -> Limit {
        let Some(length) = self.within else { return Limit::None };
        if let Some(seconds) = seconds(length) {
            return Limit::Clock(from.clock.saturating_add(seconds.saturating_mul(1_000_000)));
        }
        let epoch = NaiveDate::default();
        let last = epoch
            .checked_add_signed(chrono::Duration::days(i64::from(from.day)))
            .and_then(|day| forth(day, length))
            .map(|day| day.signed_duration_since(epoch).num_days());
        match last.and_then(|days| i32::try_from(days).ok()) {
            Some(last) => Limit::Day(last),
            None => Limit::None,
        }
    }

    /// Its place in the order of its own step's events.
    fn order(&self, event: &Event) -> (i64, i64) {
        if self.dated { (i64::from(event.day), 0) } else { (event.clock, event.time) }
    }
}

impl Pattern {
    /// Matches one customer's events, in any order.
    pub fn search(&self, events: &[Event], ranks: &Ranks) -> Found {
        Search::new(self, events, ranks).found()
    }

    /// The places of the positive steps.
    pub fn positive(&self) -> Vec<usize> {
        self.steps.iter().enumerate().filter(|(_, s)| !s.negated).map(|(i, _)| i).collect()
    }
}

struct Search<'a> {
    pattern: &'a Pattern,
    ranks: &'a Ranks,
    /// Each step's events in their order.
    lists: Vec<Vec<Event>>,
    positive: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(pattern: &'a Pattern, events: &[Event], ranks: &'a Ranks) -> Self {
        let lists = pattern.steps.iter().enumerate().map(|(place, step)| {
            let mut list: Vec<Event> = events.iter().filter(|e| e.mask >> place & 1 == 1).copied().collect();
            list.sort_unstable_by_key(|e| step.order(e));
            list
        });
        Search { pattern, ranks, lists: lists.collect(), positive: pattern.positive() }
    }

    fn step(&self, place: usize) -> Option<&'a Step> {
        self.pattern.steps.get(place)
    }

    fn list(&self, place: usize) -> &[Event] {
        self.lists.get(place).map_or(&[], Vec::as_slice)
    }

    /// Whether `later`, of the step at `j`, is after `earlier`, of the step at `i`.
    fn is_after(&self, i: usize, earlier: &Event, j: usize, later: &Event) -> bool {
        let dated = |place: usize| self.step(place).is_some_and(|s| s.dated);
        if dated(i) || dated(j) { later.day > earlier.day } else { later.clock > earlier.clock }
    }

    /// Whether all comparisons of the step at `j` hold between its event and one of the positive step before.
    fn is_linked(&self, earlier: &Event, j: usize, own: &Event) -> bool {
        self.step(j).is_some_and(|s| {
            s.links.iter().all(|link| {
                let Some((of_own, of_earlier)) = self.ranks.0.get(link.number) else { return false };
                match (of_own.get(own.row), of_earlier.get(earlier.row)) {
                    (Some(a), Some(b)) if *a != MISSING && *b != MISSING => match link.op {
                        CompareOp::Equal => a == b,
                        CompareOp::NotEqual => a != b,
                        CompareOp::Less => a < b,
                        CompareOp::LessEqual => a <= b,
                        CompareOp::Greater => a > b,
                        CompareOp::GreaterEqual => a >= b,
                    },
                    _ => false,
                }
            })
        })
    }

    fn has_links(&self, place: usize) -> bool {
        self.step(place).is_some_and(|s| !s.links.is_empty())
    }

    /// The places of the negated steps after the positive step of this number.
    fn negated_after(&self, number: usize) -> std::ops::Range<usize> {
        let from = self.positive.get(number).map_or(0, |p| p + 1);
        from..self.positive.get(number + 1).copied().unwrap_or(self.pattern.steps.len())
    }

    /// The first event that the negated step at `place` forbids after `from`, of the positive step at `i`.
    fn forbidden(&self, i: usize, from: &Event, place: usize) -> Option<&Event> {
        let (list, step) = (self.list(place), self.step(place)?);
        let start = list.partition_point(|e| !self.is_after(i, from, place, e));
        let limit = step.limit(from);
        list.get(start..)?.iter().take_while(|e| limit.holds(e)).find(|e| self.is_linked(from, place, e))
    }

    /// The range of the next positive step's list that may follow `from`, comparisons apart.
    fn followers(&self, number: usize, from: &Event) -> std::ops::Range<usize> {
        let (Some(i), Some(j)) = (self.positive.get(number), self.positive.get(number + 1)) else {
            return 0..0;
        };
        let (i, j) = (*i, *j);
        let list = self.list(j);
        let start = list.partition_point(|e| !self.is_after(i, from, j, e));
        let limit = self.step(j).map_or(Limit::None, |s| s.limit(from));
        let forbidden: Vec<(usize, &Event)> = self
            .negated_after(number)
            .filter_map(|place| Some((place, self.forbidden(i, from, place)?)))
            .collect();
        let allowed =
            |e: &Event| limit.holds(e) && forbidden.iter().all(|(place, c)| !self.is_after(*place, c, j, e));
        let rest = list.get(start..).unwrap_or_default();
        start..start + rest.partition_point(allowed)
    }

    fn found(&self) -> Found {
        let reached = self.reached();
        if reached < self.positive.len() {
            return Found { reached, times: None };
        }
        Found { reached, times: self.times() }
    }

    /// How many positive steps in a row some prefix reaches.
    fn reached(&self) -> usize {
        let Some(first) = self.positive.first() else { return 0 };
        let mut here = vec![true; self.list(*first).len()];
        if here.is_empty() {
            return 0;
        }
        for number in 1..self.positive.len() {
            let (Some(i), Some(j)) = (self.positive.get(number - 1), self.positive.get(number)) else {
                break;
            };
            let next = self.list(*j);
            let mut there = vec![false; next.len()];
            // Ranges opened less ranges closed before each event.
            let mut open = vec![0i64; next.len() + 1];
            for (from, _) in self.list(*i).iter().zip(&here).filter(|(_, reached)| **reached) {
                let range = self.followers(number - 1, from);
                if self.has_links(*j) {
                    for (flag, e) in there.iter_mut().zip(next).take(range.end).skip(range.start) {
                        *flag = *flag || self.is_linked(from, *j, e);
                    }
                } else if !range.is_empty() {
                    open.get_mut(range.start).into_iter().for_each(|n| *n += 1);
                    open.get_mut(range.end).into_iter().for_each(|n| *n -= 1);
                }
            }
            let mut depth = 0;
            for (flag, change) in there.iter_mut().zip(&open) {
                depth += change;
                *flag = *flag || depth > 0;
            }
            if !there.contains(&true) {
                return number;
            }
            here = there;
        }
        self.positive.len()
    }

    /// For each positive step, which of its events complete the sequence from there on: for every place in the
    /// list the next such event at or after it.
    fn complete(&self) -> Vec<Vec<usize>> {
        let mut all: Vec<Vec<usize>> = Vec::new();
        for (number, i) in self.positive.iter().enumerate().rev() {
            let list = self.list(*i);
            let mut next = vec![list.len(); list.len() + 1];
            let mut nearest = list.len();
            for (at, from) in list.iter().enumerate().rev() {
                let ok = match all.last() {
                    None => self.negated_after(number).all(|place| self.forbidden(*i, from, place).is_none()),
                    Some(later) => self.first_follower(number, from, later).is_some(),
                };
                if ok {
                    nearest = at;
                }
                next.get_mut(at).into_iter().for_each(|n| *n = nearest);
            }
            all.push(next);
        }
        all.reverse();
        all
    }

    /// The first event of the next step that may follow `from` and completes the sequence.
    fn first_follower(&self, number: usize, from: &Event, later: &[usize]) -> Option<usize> {
        let j = *self.positive.get(number + 1)?;
        let range = self.followers(number, from);
        let list = self.list(j);
        let mut at = *later.get(range.start)?;
        while at < range.end {
            if self.is_linked(from, j, list.get(at)?) {
                return Some(at);
            }
            at = *later.get(at + 1)?;
        }
        None
    }

    /// The earliest first step that can be completed, then the earliest second, and so on.
    fn times(&self) -> Option<Vec<i64>> {
        let complete = self.complete();
        let mut times = Vec::with_capacity(self.positive.len());
        // All events that are the earliest: their times are equal, their values need not be.
        let mut chosen: Vec<Event> = Vec::new();
        for (number, place) in self.positive.iter().enumerate() {
            let (list, step) = (self.list(*place), self.step(*place)?);
            let next = complete.get(number)?;
            let mut firsts: Vec<usize> = Vec::new();
            if number == 0 {
                firsts.extend(next.first());
            } else {
                let before = number - 1;
                firsts.extend(chosen.iter().filter_map(|e| self.first_follower(before, e, next)));
            }
            let best = firsts.iter().filter_map(|at| list.get(*at)).min_by_key(|e| step.order(e)).copied()?;
            let mut at = *next.get(list.partition_point(|e| step.order(e) < step.order(&best)))?;
            let mut equal = Vec::new();
            while let Some(e) = list.get(at).filter(|e| step.order(e) == step.order(&best)) {
                let follows = number == 0
                    || chosen.iter().any(|from| {
                        self.followers(number - 1, from).contains(&at) && self.is_linked(from, *place, e)
                    });
                if follows {
                    equal.push(*e);
                }
                at = *next.get(at + 1)?;
            }
            times.push(best.time);
            // Without values to compare, one of equals is as good as all.
            let after = (place + 1)..self.pattern.steps.len();
            if !after.clone().any(|later| self.has_links(later)) {
                equal.truncate(1);
            }
            chosen = equal;
        }
        Some(times)
    }
}
