//! What completion knows: the names of the last program that checked.

use super::Kind;
use crate::catalog::TableSchema;
use crate::check::literal_value;
use crate::ir::print::Lang;
use crate::ir::{DefId, DefinitionKind, Node, Program};
use crate::types::Type;

/// The names that may be typed, with a few words about each.
#[derive(Clone, Default, Debug)]
pub struct Known {
    pub lang: Lang,
    pub sources: Vec<KnownSource>,
    /// Tags, segments, audiences and parameters.
    pub names: Vec<KnownName>,
}

#[derive(Clone, Debug)]
pub struct KnownSource {
    pub name: String,
    pub title: Option<String>,
    pub is_entity: bool,
    pub is_events: bool,
    /// Empty where the source has not been opened.
    pub columns: Vec<KnownColumn>,
    /// The name of each link, and the source that it leads to.
    pub links: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct KnownColumn {
    pub name: String,
    pub type_name: String,
}

#[derive(Clone, Debug)]
pub struct KnownName {
    pub name: String,
    /// For `value.cell` and `bought.step1`: the definition that gives the tag, and its own word there.
    pub part: Option<(String, String)>,
    pub kind: Kind,
    pub detail: String,
    /// The values of a label.
    pub labels: Vec<String>,
}

impl Known {
    pub fn of(program: &Program, lang: Lang) -> Known {
        let sources = program.sources.iter().map(|s| KnownSource {
            name: s.name.clone(),
            title: s.title.clone(),
            is_entity: s.is_entity(),
            is_events: s.is_events(),
            columns: s
                .columns
                .iter()
                .map(|c| KnownColumn { name: c.name.clone(), type_name: c.ty.noun().to_string() })
                .collect(),
            links: s
                .links
                .iter()
                .map(|l| (l.name.clone(), program.source_name(l.target).to_string()))
                .collect(),
        });
        let definitions = program.definition_ids().filter(|(_, d)| d.is_written()).map(|(id, d)| {
            let (kind, noun) = match d.kind {
                DefinitionKind::Tag => (Kind::Tag, d.ty.noun()),
                DefinitionKind::Segment => (Kind::Segment, ""),
            };
            let labels = match &d.ty {
                Type::Label(all) => all.to_vec(),
                _ => Vec::new(),
            };
            let detail = detail(noun, d.title.as_deref());
            KnownName { name: d.name.clone(), part: part_of(program, id), kind, detail, labels }
        });
        let audiences = program.audiences.iter().map(|a| KnownName {
            name: a.name.clone(),
            part: None,
            kind: Kind::Audience,
            detail: detail("", a.title.as_deref()),
            labels: Vec::new(),
        });
        let params = program.params.iter().map(|p| KnownName {
            name: p.name.clone(),
            part: None,
            kind: Kind::Param,
            detail: detail(&literal_value(&p.value).to_string(), p.title.as_deref()),
            labels: Vec::new(),
        });
        let names = definitions.chain(audiences).chain(params).collect();
        Known { lang, sources: sources.collect(), names }
    }

    pub fn source(&self, name: &str) -> Option<&KnownSource> {
        self.sources.iter().find(|s| s.name == name)
    }

    /// What a look into a source's files found.
    pub fn set_columns(&mut self, source: &str, found: &TableSchema) {
        if let Some(source) = self.sources.iter_mut().find(|s| s.name == source) {
            source.columns = found
                .columns
                .iter()
                .map(|c| KnownColumn { name: c.name.clone(), type_name: c.ty.noun().to_string() })
                .collect();
        }
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &KnownName> {
        self.names.iter().filter(move |n| n.kind == kind)
    }

    /// Names of segments, and of what stands for one: entities and audiences.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        let entities = self.sources.iter().filter(|s| s.is_entity).map(|s| s.name.as_str());
        let names = self.names.iter().filter(|n| matches!(n.kind, Kind::Segment | Kind::Audience));
        names.map(|n| n.name.as_str()).chain(entities)
    }
}

/// The rfm or the sequence that gives the tag, and which of its tags it is.
fn part_of(program: &Program, id: DefId) -> Option<(String, String)> {
    let definition = program.definition(id)?;
    let rfm = program.models.iter().find(|m| m.parts.iter().any(|(_, part)| *part == id));
    let of_sequence = matches!(program.node(definition.body), Node::SequencePart { .. });
    let owner = match rfm {
        Some(model) => model.name.as_str(),
        None if of_sequence => definition.name.rsplit_once('.')?.0,
        None => return None,
    };
    Some((owner.to_string(), definition.name.strip_prefix(owner)?.strip_prefix('.')?.to_string()))
}

fn detail(first: &str, title: Option<&str>) -> String {
    match (first, title) {
        (first, None) => first.to_string(),
        ("", Some(title)) => title.to_string(),
        (first, Some(title)) => format!("{first}, {title}"),
    }
}
