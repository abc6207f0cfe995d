//! Sets of values of one subject: what comparisons with constants leave of them.

use crate::ir::{CompareOp, Literal, print};
use crate::syntax::ast::Number;
use crate::types::Type;
use chrono::NaiveDate;

/// Digits after the point up to which numbers are reasoned about.
const SCALE: u8 = 12;
const ONE: i128 = 10i128.pow(SCALE as u32);
/// Decimals of fewer digits are different floats.
const FLOAT_DIGITS: i128 = 10i128.pow(15);

/// A constant that values of a kind are compared with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Point {
    /// In units of 10⁻¹².
    Number(i128),
    Text(String),
    Bool(bool),
    Date(NaiveDate),
}

impl Point {
    /// The constant, where values of the type are compared with it exactly.
    pub(super) fn of(literal: &Literal, subject: &Type) -> Option<Point> {
        Some(match literal {
            Literal::Number(n) if subject.is_number() => {
                if *subject == Type::Float && n.digits.checked_abs()? >= FLOAT_DIGITS {
                    return None;
                }
                Point::Number(scaled(n)?)
            }
            Literal::Text(t) if subject.is_text() => Point::Text(t.clone()),
            Literal::Bool(b) if subject.is_bool() => Point::Bool(*b),
            // An instant is compared with a date by its local day.
            Literal::Date(d) if subject.is_time() => Point::Date(*d),
            _ => return None,
        })
    }

    pub(super) fn whole(n: i64) -> Point {
        Point::Number(i128::from(n).saturating_mul(ONE))
    }

    /// Constants of different kinds are not reasoned about together.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Point::Number(_) => 0,
            Point::Text(_) => 1,
            Point::Bool(_) => 2,
            Point::Date(_) => 3,
        }
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        match self {
            Point::Number(n) if n % ONE == 0 => (n / ONE).to_string(),
            Point::Number(n) => {
                let sign = if *n < 0 { "-" } else { "" };
                let (whole, part) =
                    (n.unsigned_abs() / ONE.unsigned_abs(), n.unsigned_abs() % ONE.unsigned_abs());
                let part = format!("{part:012}");
                format!("{sign}{whole}.{}", part.trim_end_matches('0'))
            }
            Point::Text(t) => print::quoted(t),
            Point::Bool(b) => if *b { "yes" } else { "no" }.to_string(),
            Point::Date(d) => d.to_string(),
        }
    }
}

fn scaled(n: &Number) -> Option<i128> {
    let up = SCALE.checked_sub(n.scale)?;
    n.digits.checked_mul(10i128.checked_pow(u32::from(up))?)
}

/// Where a set begins or ends: just before or just after a constant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Cut {
    Start,
    At(Point, bool),
    End,
}

/// Disjoint stretches in their order.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Set(Vec<(Cut, Cut)>);

impl Set {
    pub(super) fn all() -> Set {
        Set(vec![(Cut::Start, Cut::End)])
    }

    pub(super) fn only(point: Point) -> Set {
        Set(vec![(Cut::At(point.clone(), false), Cut::At(point, true))])
    }

    /// The values for which `x op point` is true.
    pub(super) fn where_compared(op: CompareOp, point: Point) -> Set {
        let at = |after| Cut::At(point.clone(), after);
        match op {
            CompareOp::Equal => Set::only(point),
            CompareOp::NotEqual => Set::only(point).complement(),
            CompareOp::Less => Set(vec![(Cut::Start, at(false))]),
            CompareOp::LessEqual => Set(vec![(Cut::Start, at(true))]),
            CompareOp::Greater => Set(vec![(at(true), Cut::End)]),
            CompareOp::GreaterEqual => Set(vec![(at(false), Cut::End)]),
        }
    }

    /// From one constant to another, both included; nothing where the first is the larger.
    pub(super) fn between(low: Point, high: Point) -> Set {
        Set::where_compared(CompareOp::GreaterEqual, low)
            .and(&Set::where_compared(CompareOp::LessEqual, high))
    }

    /// Several constants.
    pub(super) fn points(points: impl IntoIterator<Item = Point>) -> Set {
        let mut points: Vec<Point> = points.into_iter().collect();
        points.sort();
        points.dedup();
        Set(points.into_iter().map(|p| (Cut::At(p.clone(), false), Cut::At(p, true))).collect())
    }

    /// Whether a stretch of these reaches from at least one below a number to at least one above it: in it are whole numbers
    /// on either side.
    pub(super) fn surrounds(&self, point: &Point) -> bool {
        let Point::Number(n) = point else { return false };
        let is_above = |above: &i128, n: &i128| n.checked_add(ONE).is_some_and(|n| n <= *above);
        self.0.iter().any(|(low, high)| {
            let below = match low {
                Cut::Start => true,
                Cut::At(Point::Number(low), false) => is_above(n, low),
                _ => false,
            };
            let above = match high {
                Cut::End => true,
                Cut::At(Point::Number(high), true) => is_above(high, n),
                _ => false,
            };
            below && above
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn complement(&self) -> Set {
        let mut found = Vec::with_capacity(self.0.len() + 1);
        let mut from = Cut::Start;
        for (low, high) in &self.0 {
            if from < *low {
                found.push((from, low.clone()));
            }
            from = high.clone();
        }
        if from < Cut::End {
            found.push((from, Cut::End));
        }
        Set(found)
    }

    pub(super) fn and(&self, other: &Set) -> Set {
        let mut found = Vec::new();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((a, b)), Some((c, d))) = (left.peek(), right.peek()) {
            let (low, high) = (a.max(c), b.min(d));
            if low < high {
                found.push((low.clone(), high.clone()));
            }
            if b < d {
                left.next();
            } else {
                right.next();
            }
        }
        Set(found)
    }

    pub(super) fn or(&self, other: &Set) -> Set {
        self.complement().and(&other.complement()).complement()
    }

    /// Without the stretches in which no value of the type lies: between 5 and 6 there is no whole number.
    pub(super) fn on_grid(&self, ty: &Type) -> Set {
        Set(self.stretches_on_grid(ty).collect())
    }

    /// Whether no value of the type is among these.
    pub(super) fn is_empty_on_grid(&self, ty: &Type) -> bool {
        self.stretches_on_grid(ty).next().is_none()
    }

    fn stretches_on_grid(&self, ty: &Type) -> impl Iterator<Item = (Cut, Cut)> {
        let snap = |cut: &Cut| match cut {
            Cut::At(point, after) => snapped(point, *after, ty),
            cut => cut.clone(),
        };
        self.0.iter().map(move |(low, high)| (snap(low), snap(high))).filter(|(low, high)| low < high)
    }

    /// “between 0 and 23”, “one of "a", "b"”, “never below 0”; nothing for other sets.
    pub(super) fn said(&self) -> Option<String> {
        match self.0.as_slice() {
            [(Cut::At(low, false), Cut::At(high, true))] if low != high => {
                Some(format!("is between {} and {}", low.text(), high.text()))
            }
            [(Cut::At(low, false), Cut::End)] => Some(format!("is never below {}", low.text())),
            stretches if stretches.len() <= 12 => {
                let points = stretches.iter().map(|stretch| match stretch {
                    (Cut::At(low, false), Cut::At(high, true)) if low == high => Some(low.text()),
                    _ => None,
                });
                let points: Option<Vec<String>> = points.collect();
                points.filter(|p| !p.is_empty()).map(|p| match p.as_slice() {
                    [one] => format!("is always {one}"),
                    _ => format!("is one of {}", p.join(", ")),
                })
            }
            _ => None,
        }
    }
}

/// The first cut at or after this one beside which a value of the type lies.
fn snapped(point: &Point, after: bool, ty: &Type) -> Cut {
    match point {
        Point::Number(n) if *ty == Type::Int => {
            let below = n.div_euclid(ONE);
            let up = after || n.rem_euclid(ONE) != 0;
            match below.checked_add(i128::from(up)).and_then(|n| n.checked_mul(ONE)) {
                Some(n) => Cut::At(Point::Number(n), false),
                None => Cut::At(point.clone(), after),
            }
        }
        Point::Date(day) if after => match day.succ_opt() {
            Some(next) => Cut::At(Point::Date(next), false),
            None => Cut::End,
        },
        Point::Bool(false) => {
            if after {
                Cut::At(Point::Bool(true), false)
            } else {
                Cut::Start
            }
        }
        Point::Bool(true) if after => Cut::End,
        _ => Cut::At(point.clone(), after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(op: CompareOp, n: i64) -> Set {
        Set::where_compared(op, Point::whole(n))
    }

    #[test]
    fn between_two_whole_numbers_there_is_none() {
        let gap = at(CompareOp::Greater, 5).and(&at(CompareOp::Less, 6));
        assert!(!gap.on_grid(&Type::Float).is_empty());
        assert!(gap.on_grid(&Type::Int).is_empty());
        let half = Set::where_compared(CompareOp::Greater, Point::Number(ONE * 11 / 2));
        assert!(!half.and(&at(CompareOp::Less, 7)).on_grid(&Type::Int).is_empty());
        assert!(half.and(&at(CompareOp::Less, 6)).on_grid(&Type::Int).is_empty());
    }

    #[test]
    fn complements_meet_nowhere_and_leave_nothing_out() {
        for op in [CompareOp::Equal, CompareOp::NotEqual, CompareOp::Less, CompareOp::GreaterEqual] {
            let set = at(op, 3);
            assert!(set.and(&set.complement()).is_empty());
            assert_eq!(set.or(&set.complement()), Set::all());
        }
        assert!(Set::between(Point::whole(4), Point::whole(3)).is_empty());
    }

    #[test]
    fn what_a_number_is_surrounded_by() {
        let hours = Set::between(Point::whole(0), Point::whole(23));
        let around =
            |set: &Set| -> Vec<i64> { (-2..26).filter(|n| set.surrounds(&Point::whole(*n))).collect() };
        assert_eq!(around(&hours), (1..=22).collect::<Vec<i64>>());
        assert_eq!(around(&at(CompareOp::GreaterEqual, 20)), (21..26).collect::<Vec<i64>>());
        assert_eq!(around(&Set::all()).len(), 28);
        assert!(around(&Set::points([Point::whole(1), Point::whole(2), Point::whole(3)])).is_empty());
        assert!(!hours.surrounds(&Point::Number(ONE / 2)));
        assert!(!hours.surrounds(&Point::Text("noon".into())));
    }

    #[test]
    fn yes_and_no_are_all_there_is() {
        let both = Set::points([Point::Bool(true), Point::Bool(false)]);
        assert!(both.complement().on_grid(&Type::Bool).is_empty());
        assert_eq!(Set::points([Point::whole(2), Point::whole(1)]).said().unwrap(), "is one of 1, 2");
    }
}
