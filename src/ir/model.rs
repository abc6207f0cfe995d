//! Portrait models that give several tags.

use super::{DefId, ExprId, Node, Program, SourceId};
use crate::source::Span;

/// `rfm value from transactions …`.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    pub name: String,
    pub title: Option<String>,
    pub span: Span,
    pub entity: SourceId,
    pub events: SourceId,
    pub bins: u64,
    pub base: Option<DefId>,
    pub ties_together: bool,
    /// The tags that it defines, in the order of [`RfmPart::ALL`].
    pub parts: Vec<(RfmPart, DefId)>,
    pub meta: Vec<(String, String)>,
    /// As written.
    pub text: String,
}

/// A tag of an rfm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RfmPart {
    Recency,
    Frequency,
    Monetary,
    R,
    F,
    M,
    Cell,
    Score,
}

impl RfmPart {
    pub const ALL: [RfmPart; 8] = [
        RfmPart::Recency,
        RfmPart::Frequency,
        RfmPart::Monetary,
        RfmPart::R,
        RfmPart::F,
        RfmPart::M,
        RfmPart::Cell,
        RfmPart::Score,
    ];

    /// What stands after the dot.
    pub fn word(self) -> &'static str {
        match self {
            RfmPart::Recency => "recency",
            RfmPart::Frequency => "frequency",
            RfmPart::Monetary => "monetary",
            RfmPart::R => "r",
            RfmPart::F => "f",
            RfmPart::M => "m",
            RfmPart::Cell => "cell",
            RfmPart::Score => "score",
        }
    }
}

impl Model {
    pub fn part(&self, part: RfmPart) -> Option<DefId> {
        self.parts.iter().find(|(p, _)| *p == part).map(|(_, id)| *id)
    }

    /// The column of one of its tags.
    pub fn column(&self, program: &Program, part: RfmPart) -> Option<ExprId> {
        program.definition_node(self.part(part)?)
    }
}

impl Program {
    /// The model and the part that a tag is, where it is one of a model's.
    pub fn model_of(&self, expr: ExprId) -> Option<(&Model, RfmPart)> {
        let Node::Definition(def) = self.node(expr) else { return None };
        self.models.iter().find_map(|m| {
            let (part, _) = m.parts.iter().find(|(_, id)| id == def)?;
            Some((m, *part))
        })
    }
}
