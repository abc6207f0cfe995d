//! The parser that pest makes from `grammar/segue.pest`.

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/segue.pest"]
pub(super) struct Grammar;
