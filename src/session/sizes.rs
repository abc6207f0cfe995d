//! `check --data`: segments that hold nobody, everybody, or the same customers as another, and for how many a warning
//! of what is missing matters.

use super::Session;
use crate::diagnostic::{Code, Diagnostic};
use crate::explain::alike::{Doubted, Holding};
use crate::explain::{Asker, ExplainError};
use crate::ir::{DefId, Definition, DefinitionKind, Doubt, Node, Program, SourceId};
use crate::value::group;
use std::collections::{BTreeMap, HashMap};

/// Fewer than this may be the same by chance.
const BY_CHANCE: u64 = 5;

impl Session {
    /// What the sizes of the segments show: one pass for each entity that has segments.
    pub(super) fn odd_sizes(&self, asker: &Asker<'_>) -> Result<Vec<Diagnostic>, ExplainError> {
        self.check_unique(asker)?;
        let program = asker.program;
        let mut entities: BTreeMap<SourceId, (Vec<DefId>, Vec<&Doubt>)> = BTreeMap::new();
        for (id, d) in program.definition_ids() {
            if d.kind == DefinitionKind::Segment && d.is_written() {
                entities.entry(d.entity).or_default().0.push(id);
            }
        }
        for doubt in program.doubts.iter().filter(|d| !program.allowed.silences(&d.warning)) {
            entities.entry(doubt.entity).or_default().1.push(doubt);
        }
        let mut found = Vec::new();
        for (entity, (segments, doubts)) in entities {
            let (holdings, doubted) = asker.holdings(entity, &segments, &doubts)?;
            let of = program.source_name(entity);
            found.extend(doubts.iter().zip(&doubted).map(|(doubt, n)| counted(doubt, *n, of)));
            let mut first: HashMap<(u64, u128), &Definition> = HashMap::new();
            for holding in &holdings {
                let Some(d) = program.definition(holding.segment) else { continue };
                // Another name for a segment, or for everybody, is no formula of its own.
                if matches!(program.node(d.body), Node::Definition(_)) {
                    continue;
                }
                found.extend(extreme(d, holding, of));
                let earlier = *first.entry((holding.members, holding.print)).or_insert(d);
                if earlier.name != d.name && holding.members >= BY_CHANCE && holding.members < holding.total {
                    found.extend(the_same(program, earlier, d, holding));
                }
            }
        }
        Ok(found)
    }
}

/// The warning once more, with how many it is about.
fn counted(doubt: &Doubt, doubted: Doubted, of: &str) -> Diagnostic {
    let (rows, total) = (group(&doubted.rows.to_string()), group(&doubted.total.to_string()));
    let message = format!("{}: {rows} of {total} {of}", doubt.warning.message);
    Diagnostic { message, ..doubt.warning.clone() }
}

/// Nobody, or everybody.
fn extreme(d: &Definition, holding: &Holding, of: &str) -> Option<Diagnostic> {
    if holding.total == 0 {
        return None;
    }
    let name = &d.name;
    let total = group(&holding.total.to_string());
    let diagnostic = match holding.members {
        0 => Diagnostic::new(Code::HoldsNobody, format!("`{name}` holds nobody of {total} {of}"))
            .help(format!("`explain {name}` says which condition leaves nobody, and how many are undecided")),
        n if n == holding.total => {
            Diagnostic::new(Code::HoldsEverybody, format!("`{name}` holds all {total} {of}"))
                .help(format!("it decides nothing here: `explain {name}` says what each condition costs"))
        }
        _ => return None,
    };
    Some(diagnostic.at(d.span))
}

/// The same members by other words; the same words are W0337.
fn the_same(
    program: &Program,
    first: &Definition,
    second: &Definition,
    holding: &Holding,
) -> Option<Diagnostic> {
    if first.body == second.body {
        return None;
    }
    let (one, other) = (&first.name, &second.name);
    let members = group(&holding.members.to_string());
    Some(
        Diagnostic::new(
            Code::SameMembers,
            format!("`{other}` holds the same {members} {} as `{one}`", program.source_name(second.entity)),
        )
        .label(second.span, "the same members by other words")
        .related(first.span, "the first")
        .help(format!("on this data one of them does: compare `explain {one}` and `explain {other}`")),
    )
}
