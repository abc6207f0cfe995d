//! Parameters that take a column's name.

use super::super::Checker;
use crate::diagnostic::{Code, Diagnostic};

impl Checker<'_> {
    /// A bare name that is a parameter's means the parameter, on whatever row it stands.
    pub(super) fn hidden_columns(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for param in &self.params {
            let name = &param.def.name;
            let source = self.sources.iter().map(|s| &s.source).find(|s| {
                s.opened
                    && s.copy.is_none()
                    && (s.is_entity() || s.is_events())
                    && s.find_column(&name.text).is_some()
            });
            let Some(source) = source else { continue };
            found.push(
                Diagnostic::new(
                    Code::HidesColumn,
                    format!("`{}` is also a column of {}; the parameter wins", name.text, source.name),
                )
                .at(name.span)
                .help(format!(
                    "write `{}.{}` where the column is meant, or rename the parameter",
                    source.name, name.text
                )),
            );
        }
        found
    }
}
