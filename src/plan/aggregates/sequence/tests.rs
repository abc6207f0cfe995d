//! The search against one that tries everything, on small random inputs.

use super::pattern::{Event, Found, Link, MISSING, Pattern, Ranks, Step};
use crate::ir::CompareOp;
use crate::syntax::ast::{Duration, TimeUnit};

const DAY: i64 = 86_400_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

fn pattern(random: &mut Random) -> Pattern {
    let count = 1 + random.below(5);
    let mut steps = Vec::new();
    let mut numbers = 0;
    for place in 0..count {
        let dated = random.chance(4);
        let mut links = Vec::new();
        for _ in 0..if place > 0 && random.chance(3) { 1 + random.below(2) } else { 0 } {
            let op = [
                CompareOp::Equal,
                CompareOp::NotEqual,
                CompareOp::Less,
                CompareOp::LessEqual,
                CompareOp::Greater,
                CompareOp::GreaterEqual,
            ][random.below(6) as usize];
            links.push(Link { op, number: numbers });
            numbers += 1;
        }
        let within = (place > 0 && random.chance(2)).then(|| Duration {
            amount: random.below(4) as u32,
            unit: if random.chance(3) && !dated { TimeUnit::Hour } else { TimeUnit::Day },
        });
        steps.push(Step { negated: place > 0 && random.chance(3), dated, within, links });
    }
    // A gap in hours needs a time of day on both sides.
    let mut before = false;
    for step in &mut steps {
        if (before || step.dated)
            && let Some(within) = &mut step.within
        {
            within.unit = TimeUnit::Day;
        }
        if !step.negated {
            before = step.dated;
        }
    }
    Pattern { steps }
}

fn events(random: &mut Random, pattern: &Pattern) -> (Vec<Event>, Ranks) {
    let n = random.below(9) as usize;
    let events = (0..n)
        .map(|row| {
            let day = random.below(5) as i32;
            let dated = random.chance(4);
            let mut mask = random.below(1 << pattern.steps.len()) as i64;
            for (place, step) in pattern.steps.iter().enumerate() {
                if step.dated != dated {
                    mask &= !(1 << place);
                }
            }
            let clock = i64::from(day) * DAY + random.below(4) as i64 * 3_600_000_000;
            let (clock, time) = if dated { (0, i64::from(day)) } else { (clock, clock) };
            Event { day, clock, time, mask, row }
        })
        .collect();
    let count = pattern.steps.iter().map(|s| s.links.len()).sum::<usize>();
    let mut side = || (0..n).map(|_| random.below(4) as i64 + MISSING).collect::<Vec<_>>();
    (events, Ranks((0..count).map(|_| (side(), side())).collect()))
}

struct Slow<'a> {
    pattern: &'a Pattern,
    events: &'a [Event],
    ranks: &'a Ranks,
}

impl Slow<'_> {
    fn after(&self, i: usize, a: &Event, j: usize, b: &Event) -> bool {
        if self.pattern.steps[i].dated || self.pattern.steps[j].dated {
            b.day > a.day
        } else {
            b.clock > a.clock
        }
    }

    /// Whether `b` may be the step at `j` beside `a` of the positive step before.
    fn fits(&self, i: usize, a: &Event, j: usize, b: &Event) -> bool {
        let step = &self.pattern.steps[j];
        let near = step.within.is_none_or(|w| match w.unit {
            TimeUnit::Hour => b.clock - a.clock <= i64::from(w.amount) * 3_600_000_000,
            _ => b.day - a.day <= w.amount as i32,
        });
        let linked = step.links.iter().all(|l| {
            let (own, earlier) = (self.ranks.0[l.number].0[b.row], self.ranks.0[l.number].1[a.row]);
            own != MISSING
                && earlier != MISSING
                && match l.op {
                    CompareOp::Equal => own == earlier,
                    CompareOp::NotEqual => own != earlier,
                    CompareOp::Less => own < earlier,
                    CompareOp::LessEqual => own <= earlier,
                    CompareOp::Greater => own > earlier,
                    CompareOp::GreaterEqual => own >= earlier,
                }
        });
        b.mask >> j & 1 == 1 && self.after(i, a, j, b) && near && linked
    }

    /// Every way to take the steps from `place` on, as the places' events.
    fn ways(&self, place: usize, taken: &[(usize, Event)], reached: &mut usize, found: &mut Vec<Vec<Event>>) {
        *reached = (*reached).max(taken.len());
        let next = (place..self.pattern.steps.len()).find(|p| !self.pattern.steps[*p].negated);
        let negated = place..next.unwrap_or(self.pattern.steps.len());
        let bad = |b: Option<&Event>| {
            negated.clone().any(|n| {
                let (i, a) = taken.last().unwrap();
                let forbidden = |c: &&Event| {
                    self.fits(*i, a, n, c) && b.is_none_or(|b| self.after(n, c, next.unwrap(), b))
                };
                self.events.iter().any(|c| forbidden(&c))
            })
        };
        let Some(next) = next else {
            if !bad(None) {
                found.push(taken.iter().map(|(_, e)| *e).collect());
            }
            return;
        };
        for e in self.events {
            let fits = match taken.last() {
                None => e.mask >> next & 1 == 1,
                Some((i, a)) => self.fits(*i, a, next, e) && !bad(Some(e)),
            };
            if fits {
                let mut longer = taken.to_vec();
                longer.push((next, *e));
                self.ways(next + 1, &longer, reached, found);
            }
        }
    }

    fn found(&self) -> Found {
        let (mut reached, mut all) = (0, Vec::new());
        self.ways(0, &[], &mut reached, &mut all);
        let times = all.iter().map(|w| w.iter().map(|e| e.time).collect::<Vec<_>>()).min();
        Found { reached, times }
    }
}

#[test]
fn the_search_finds_what_trying_everything_finds() {
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    let (mut matched, mut linked) = (0, 0);
    for round in 0..60_000 {
        let pattern = pattern(&mut random);
        let (mut events, ranks) = events(&mut random, &pattern);
        let slow = Slow { pattern: &pattern, events: &events, ranks: &ranks }.found();
        let quick = pattern.search(&events, &ranks);
        assert_eq!(quick, slow, "round {round}: {pattern:?}\n{events:?}\n{:?}", ranks.0);
        events.reverse();
        assert_eq!(pattern.search(&events, &ranks), slow, "round {round}, reversed");
        matched += usize::from(slow.times.is_some());
        linked += usize::from(slow.times.is_some() && !ranks.0.is_empty());
    }
    // Neither side is right only because nothing ever matches.
    assert!(matched > 10_000 && linked > 1_000, "{matched} {linked}");
}

#[test]
fn a_long_history_is_no_square() {
    let step = |negated| Step {
        negated,
        dated: false,
        within: Some(Duration { amount: 1, unit: TimeUnit::Day }),
        links: Vec::new(),
    };
    let mut steps = vec![step(false), step(true), step(false), step(false)];
    steps[0].within = None;
    let pattern = Pattern { steps };
    let events: Vec<Event> = (0..200_000i64)
        .map(|n| {
            let clock = n * 3_600_000_000;
            let mask = if n % 3 == 0 { 0b0001 } else { 0b0100 };
            Event { day: (clock / DAY) as i32, clock, time: clock, mask, row: n as usize }
        })
        .collect();
    let started = std::time::Instant::now();
    let found = pattern.search(&events, &Ranks(Vec::new()));
    assert_eq!(found, Found { reached: 2, times: None });
    assert!(started.elapsed().as_secs() < 20);
}
