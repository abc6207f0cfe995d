//! Windows from a customer's own date: `within 30 days after open_date`, `in days 1 to 7 after X`, `after X`.

use super::Checker;
use super::scope::Row;
use crate::diagnostic::{Code, Diagnostic};
use crate::functions::Function;
use crate::ir::time::seconds;
use crate::ir::{ArithmeticOp, CompareOp, ExprId, Literal, Node, OwnWindow, OwnWords, SourceId};
use crate::syntax::ast::{self, Duration, Number, TimeUnit, WindowKind};
use crate::types::Type;

impl Checker<'_> {
    /// The events of a window from the customer's own date, as a condition on the event's row. `None` where it is
    /// faulty (reported).
    pub(super) fn own_window(
        &mut self,
        window: &ast::Window,
        events: SourceId,
        entity: SourceId,
    ) -> Option<OwnWindow> {
        let (words, anchor) = match &window.kind {
            WindowKind::WithinAfter { length, anchor } => (OwnWords::Within(*length), anchor),
            WindowKind::DaysAfter { first, last, anchor } => (OwnWords::Days(*first, *last), anchor),
            WindowKind::After(anchor) => (OwnWords::After, anchor),
            _ => return None,
        };
        if self.holds_aggregate(anchor) {
            self.error(
                Diagnostic::new(Code::NestedAggregate, "an aggregate cannot stand inside another")
                    .at(anchor.span)
                    .help("name the inner one: define a tag with it, and use the tag here"),
            );
            return None;
        }
        let x = self.expr(&Row::Entity(entity), anchor);
        let ty = self.graph.ty(x).clone();
        if ty.is_error() {
            return None;
        }
        if !ty.is_time() {
            let message = format!("a window begins at a date of the customer's; this is {}", ty.described());
            self.error(
                Diagnostic::new(Code::TypeMismatch, message)
                    .at(anchor.span)
                    .help("a column or tag that is a date or an instant: `within 30 days after open_date`"),
            );
            return None;
        }
        let t = self.event_time(events)?;
        let condition = match words {
            OwnWords::Days(first, last) => {
                if first > last {
                    let help = format!(
                        "`in days {last} to {first} after …`: both days are in it, day 0 is the date itself"
                    );
                    return self.bad(window.span, "the window ends before it begins", Some(help));
                }
                self.days_between(t, x, i128::from(first), i128::from(last))
            }
            OwnWords::Within(length) => match (seconds(length), length.unit) {
                (Some(_), _) => {
                    self.has_time_of_day(events, window.span)?;
                    if ty == Type::Date {
                        let message = "a window in hours begins at an instant; this is a date";
                        return self.bad(window.span, message, Some("count in days".into()));
                    }
                    let until = self.later(x, length, ty);
                    self.both(t, x, until)
                }
                (None, TimeUnit::Day) => self.days_between(t, x, 0, i128::from(length.amount)),
                (None, TimeUnit::Week) => self.days_between(t, x, 0, i128::from(length.amount) * 7),
                (None, _) => {
                    let (day, from) = (self.local_day(t), self.local_day(x));
                    let until = self.later(from, length, Type::Date);
                    self.both(day, from, until)
                }
            },
            OwnWords::After => {
                let (left, right) = (self.local_day(t), self.local_day(x));
                self.graph.add(Node::Compare { op: CompareOp::GreaterEqual, left, right }, Type::Bool)
            }
        };
        Some(OwnWindow { anchor: x, words, condition })
    }

    /// The time of an event.
    fn event_time(&mut self, events: SourceId) -> Option<ExprId> {
        let column = self.source(events)?.time.as_ref()?.column;
        let ty = self.time_of(events)?;
        Some(self.graph.add(Node::Column { source: events, via: Vec::new(), column }, ty))
    }

    /// The local day of a moment.
    fn local_day(&mut self, moment: ExprId) -> ExprId {
        match self.graph.ty(moment) {
            Type::Date => moment,
            _ => self.graph.add(Node::Call { function: Function::Date, arguments: vec![moment] }, Type::Date),
        }
    }

    /// The days from X's day (0) to the event's lie between two numbers, both included.
    fn days_between(&mut self, t: ExprId, x: ExprId, first: i128, last: i128) -> ExprId {
        let (left, right) = (self.local_day(t), self.local_day(x));
        let value = self.graph.add(Node::Arithmetic { op: ArithmeticOp::Subtract, left, right }, Type::Int);
        let mut whole = |digits| {
            let number = Number { digits, scale: 0, has_point: false };
            self.graph.add(Node::Literal(Literal::Number(number)), Type::Int)
        };
        let (low, high) = (whole(first), whole(last));
        self.graph.add(Node::Between { value, low, high }, Type::Bool)
    }

    fn later(&mut self, left: ExprId, by: Duration, ty: Type) -> ExprId {
        let right = self.graph.add(Node::Literal(Literal::Duration(by)), Type::Duration);
        self.graph.add(Node::Arithmetic { op: ArithmeticOp::Add, left, right }, ty)
    }

    fn both(&mut self, value: ExprId, low: ExprId, high: ExprId) -> ExprId {
        self.graph.add(Node::Between { value, low, high }, Type::Bool)
    }
}
