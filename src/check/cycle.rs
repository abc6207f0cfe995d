//! Sources whose rows depend on each other: over look-ups in a `where`, or because one is the keys of the other.

use super::Checker;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{Node, SourceId};

impl Checker<'_> {
    /// A source whose rows cannot be read before its own rows are read would never end.
    pub(super) fn filter_cycles(&mut self) {
        for id in self.source_ids() {
            let mut trail = vec![id];
            if self.comes_back(id, &mut trail) {
                let names: Vec<String> =
                    trail.iter().chain([&id]).map(|s| format!("`{}`", self.source_name(*s))).collect();
                let span = self.source(id).map(|s| s.span);
                let by_keys = trail.iter().any(|s| self.source(*s).is_some_and(|s| s.keys_of.is_some()));
                let (what, help) = match by_keys {
                    true => (
                        "keys need themselves",
                        "keys are taken from the events that a `where` leaves; it cannot look into their entity",
                    ),
                    false => (
                        "a source's `where` needs itself",
                        "a `where` may look into other sources, but not come back to its own",
                    ),
                };
                let diagnostic =
                    Diagnostic::new(Code::Cycle, format!("{what}: {}", names.join(" → "))).help(help);
                self.error(match span {
                    Some(span) => diagnostic.at(span),
                    None => diagnostic,
                });
                return;
            }
        }
    }

    /// Whether what the rows of the last source need leads back to `to`.
    fn comes_back(&self, to: SourceId, trail: &mut Vec<SourceId>) -> bool {
        let last = trail.last().and_then(|s| self.source(*s));
        let filter = last.and_then(|s| s.filter);
        let mut targets: Vec<SourceId> = last.and_then(|s| s.keys_of).map(|k| k.events).into_iter().collect();
        if let Some(filter) = filter {
            self.graph.walk(filter, &mut |_, node| match node {
                Node::Column { source, via, .. } => {
                    let mut at = *source;
                    for link in via {
                        let Some(l) = self.source(at).and_then(|s| s.link(*link)) else { return };
                        at = l.target;
                        targets.push(at);
                    }
                }
                Node::InSource(list) => targets.push(list.list),
                _ => {}
            });
        }
        for target in targets {
            if target == to {
                return true;
            }
            if !trail.contains(&target) {
                trail.push(target);
                if self.comes_back(to, trail) {
                    return true;
                }
                trail.pop();
            }
        }
        false
    }
}
