//! Windows: from words to real bounds, relative to the run's `as of`, never past it.

use super::Checker;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::time::WindowWords;
use crate::ir::time::{back, next_day, seconds, unit_start};
use crate::ir::{Literal, Moment, SourceId, Window};
use crate::source::Span;
use crate::syntax::ast::{self, Duration, Expr, WindowKind};
use crate::types::Type;
use chrono::NaiveDate;

impl Checker<'_> {
    /// No window: all up to and including the run's day.
    pub(super) fn everything(&self) -> Window {
        Window { start: None, end: self.seen_until(), written: None }
    }

    /// The bounds of a window; `None` where it cannot be (reported).
    pub(super) fn window(&mut self, window: &ast::Window, events: SourceId) -> Option<Window> {
        let today = self.as_of.day(&self.zone);
        let span = window.span;
        let (start, end, written) = match &window.kind {
            WindowKind::Last { length, ending } => {
                let (start, end) = self.last(*length, *ending, today, events, span)?;
                (Some(start), end, WindowWords::Last { length: *length, ending: *ending })
            }
            WindowKind::Calendar { previous, unit } => {
                let this = unit_start(today, *unit);
                let bounds = match (previous, this) {
                    (false, Some(start)) => Some((start, next_day(today))),
                    (true, Some(end)) => {
                        end.pred_opt().and_then(|d| unit_start(d, *unit)).map(|start| (start, end))
                    }
                    (_, None) => None,
                };
                let Some((start, end)) = bounds else {
                    return self.bad(span, "calendar units are day, week, month, quarter and year", None);
                };
                (
                    Some(Moment::Day(start)),
                    Moment::Day(end),
                    WindowWords::Calendar { previous: *previous, unit: *unit },
                )
            }
            WindowKind::LastUnit(unit) => {
                let some = if unit.word() == "day" { 90 } else { 3 };
                let unit = unit.word();
                return self.bad(
                    span,
                    &format!("`in last {unit}` does not say how many, or which"),
                    Some(format!("write `in last {some} {unit}s`, `in last 1 {unit}` (up to today) or `in previous {unit}` (the calendar {unit} before this one)")),
                );
            }
            WindowKind::FromTo { from, to } => {
                let (start, _) = self.bound(from, false)?;
                let (end, _) = self.bound(to, true)?;
                if start.utc(&self.zone) >= end.utc(&self.zone) && !self.may_be_empty(from, to) {
                    return self.bad(
                        span,
                        "the window ends before it begins",
                        Some("write the earlier date first; both ends are included".into()),
                    );
                }
                (Some(start), end, WindowWords::FromTo)
            }
            WindowKind::Since(from) => {
                (Some(self.bound(from, false)?.0), self.seen_until(), WindowWords::Since)
            }
            WindowKind::Before(to) => (None, self.bound(to, false)?.0, WindowWords::Before),
            WindowKind::On(day) => {
                let (start, is_day) = self.bound(day, false)?;
                if !is_day {
                    return self.bad(
                        span,
                        "`on` takes a day",
                        Some("an hour of a day is `from … to …`".into()),
                    );
                }
                (Some(start), self.bound(day, true)?.0, WindowWords::On)
            }
            WindowKind::WithinAfter { .. } | WindowKind::DaysAfter { .. } | WindowKind::After(_) => {
                return self.bad(
                    span,
                    "a window from a customer's own date belongs to an aggregate",
                    Some("here, count from the run's day: `in last 90 days`".into()),
                );
            }
        };
        let cut = self.seen_until();
        let end = if end.utc(&self.zone) > cut.utc(&self.zone) { cut } else { end };
        Some(Window { start, end, written: Some(written) })
    }

    fn last(
        &mut self,
        length: Duration,
        ending: Option<Duration>,
        today: NaiveDate,
        events: SourceId,
        span: Span,
    ) -> Option<(Moment, Moment)> {
        if length.amount == 0 {
            return self.bad(
                span,
                "a window of nothing holds no event",
                Some("`in last 1 day` is the run's day alone".into()),
            );
        }
        if let Some(length) = seconds(length) {
            self.has_time_of_day(events, span)?;
            let cut = self.as_of.cut().utc(&self.zone);
            let end = match ending {
                None => cut,
                Some(ago) => match seconds(ago) {
                    Some(ago) => cut - chrono::Duration::seconds(ago),
                    None => Moment::Day(next_day(back(today, ago)?)).utc(&self.zone),
                },
            };
            let start = end.checked_sub_signed(chrono::Duration::seconds(length));
            return match start {
                Some(start) => Some((Moment::Instant(start), Moment::Instant(end))),
                None => self.bad(span, "the window begins before the calendar does", None),
            };
        }
        let anchor = match ending {
            None => Some(today),
            Some(ago) if seconds(ago).is_some() => {
                return self.bad(
                    span,
                    "a window of days ends days ago, not hours",
                    Some("`in last 30 days ending 30 days ago`".into()),
                );
            }
            Some(ago) => back(today, ago),
        };
        match anchor.and_then(|anchor| Some((back(anchor, length)?, anchor))) {
            Some((before, anchor)) => Some((Moment::Day(next_day(before)), Moment::Day(next_day(anchor)))),
            None => self.bad(span, "the window begins before the calendar does", None),
        }
    }

    /// A bound that is known before the run, and whether it is a day. `end`: the moment after it.
    fn bound(&mut self, expr: &Expr, end: bool) -> Option<(Moment, bool)> {
        let (literal, ty) = self.constant(expr)?;
        match literal {
            Literal::Date(day) => Some((Moment::Day(if end { next_day(day) } else { day }), true)),
            Literal::Local(t) => {
                let moment = self.zone.to_utc(t);
                Some((
                    Moment::Instant(if end { moment + chrono::Duration::microseconds(1) } else { moment }),
                    false,
                ))
            }
            Literal::Utc(t) => {
                Some((Moment::Instant(if end { t + chrono::Duration::microseconds(1) } else { t }), false))
            }
            Literal::Number(_) | Literal::Text(_) | Literal::Bool(_) | Literal::Duration(_) => {
                self.error(
                    Diagnostic::new(
                        Code::TypeMismatch,
                        format!("a window's bound must be a date; this is {}", ty.described()),
                    )
                    .at(expr.span)
                    .help("write a date like 2026-10-31, without quotes"),
                );
                None
            }
        }
    }

    /// The type of the time of a source's events.
    pub(super) fn time_of(&self, events: SourceId) -> Option<Type> {
        self.source(events).and_then(|s| s.column(s.time.as_ref()?.column)).map(|c| c.ty.clone())
    }

    /// A window in hours needs events with a time of day; `None` where they have dates (reported).
    pub(super) fn has_time_of_day(&mut self, events: SourceId, span: Span) -> Option<()> {
        if self.time_of(events) != Some(Type::Date) {
            return Some(());
        }
        let message =
            format!("{} have dates, and a window in hours needs a time of day", self.source_name(events));
        self.bad(span, &message, Some("count in days".into()))
    }

    pub(super) fn bad<T>(&mut self, span: Span, message: &str, help: Option<String>) -> Option<T> {
        self.error(Diagnostic::new(Code::BadWindow, message).at(span).help_if(help));
        None
    }
}
