//! `check --data`: what is wrong with the rows, as findings with counts.

use super::Session;
use super::fault::{fault_of, plan_fault};
use crate::diagnostic::{Code, Diagnostic};
use crate::explain::ExplainError;
use crate::explain::portrait::value_at;
use crate::ir::{ColumnId, Program, SourceId};
use crate::plan::Tables;
use crate::plan::audit::{self, Trouble};
use crate::plan::checks;
use crate::value::{Value, group};
use datafusion::arrow::array::RecordBatch;
use datafusion::logical_expr::LogicalPlan;

impl Session {
    /// Reads every row of every source that the program reaches.
    pub fn check_data(&self, program: &Program) -> Result<Vec<Diagnostic>, Diagnostic> {
        let tables = self.tables(program)?;
        let mut found = Vec::new();
        for (i, source) in program.sources.iter().enumerate() {
            if source.opened {
                self.audit(program, &tables, SourceId(u32::try_from(i).unwrap_or(u32::MAX)), &mut found)?;
            }
        }
        Ok(found)
    }

    fn audit(
        &self,
        program: &Program,
        tables: &Tables,
        id: SourceId,
        found: &mut Vec<Diagnostic>,
    ) -> Result<(), Diagnostic> {
        let Some(source) = program.source(id) else { return Ok(()) };
        let name = &source.name;
        let column = |c: ColumnId| source.column(c).map_or("", |c| c.name.as_str());
        let (plan, troubles) = audit::audit(program, tables, id).map_err(|e| plan_fault(&e))?;
        let batches = self.rows(plan)?;
        let counts: Vec<u64> = (0..troubles.len()).map(|i| cell(program, &batches, i, 0)).collect();
        let total = counts.first().copied().unwrap_or(0);
        for (trouble, n) in troubles.iter().zip(&counts).filter(|(_, n)| **n > 0) {
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
                .help("an event without a time is in no window"),
                Trouble::Future(c) => Diagnostic::new(
                    Code::DataFuture,
                    format!(
                        "{name}: {n_of} lie after {} (`{}`)",
                        program.as_of.text(&program.zone),
                        column(*c)
                    ),
                )
                .help("events after the run's day are never seen"),
                Trouble::DoesNotFit(c) => {
                    let ty = source.column(*c).map_or(String::new(), |c| c.ty.to_string());
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
        for (i, owner) in source.of.iter().enumerate() {
            if !program.source(owner.entity).is_some_and(|s| s.opened) {
                continue;
            }
            let plan = audit::orphans(program, tables, id, i).map_err(|e| plan_fault(&e))?;
            let orphans = cell(program, &self.rows(plan)?, 0, 0);
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
        if source.key.is_some() {
            let plan = checks::duplicate_keys(program, tables, id, 3).map_err(|e| plan_fault(&e))?;
            let samples = self.samples(program, plan)?;
            if !samples.is_empty() {
                let entity = name.clone();
                found.push(fault_of(&ExplainError::DuplicateKeys { entity, samples }).at(source.span));
            }
        }
        Ok(())
    }

    pub(super) fn rows(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>, Diagnostic> {
        self.engine.collect(plan).map_err(|e| fault_of(&ExplainError::Engine(e)))
    }

    /// Keys with how often they stand: `10042 (2 rows)`.
    pub(super) fn samples(&self, program: &Program, plan: LogicalPlan) -> Result<Vec<String>, Diagnostic> {
        let mut samples = Vec::new();
        for batch in &self.rows(plan)? {
            let [keys, times] = batch.columns() else { continue };
            for row in 0..batch.num_rows() {
                let text = |a| value_at(a, row, &program.zone).map(|v: Value| v.plain()).unwrap_or_default();
                samples.push(format!("{} ({} rows)", text(keys), text(times)));
            }
        }
        Ok(samples)
    }
}

/// A count out of a result.
fn cell(program: &Program, batches: &[RecordBatch], column: usize, row: usize) -> u64 {
    let array = batches.iter().find(|b| b.num_rows() > row).and_then(|b| b.columns().get(column));
    match array.map(|a| value_at(a, row, &program.zone)) {
        Some(Ok(Value::Int(n))) => u64::try_from(n).unwrap_or(0),
        _ => 0,
    }
}
