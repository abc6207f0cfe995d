//! Sequences of events in words.

use super::Lang;
use super::expr::{Precedence, Printer, Row};
use super::words::{self, glue};
use crate::ir::{ExprId, Node, Sequence, SequencePart, SequenceStep};

impl Printer<'_> {
    /// `happened(app where event = "login" then not transactions within 7 days in last 90 days)`.
    pub(super) fn sequence(&self, s: &Sequence) -> String {
        let steps: Vec<String> = (0..s.steps.len()).map(|place| self.step(s, place)).collect();
        let window = words::window(self.program(), &s.window, self.lang());
        match self.lang() {
            Lang::En => {
                let mut text = format!("happened({}", steps.join(" then "));
                if let Some(window) = window {
                    let bare = ["from ", "since ", "before ", "on "].iter().any(|w| window.starts_with(w));
                    text.push_str(if bare { " " } else { " in " });
                    text.push_str(&window);
                }
                text + ")"
            }
            Lang::Zh => {
                let window = window
                    .map(|w| if w.starts_with("最近") { glue(&[&w, "内"]) } else { w })
                    .unwrap_or_default();
                glue(&[&window, "依次发生", &steps.join("，")])
            }
        }
    }

    pub(super) fn step(&self, s: &Sequence, place: usize) -> String {
        let Some(step) = s.steps.get(place) else { return String::new() };
        let name = self.program().source_name(step.events);
        let conditions = self.conditions(s, place, step);
        let within = step.within.map(|d| words::duration(d, self.lang()));
        match self.lang() {
            Lang::En => {
                let not = if step.negated { "not " } else { "" };
                let filter =
                    if conditions.is_empty() { String::new() } else { format!(" where {conditions}") };
                let within = within.map(|d| format!(" within {d}")).unwrap_or_default();
                format!("{not}{name}{filter}{within}")
            }
            Lang::Zh => {
                let within = within.map(|d| glue(&[&d, "内"])).unwrap_or_default();
                let word = match (place, step.negated) {
                    (0, _) => "",
                    (_, true) => "没有",
                    (_, false) => "有",
                };
                let filter =
                    if conditions.is_empty() { String::new() } else { format!("（{conditions}）") };
                glue(&[&within, word, name, &filter])
            }
        }
    }

    /// What is asked of a step's event, on its own row and beside the step before.
    fn conditions(&self, s: &Sequence, place: usize, step: &SequenceStep) -> String {
        let row = Row::Filter { events: step.events, entity: s.entity(self.program()) };
        let own = self.on(row);
        let loose = if step.links.is_empty() { Precedence::Loosest } else { Precedence::Not };
        let mut all: Vec<String> = step.filter.iter().map(|f| own.print(*f, loose)).collect();
        let before = s.steps.get(..place).and_then(|b| b.iter().rposition(|s| !s.negated));
        for link in &step.links {
            let left = own.print(link.own, Precedence::Coalesce);
            let events = before.and_then(|b| s.steps.get(b)).map_or(step.events, |b| b.events);
            let name = SequencePart::Time(u32::try_from(before.unwrap_or(0)).unwrap_or(0)).name();
            let right = self.earlier(events, &name).print(link.earlier, Precedence::Coalesce);
            all.push(format!("{left} {} {right}", words::compare(link.op)));
        }
        all.join(match self.lang() {
            Lang::En => " and ",
            Lang::Zh => " 且 ",
        })
    }

    /// The formula of a part.
    pub(super) fn sequence_part(&self, sequence: ExprId, part: SequencePart) -> String {
        let Node::Sequence(s) = self.program().node(sequence) else { return part.name() };
        let text = self.sequence(s);
        match (part, self.lang()) {
            (SequencePart::Steps, Lang::En) => format!("steps reached of {text}"),
            (SequencePart::Steps, Lang::Zh) => format!("（{text}）到达的步数"),
            (SequencePart::Time(place), Lang::En) => format!("time of step {} of {text}", place + 1),
            (SequencePart::Time(place), Lang::Zh) => format!("（{text}）第 {} 步的时间", place + 1),
        }
    }
}
