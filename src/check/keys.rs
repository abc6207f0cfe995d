//! Keys: entities that have no table but the keys in their events, and how keys of two sources match.

use super::{Checker, Progress};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{Column, ColumnId, KeysOf, SourceId};
use crate::syntax::ast::{Ident, SourceClause};
use crate::types::Type;

impl Checker<'_> {
    /// `source buyers from keys of purchases`: one column, the one by which the purchases belong to the buyers.
    /// `false` where there is no such column (reported).
    pub(super) fn keys_of(&mut self, id: SourceId, named: &Ident) -> bool {
        let Some(events) = self.source_named(named, "what an entity's keys are taken from") else {
            return false;
        };
        let name = self.source_name(id).to_string();
        if !self.look(events) {
            // Its columns are being read: they wait for these.
            if self.sources.get(events.0 as usize).is_some_and(|s| matches!(s.looked, Progress::Doing)) {
                self.error(
                    Diagnostic::new(Code::Cycle, format!("the keys of {name} cannot come from {name}"))
                        .at(named.span)
                        .help("name the source of events in which the keys stand"),
                );
            }
            return false;
        }
        let Some(def) = self.sources.get(events.0 as usize).map(|s| s.def) else { return false };
        let owners: Vec<&Ident> = def.owner_columns(&name).collect();
        let by = match owners.as_slice() {
            [by] => *by,
            [] => {
                self.error(
                    Diagnostic::new(Code::NoPath, format!("{} do not belong to {name}", named.text))
                        .at(named.span)
                        .help(format!(
                            "say which of their columns holds the keys: `source {} … of {name} by COLUMN`",
                            named.text
                        )),
                );
                return false;
            }
            _ => {
                self.error(
                    Diagnostic::new(
                        Code::AmbiguousName,
                        format!("{} belong to {name} in more than one way", named.text),
                    )
                    .at(named.span)
                    .help("declare the file as two sources, each with one `of`"),
                );
                return false;
            }
        };
        let Some((by, key)) = self.column_named(events, &by.text).and_then(|by| {
            let column = self.source(events)?.column(by)?;
            let pii = def.clauses.iter().any(
                |c| matches!(c, SourceClause::Pii(names, _) if names.iter().any(|n| n.text == column.name)),
            );
            let ty = whole(&column.ty);
            let key = Column {
                name: column.name.clone(),
                stored: ty.clone(),
                ty,
                overruled: false,
                pii,
                fixed: true,
            };
            Some((by, key))
        }) else {
            // The events' own `of` says that the column is not there.
            return false;
        };
        self.edit(id, |s| {
            s.columns = vec![key];
            s.key = Some(ColumnId(0));
            s.keys_of = Some(KeysOf { events, by });
        });
        true
    }

    /// Keys match by value across integer widths; a text key against a number key is an error.
    pub(super) fn key_types(&mut self, id: SourceId) {
        let Some(source) = self.source(id) else { return };
        let own: Vec<(ColumnId, Option<SourceId>)> = source
            .key
            .map(|k| (k, None))
            .into_iter()
            .chain(source.of.iter().map(|o| (o.by, Some(o.entity))))
            .chain(source.links.iter().map(|l| (l.column, Some(l.target))))
            .collect();
        let span = self.sources.get(id.0 as usize).map(|s| s.def.name.span);
        for (column, target) in own {
            // An unsigned key is read as a decimal without a point; keys match by value.
            self.edit(id, |s| {
                if let Some(c) = s.columns.get_mut(column.0 as usize) {
                    c.ty = whole(&c.ty);
                }
            });
            let Some((name, ty)) =
                self.source(id).and_then(|s| s.column(column)).map(|c| (c.name.clone(), c.ty.clone()))
            else {
                continue;
            };
            if !matches!(ty, Type::Int | Type::Text | Type::Blank | Type::Error) {
                let diagnostic = Diagnostic::new(
                    Code::KeyTypes,
                    format!("`{name}` is {}: a key must be a whole number or text", ty.described()),
                )
                .help(format!("read it as one: `column {name} as int` (or `as text`)"));
                self.error(match span {
                    Some(span) => diagnostic.at(span),
                    None => diagnostic,
                });
                continue;
            }
            let Some(target) = target else { continue };
            self.open(target);
            let key = self
                .source(target)
                .and_then(|t| Some((t.key?, t.column(t.key?)?)))
                .map(|(key, c)| (key, c.name.clone(), c.ty.clone()));
            // A key of a source without rows is of the type that it is matched with.
            match &key {
                Some((_, _, key_ty)) if ty.is_blank() && !key_ty.is_blank() => {
                    self.set_type(id, column, key_ty.clone());
                    continue;
                }
                Some((key, _, key_ty)) if key_ty.is_blank() => {
                    self.set_type(target, *key, ty);
                    continue;
                }
                _ => {}
            }
            if let Some((_, key_name, key_ty)) = key
                && key_ty != ty
                && !key_ty.is_error()
                && matches!(key_ty, Type::Int | Type::Text)
            {
                let of = self.source_name(target).to_string();
                let diagnostic = Diagnostic::new(
                    Code::KeyTypes,
                    format!(
                        "`{name}` is {}, and the key `{key_name}` of {of} is {}",
                        ty.described(),
                        key_ty.described()
                    ),
                )
                .help(format!(
                    "read one as the other: `column {name} as {}`",
                    if key_ty == Type::Int { "int" } else { "text" }
                ));
                self.error(match span {
                    Some(span) => diagnostic.at(span),
                    None => diagnostic,
                });
            }
        }
    }
}

/// The type of a key: an unsigned one is read as a decimal without a point.
fn whole(ty: &Type) -> Type {
    match ty {
        Type::Decimal { scale: 0, .. } => Type::Int,
        other => other.clone(),
    }
}
