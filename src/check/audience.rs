//! Audiences: from a segment to a list that may be sent.

use super::Checker;
use super::definition::{meta_of, value_text};
use super::names::list;
use super::scope::Row;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{
    Arm, Audience, CompareOp, Control, ExprId, LIST_ENDINGS, Limit, Literal, Node, OutputColumn, SourceId,
    Split,
};
use crate::source::{Span, tidy};
use crate::syntax::ast::{self, AudienceClause, Number};
use crate::types::Type;
use crate::value::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The column that says in which arm of a split a customer is.
const ARM: &str = "arm";

/// `left - share`, both as digits and scale; `None` where it needs more digits than there are.
fn less(left: (i128, u8), share: Number) -> Option<(i128, u8)> {
    let scale = left.1.max(share.scale);
    let at = |digits: i128, from: u8| 10i128.checked_pow(u32::from(scale - from))?.checked_mul(digits);
    Some((at(left.0, left.1)?.checked_sub(at(share.digits, share.scale)?)?, scale))
}

impl<'a> Checker<'a> {
    pub(super) fn check_audiences(&mut self) -> Vec<Audience> {
        let all = self.audiences.clone();
        let audiences: Vec<Audience> =
            all.into_iter().filter_map(|(def, statement)| self.audience(def, statement)).collect();
        let target = |audience: &Audience| {
            let to = audience.to.as_ref().map(|to| tidy(&to.folder.join(&to.pattern)))?;
            Some(to.strip_prefix(".").map(Path::to_path_buf).unwrap_or(to))
        };
        let targets: Vec<Option<PathBuf>> = audiences.iter().map(target).collect();
        for (i, (audience, target)) in audiences.iter().zip(&targets).enumerate() {
            let mut before = audiences.iter().zip(&targets).take(i);
            if let Some((earlier, _)) = before.find(|(_, other)| other.is_some() && *other == target) {
                let message = format!("`{}` and `{}` write the same file", earlier.name, audience.name);
                self.error(
                    Diagnostic::new(Code::DuplicateName, message)
                        .at(audience.span)
                        .related(earlier.span, "the first one")
                        .help("give one of the two another `to`"),
                );
            }
        }
        audiences
    }

    fn audience(&mut self, def: &'a ast::AudienceDef, statement: &'a ast::Statement) -> Option<Audience> {
        let Some(from) = &def.from else {
            self.error(
                Diagnostic::new(
                    Code::MissingClause,
                    format!("the audience `{}` does not say from which segment", def.name.text),
                )
                .at(def.name.span)
                .help(format!("`audience {} from SEGMENT …`", def.name.text)),
            );
            return None;
        };
        let segment = self.segment_named(from)?;
        self.define(segment)?;
        let entity = self.entity_of(segment)?;
        let mut audience = Audience {
            name: def.name.text.clone(),
            title: def.title.as_ref().map(|t| t.value.clone()),
            span: statement.span,
            segment,
            require: Vec::new(),
            exclude: Vec::new(),
            cap: Vec::new(),
            limit: None,
            control: None,
            split: None,
            columns: Vec::new(),
            to: None,
            min_size: None,
            notes: meta_of(statement),
        };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for clause in &def.clauses {
            self.single(clause, &mut seen);
            self.audience_clause(entity, clause, &mut audience);
        }
        self.consent(entity, &audience, def.name.span);
        self.arm_column(def, &audience);
        if audience.columns.is_empty()
            && let Some(key) = self.key_column(entity)
        {
            audience.columns.push(key);
        }
        Some(audience)
    }

    /// Where the source says which columns are the consent, an audience that requires none of them is a slip.
    fn consent(&mut self, entity: SourceId, audience: &Audience, span: Span) {
        let consent = self.source(entity).map_or(Vec::new(), |s| s.consent.clone());
        let mut asked = consent.is_empty();
        for expr in &audience.require {
            self.graph.walk(*expr, &mut |_, node| {
                asked |= matches!(node, Node::Column { source, via, column: c }
                    if *source == entity && via.is_empty() && consent.contains(c));
            });
        }
        if asked {
            return;
        }
        let Some(source) = self.source(entity) else { return };
        let names: Vec<String> =
            consent.iter().filter_map(|c| source.column(*c)).map(|c| c.name.clone()).collect();
        let (name, of) = (&audience.name, source.name.clone());
        let (message, help) = match names.as_slice() {
            [one] => (
                format!("`{name}` does not require `{one}`, the consent of {of}"),
                format!("add `require {one}`"),
            ),
            several => (
                format!("`{name}` requires none of {}, the consent of {of}", list(several)),
                "add `require` with the one that its channel needs".to_string(),
            ),
        };
        self.error(Diagnostic::new(Code::NoConsent, message).at(span).help(help));
    }

    fn single(&mut self, clause: &AudienceClause, seen: &mut BTreeSet<&'static str>) {
        let (word, span) = match clause {
            AudienceClause::Limit { span, .. } => ("limit", *span),
            AudienceClause::Control { span, .. } => ("control", *span),
            AudienceClause::Split { span, .. } => ("split", *span),
            AudienceClause::Columns(_, span) => ("columns", *span),
            AudienceClause::To(_, span) => ("to", *span),
            AudienceClause::MinSize(_, span) => ("min size", *span),
            AudienceClause::Require(..)
            | AudienceClause::Exclude(..)
            | AudienceClause::Cap { .. }
            | AudienceClause::Plain { .. } => return,
        };
        if !seen.insert(word) {
            self.error(
                Diagnostic::new(Code::DuplicateClause, format!("`{word}` stands twice"))
                    .at(span)
                    .help(format!("an audience has one `{word}`")),
            );
        }
    }

    fn audience_clause(&mut self, entity: SourceId, clause: &'a AudienceClause, audience: &mut Audience) {
        let row = Row::Entity(entity);
        match clause {
            AudienceClause::Require(list, _) => {
                let found: Vec<ExprId> = list.iter().map(|e| self.condition(&row, e)).collect();
                audience.require.extend(found);
            }
            AudienceClause::Exclude(list, _) => {
                let found: Vec<ExprId> = list.iter().map(|e| self.condition(&row, e)).collect();
                audience.exclude.extend(found);
            }
            AudienceClause::Limit { most, by, span } => {
                let most = self.whole(*most, *span, 1);
                let by = by.as_ref().map(|e| (self.expr(&row, e), e.span));
                if let Some((id, at)) = by {
                    let ty = self.graph.ty(id).clone();
                    if !ty.is_error() && (!ty.is_ordered() || ty == Type::Bool) {
                        self.error(
                            Diagnostic::new(
                                Code::TypeMismatch,
                                format!(
                                    "`limit … by` needs a value with an order; this is {}",
                                    ty.described()
                                ),
                            )
                            .at(at),
                        );
                    }
                }
                if let Some(most) = most {
                    audience.limit = Some(Limit { most, by: by.map(|(id, _)| id) });
                }
            }
            AudienceClause::Control { share, salt, span } => {
                if let Some(share) = self.share(*share, *span) {
                    let salt = salt.as_ref().map_or_else(|| audience.name.clone(), |s| s.value.clone());
                    audience.control = Some(Control { share, salt });
                }
            }
            AudienceClause::Columns(paths, _) => {
                for path in paths {
                    let id = self.name(&row, path);
                    let name = path.parts.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(".");
                    if audience.columns.iter().any(|c| c.name == name) {
                        self.error(
                            Diagnostic::new(Code::DuplicateName, format!("the column `{name}` stands twice"))
                                .at(path.span),
                        );
                    }
                    audience.columns.push(OutputColumn { name, expr: id });
                }
            }
            AudienceClause::To(text, _) => {
                audience.to = self.location(text);
                if let Some((store, _)) = audience.to.as_ref().and_then(|to| to.pattern.split_once("://")) {
                    let words = format!("audience files are written to the disk: `to` takes no {store}://");
                    let help = "write to a folder, and have what carries files away take them from there";
                    self.error(Diagnostic::new(Code::CannotWrite, words).at(text.span).help(help));
                }
                let ending = text
                    .value
                    .rsplit('/')
                    .next()
                    .and_then(|f| f.rsplit_once('.'))
                    .map(|(_, e)| e.to_lowercase());
                if !ending.as_deref().is_some_and(|e| LIST_ENDINGS.contains(&e)) {
                    self.error(
                        Diagnostic::new(Code::UnknownFormat, "the ending says no known format")
                            .at(text.span)
                            .help("audience files end in .parquet, .csv, .ndjson or .arrow"),
                    );
                }
            }
            AudienceClause::MinSize(n, span) => audience.min_size = self.whole(*n, *span, 1),
            AudienceClause::Plain { word, value, .. } => {
                audience.notes.push((word.text.clone(), value_text(value)))
            }
            AudienceClause::Cap { most, window, source, span } => {
                let most = self.whole(*most, *span, 1);
                let count = self.events_counted(entity, source, window);
                if let (Some(most), Some(count)) = (most, count) {
                    let most = Number { digits: i128::from(most), scale: 0, has_point: false };
                    let most = self.graph.add(Node::Literal(Literal::Number(most)), Type::Int);
                    let enough = Node::Compare { op: CompareOp::GreaterEqual, left: count, right: most };
                    audience.cap.push(self.graph.add(enough, Type::Bool));
                }
            }
            AudienceClause::Split { arms, salt, span } => {
                if let Some(arms) = self.arms(arms, *span) {
                    let salt = salt.as_ref().map_or_else(|| audience.name.clone(), |s| s.value.clone());
                    audience.split = Some(Split { arms, salt });
                }
            }
        }
    }

    /// The arms of a split: named apart, each of some share, together the whole list.
    fn arms(&mut self, written: &[(ast::Ident, Number)], span: Span) -> Option<Vec<Arm>> {
        let mut arms: Vec<Arm> = Vec::new();
        let mut good = true;
        // Exact: a third is written 33.3%, 33.3%, 33.4%.
        let mut left = Some((1i128, 0u8));
        for (name, share) in written {
            if arms.iter().any(|a| a.name == name.text) {
                let message = format!("the arm `{}` stands twice", name.text);
                self.error(Diagnostic::new(Code::DuplicateName, message).at(name.span));
                good = false;
            }
            let value = super::literal_value(&Literal::Number(*share)).as_f64().unwrap_or(-1.0);
            if !(value > 0.0 && value <= 1.0) {
                let message = format!("the arm `{}` needs a share above 0% and up to 100%", name.text);
                self.error(
                    Diagnostic::new(Code::BadShare, message)
                        .at(name.span)
                        .help("write the sign: `split a 50%, b 50%`; leave out an arm that takes nobody"),
                );
                good = false;
            }
            left = left.and_then(|left| less(left, *share));
            arms.push(Arm { name: name.text.clone(), share: value });
        }
        if good && left.is_none_or(|(digits, _)| digits != 0) {
            let sum = arms.iter().map(|a| a.share).sum::<f64>() * 100.0;
            let message = format!("the arms add up to {}%, not to 100%", Value::Float(sum));
            self.error(
                Diagnostic::new(Code::BadShare, message)
                    .at(span)
                    .help("every customer of the list is in one arm; who shall get nothing is held out by `control 10%`"),
            );
            good = false;
        }
        good.then_some(arms)
    }

    /// The file of a split has a column `arm`; another one of that name would hide it.
    fn arm_column(&mut self, def: &ast::AudienceDef, audience: &Audience) {
        if audience.split.is_none() || !audience.columns.iter().any(|c| c.name == ARM) {
            return;
        }
        let paths = def.clauses.iter().find_map(|c| match c {
            AudienceClause::Columns(_, span) => Some(*span),
            _ => None,
        });
        self.error(
            Diagnostic::new(Code::DuplicateName, format!("the column `{ARM}` stands twice"))
                .at(paths.unwrap_or(def.name.span))
                .help("a split writes the name of each customer's arm into a column `arm`: give the other one another name, with a tag"),
        );
    }

    fn share(&mut self, share: Number, span: Span) -> Option<f64> {
        let value = super::literal_value(&Literal::Number(share)).as_f64().unwrap_or(-1.0);
        if (0.0..1.0).contains(&value) {
            return Some(value);
        }
        self.error(
            Diagnostic::new(Code::BadShare, "a share must be at least 0% and below 100%")
                .at(span)
                .help("write the sign: `control 10%` keeps one in ten back"),
        );
        None
    }

    pub(super) fn key_column(&mut self, entity: SourceId) -> Option<OutputColumn> {
        let source = self.source(entity)?;
        let key = source.key?;
        let column = source.column(key)?;
        let (name, ty) = (column.name.clone(), column.ty.clone());
        let expr = self.graph.add(Node::Column { source: entity, via: Vec::new(), column: key }, ty);
        Some(OutputColumn { name, expr })
    }
}
