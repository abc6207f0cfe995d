//! `check --data`: what is wrong with the rows, as findings with counts.

use super::Session;
use super::fault::fault_of;
use crate::diagnostic::{Code, Diagnostic};
use crate::explain::{Asker, ExplainError};
use crate::ir::{ColumnId, Program, SourceId};
use crate::plan::audit::Trouble;
use crate::types::Type;
use crate::value::group;

impl Session {
    /// Reads every row of every source that the program reaches. A warning of the script may come once more, with how
    /// many customers it is about.
    pub fn check_data(&self, program: &Program) -> Result<Vec<Diagnostic>, Diagnostic> {
        self.with_tables(program, &|_| {}, |asker| {
            let mut found = Vec::new();
            for (i, source) in program.sources.iter().enumerate().filter(|(_, s)| s.copy.is_none()) {
                if source.opened {
                    findings(asker, SourceId(u32::try_from(i).unwrap_or(u32::MAX)), &mut found)?;
                }
            }
            // Where a key stands twice there are no customers to count: that is said already.
            if !found.iter().any(Diagnostic::is_error) {
                match self.odd_sizes(asker) {
                    Ok(sizes) => found.extend(sizes),
                    Err(error) => found.push(fault_of(&error)),
                }
            }
            found.retain(|d| !program.allowed.silences(d));
            Ok(found)
        })
    }
}

/// What is wrong with the rows of one source.
fn findings(asker: &Asker<'_>, id: SourceId, found: &mut Vec<Diagnostic>) -> Result<(), ExplainError> {
    let program = asker.program;
    let Some(source) = program.source(id) else { return Ok(()) };
    let name = &source.name;
    let column = |c: ColumnId| source.column(c).map_or("", |c| c.name.as_str());
    let audit = asker.audit(id)?;
    let total = audit.rows;
    for (trouble, n) in &audit.troubles {
        let n_of = format!("{} of {} rows", group(&n.to_string()), group(&total.to_string()));
        let diagnostic = match trouble {
            Trouble::Rows => continue,
            Trouble::NoKey(c) => {
                Diagnostic::new(Code::DataNoKey, format!("{name}: {n_of} have no key (`{}`)", column(*c)))
                    .help("a row without a key is nobody: it is in no segment under any name")
            }
            Trouble::NoOwner(c) => Diagnostic::new(
                Code::DataNoKey,
                format!("{name}: {n_of} belong to nobody (`{}` is missing)", column(*c)),
            ),
            Trouble::NoTime(c) => Diagnostic::new(
                Code::DataNoTime,
                format!("{name}: {n_of} have no time (`{}` is missing)", column(*c)),
            )
            .help(match source.latest == Some(*c) {
                true => "a row of a history without its date stands for no day",
                false => "an event without a time is in no window",
            }),
            Trouble::Future(c) => Diagnostic::new(
                Code::DataFuture,
                format!("{name}: {n_of} lie after {} (`{}`)", program.as_of.text(&program.zone), column(*c)),
            )
            .help("events after the run's day are never seen"),
            Trouble::DoesNotFit(c) => {
                let ty = match source.column(*c).map(|c| &c.ty) {
                    // One that is too large is a whole number, too.
                    Some(Type::Int) => "whole number of 64 bits".to_string(),
                    ty => ty.map_or(String::new(), Type::to_string),
                };
                Diagnostic::new(
                    Code::DataDoesNotFit,
                    format!("{name}: {n_of} have a `{}` that is no {ty}", column(*c)),
                )
                .help("such values are missing")
            }
            Trouble::StrayBlanks(c) => Diagnostic::new(
                Code::DataStrayBlanks,
                format!("{name}: {n_of} have blanks at an end of `{}`", column(*c)),
            )
            .help("text compares exactly: \" east\" is not \"east\""),
        };
        found.push(diagnostic.at(source.span));
    }
    for (owner, orphans) in source.of.iter().zip(&audit.orphans) {
        let orphans = orphans.unwrap_or(0);
        if orphans > 0 {
            let message = format!(
                "{name}: {} of {} rows belong to no row of {} (`{}`)",
                group(&orphans.to_string()),
                group(&total.to_string()),
                program.source_name(owner.entity),
                column(owner.by)
            );
            found.push(Diagnostic::new(Code::DataOrphans, message).at(source.span));
        }
    }
    if !audit.doubles.is_empty() {
        let (entity, samples) = (name.clone(), audit.doubles);
        found.push(fault_of(&ExplainError::DuplicateKeys { entity, samples }).at(source.span));
    }
    Ok(())
}
