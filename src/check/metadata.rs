//! Metadata that means something: `@expires` and `@review`, and slips in the names of the known ones.

use super::Checker;
use super::definition::meta_text;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::syntax::ast::{self, Meta, MetaValue};

/// The metadata that Segue knows. Any other name may stand too, and means what a team agrees on.
pub const KNOWN: [&str; 7] = ["allow", "expires", "group", "note", "owner", "review", "since"];

impl<'a> Checker<'a> {
    pub(super) fn metadata(&mut self, scripts: &'a [ast::Script]) {
        for statement in scripts.iter().flat_map(|s| &s.statements) {
            for meta in &statement.meta {
                self.meta(statement, meta);
            }
        }
    }

    fn meta(&mut self, statement: &ast::Statement, meta: &Meta) {
        let name = meta.name.text.as_str();
        match name {
            "allow" => self.allow(statement, meta),
            "expires" => self.expires(statement, meta),
            "review" => self.review(statement, meta),
            "since" => {
                self.noted_day(meta);
            }
            _ => {
                if let Some(known) = suggest::slip(name, KNOWN) {
                    self.error(
                        Diagnostic::new(Code::MetadataName, format!("`@{name}` is read by nobody"))
                            .at(meta.name.span)
                            .help(format!("did you mean `@{known}`?")),
                    );
                }
            }
        }
    }

    /// The day of a dated metadata line; what is no day would be passed over in silence.
    fn noted_day(&mut self, meta: &Meta) -> Option<chrono::NaiveDate> {
        if let (MetaValue::Date(day, _), []) = (&meta.value, meta.more.as_slice()) {
            return Some(*day);
        }
        let name = &meta.name.text;
        let text = meta_text(meta);
        let help = match chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            Ok(day) => format!("write it without quotes: `@{name} {day}`"),
            Err(_) => format!("write a day: `@{name} 2027-01-31`"),
        };
        self.error(
            Diagnostic::new(Code::MetadataDate, format!("`@{name}` needs a day")).at(meta.span).help(help),
        );
        None
    }

    /// The day itself is the last on which the definition holds.
    fn expires(&mut self, statement: &ast::Statement, meta: &Meta) {
        let Some(day) = self.noted_day(meta) else { return };
        let today = self.as_of.day(&self.zone);
        if today <= day {
            return;
        }
        let code = if self.options.strict { Code::ExpiredStrict } else { Code::Expired };
        let message = format!("{} expired on {day}; the run is as of {today}", named(statement));
        let help = match owner(statement) {
            Some(owner) => format!("ask {owner} for a later `@expires`, or take it out"),
            None => "give it a later `@expires`, or take it out".to_string(),
        };
        self.error(Diagnostic::new(code, message).at(meta.span).help(help));
    }

    fn review(&mut self, statement: &ast::Statement, meta: &Meta) {
        let Some(day) = self.noted_day(meta) else { return };
        let today = self.as_of.day(&self.zone);
        if today <= day {
            return;
        }
        let message = format!("{} was to be looked at again by {day}", named(statement));
        let help = match owner(statement) {
            Some(owner) => format!("when {owner} has looked at it, set the next `@review`"),
            None => "when somebody has looked at it, set the next `@review`".to_string(),
        };
        self.error(Diagnostic::new(Code::ReviewDue, message).at(meta.span).help(help));
    }
}

fn owner(statement: &ast::Statement) -> Option<String> {
    statement.meta.iter().find(|m| m.name.text == "owner").map(meta_text)
}

/// What the metadata is of.
fn named(statement: &ast::Statement) -> String {
    statement.kind.name().map_or("this".to_string(), |name| format!("`{name}`"))
}
