//! Portrait models in words.

use super::{Lang, definition_name, expr, value};
use crate::ir::{DefId, Model, Program, RfmPart};
use crate::value::Value;

/// What a model does, a sentence to a line.
pub fn model(program: &Program, model: &Model, lang: Lang) -> Vec<String> {
    let events = program.source_name(model.events);
    let among = among(program, model, lang);
    let bins = number(model.bins, lang);
    let mut lines = match lang {
        Lang::En => vec![
            format!("recency, frequency and money from {events}, each in {bins} equal bins among {among}"),
            format!("r {bins} is the most recent, f {bins} the most frequent, m {bins} the most money"),
        ],
        Lang::Zh => vec![
            format!("依据 {events} 的最近、频次与金额，各在{among}中等分为 {bins} 组"),
            format!("r {bins} 为最近，f {bins} 为最频繁，m {bins} 为金额最高"),
        ],
    };
    lines.push(match (model.ties_together, lang) {
        (true, Lang::En) => "equal values share the bin of the first of them".to_string(),
        (false, Lang::En) => "of equal values the lower key is in the lower bin".to_string(),
        (true, Lang::Zh) => "数值相同者同组，归入其中最前者所在的组".to_string(),
        (false, Lang::Zh) => "数值相同者，键小的在前".to_string(),
    });
    lines
}

/// A model's tag in words: its formula where it has one.
pub fn part(program: &Program, model: &Model, part: RfmPart, lang: Lang) -> String {
    let bins = number(model.bins, lang);
    let among = among(program, model, lang);
    let name = |part: RfmPart| model.part(part).map_or("", |id| definition_name(program, id));
    let bin = |of: RfmPart, end_en: &str, end_zh: &str| match lang {
        Lang::En => format!("bin 1 to {bins} by {} among {among}; {bins} is {end_en}", name(of)),
        Lang::Zh => format!("在{among}中按 {} 等分为 1 至 {bins} 组，{bins} 为{end_zh}", name(of)),
    };
    match part {
        RfmPart::Recency | RfmPart::Frequency | RfmPart::Monetary => body(program, model.part(part), lang),
        RfmPart::R => bin(RfmPart::Recency, "the most recent", "最近"),
        RfmPart::F => bin(RfmPart::Frequency, "the most frequent", "最频繁"),
        RfmPart::M => bin(RfmPart::Monetary, "the most money", "金额最高"),
        RfmPart::Cell => match lang {
            Lang::En => {
                format!("{}, {} and {} side by side", name(RfmPart::R), name(RfmPart::F), name(RfmPart::M))
            }
            Lang::Zh => {
                format!("{}、{} 与 {} 连写", name(RfmPart::R), name(RfmPart::F), name(RfmPart::M))
            }
        },
        RfmPart::Score => body(program, model.part(part), lang),
    }
}

fn body(program: &Program, id: Option<DefId>, lang: Lang) -> String {
    id.and_then(|id| program.definition(id)).map_or(String::new(), |d| expr(program, d.body, lang))
}

/// Whom the bins compare: those with an event, of a segment or of all.
fn among(program: &Program, model: &Model, lang: Lang) -> String {
    let of = match model.base {
        Some(base) => definition_name(program, base),
        None => program.source_name(model.entity),
    };
    let events = program.source_name(model.events);
    match lang {
        Lang::En => format!("those of {of} with any of {events}"),
        Lang::Zh => format!("有 {events} 的 {of} "),
    }
}

fn number(n: u64, lang: Lang) -> String {
    value(&i64::try_from(n).map_or(Value::Missing, Value::Int), lang)
}
