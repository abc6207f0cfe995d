use crate::explain::{Answer, Selection};
use crate::ir::print::Lang;
use crate::output::style::Palette;
use crate::value::Value;
pub struct Drawing { pub lang: Lang, pub palette: Palette, pub width: Option<usize> }
pub fn answer(answer: &Answer, _o: &Drawing) -> String { serde_json::to_string_pretty(answer).unwrap_or_default() }
pub fn audience(s: &Selection, files: &[(String, String, u64)], _n: usize, _o: &Drawing) -> String { format!("{} {:?}\n{:#?}", s.audience.name, files, s.waterfall) }
pub fn json(answer: &Answer) -> serde_json::Value { serde_json::to_value(answer).unwrap_or_default() }
pub fn rows(answer: &Answer) -> Option<(Vec<String>, Vec<Vec<Value>>)> { match answer { Answer::Show(s) => Some((s.headers.clone(), s.rows.clone())), _ => None } }
