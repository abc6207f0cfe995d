//! `describe value`: a model in its own terms, and each of its tags with its spread.

use super::answer::Model;
use super::portrait::{Asker, Result, internal};
use super::stats::Spreading;
use super::tag;
use crate::ir::print;
use crate::plan::Request;

impl Asker<'_> {
    pub fn describe_model(&self, index: usize) -> Result<Model> {
        let program = self.program;
        let model = program.models.get(index).ok_or_else(|| internal("an unknown model"))?;
        let columns: Vec<_> = model.parts.iter().filter_map(|(_, id)| program.definition_node(*id)).collect();
        let mut spreads: Vec<Spreading> =
            columns.iter().map(|e| Spreading::new(program, *e, self.is_pii(*e))).collect();
        let request = Request::of(model.entity, spreads.iter().flat_map(Spreading::needs).collect());
        self.read(&request, &mut |view| spreads.iter_mut().try_for_each(|s| s.add(program, view)))?;
        let parts = spreads
            .into_iter()
            .map(|s| {
                let expr = s.expr();
                tag::explain(program, expr, Some(s.finish(program)), self.lang)
            })
            .collect();
        let names: Vec<&str> = model
            .parts
            .iter()
            .filter_map(|(_, id)| program.definition(*id))
            .map(|d| d.name.as_str())
            .collect();
        let others =
            program.definitions.iter().filter(|d| d.is_written() && !names.contains(&d.name.as_str()));
        let used_by = others
            .filter(|d| tag::uses(program, d.body).iter().any(|n| names.contains(&n.as_str())))
            .map(|d| d.name.clone())
            .collect();
        Ok(Model {
            name: model.name.clone(),
            title: model.title.clone(),
            entity: program.source_name(model.entity).to_string(),
            as_of: program.as_of.text(&program.zone),
            words: print::model(program, model, self.lang),
            metadata: model.meta.clone(),
            tags: parts,
            used_by,
            definition: model.text.clone(),
        })
    }
}
