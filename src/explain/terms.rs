//! Tags explained in their own terms: the branch of a stage that matched, the points of a score, the bins of an rfm.

use super::attrition::inputs;
use super::portrait::{Asker, Result};
use super::why::Customer;
use crate::check::literal_value;
use crate::ir::print::{self, Lang};
use crate::ir::{ExprId, Model, Node, Program, RfmPart, Score};

/// What there is to say about a tag beside its value.
enum Terms<'a> {
    Stage(&'a [(ExprId, ExprId)]),
    Score(&'a Score),
    Rfm(&'a Model, RfmPart),
}

fn terms(program: &Program, tag: ExprId) -> Option<Terms<'_>> {
    if let Some((model, part)) = program.model_of(tag) {
        return match part {
            RfmPart::Recency | RfmPart::Frequency | RfmPart::Monetary => None,
            RfmPart::R | RfmPart::F | RfmPart::M | RfmPart::Cell | RfmPart::Score => {
                Some(Terms::Rfm(model, part))
            }
        };
    }
    let Node::Definition(def) = program.node(tag) else { return None };
    match program.node(program.definition(*def)?.body) {
        Node::Case { branches, .. } => Some(Terms::Stage(branches)),
        Node::Score(score) => Some(Terms::Score(score)),
        _ => None,
    }
}

/// The columns that explaining these tags reads.
pub(super) fn needs(program: &Program, tags: &[ExprId]) -> Vec<ExprId> {
    let mut found: Vec<ExprId> = Vec::new();
    for tag in tags {
        match terms(program, *tag) {
            Some(Terms::Stage(branches)) => {
                for (when, _) in branches {
                    found.push(*when);
                    found.extend(inputs(program, *when));
                }
            }
            Some(Terms::Score(score)) => {
                found.push(score.base);
                for rule in &score.rules {
                    found.extend([rule.points, rule.when]);
                    found.extend(inputs(program, rule.when));
                }
            }
            Some(Terms::Rfm(model, part)) => {
                found.extend(
                    bins(part)
                        .iter()
                        .flat_map(|(bin, of)| [*bin, *of])
                        .filter_map(|p| model.column(program, p)),
                );
            }
            None => {}
        }
    }
    found.retain(|e| !matches!(program.node(*e), Node::Literal(_)));
    found
}

/// The bins that a tag of an rfm is made of, each with what it bins.
fn bins(part: RfmPart) -> Vec<(RfmPart, RfmPart)> {
    let all =
        [(RfmPart::R, RfmPart::Recency), (RfmPart::F, RfmPart::Frequency), (RfmPart::M, RfmPart::Monetary)];
    let one = |bin: &(RfmPart, RfmPart)| bin.0 == part || matches!(part, RfmPart::Cell | RfmPart::Score);
    all.into_iter().filter(one).collect()
}

impl Customer {
    /// `churn_risk 40: base 10, +30 idle_days 75 > 60`. `None` where the value says it all.
    pub(super) fn terms(&self, asker: &Asker<'_>, tag: ExprId) -> Result<Option<String>> {
        let program = asker.program;
        let said = match terms(program, tag) {
            Some(Terms::Stage(branches)) => self.stage(asker, branches)?,
            Some(Terms::Score(score)) => self.points(asker, tag, score)?,
            Some(Terms::Rfm(model, part)) => self.bins_of(asker, model, part),
            None => return Ok(None),
        };
        let name = print::label(program, tag);
        let value = asker.shown(tag, self.value(tag));
        Ok(Some(match asker.lang {
            Lang::En => format!("{name} {value}: {said}"),
            Lang::Zh => format!("{name} {value}：{said}"),
        }))
    }

    /// Which branch was the first to hold, and which before it could not be decided.
    fn stage(&self, asker: &Asker<'_>, branches: &[(ExprId, ExprId)]) -> Result<String> {
        let mut open: Vec<String> = Vec::new();
        let mut first = None;
        for (when, _) in branches {
            match self.outcome(asker.program, *when)? {
                Some(true) => {
                    first = Some(self.test(asker, (*when, true)));
                    break;
                }
                None => open.push(self.test(asker, (*when, true))),
                Some(false) => {}
            }
        }
        let said = match (first, asker.lang) {
            (Some(test), Lang::En) => format!("the first that holds is {test}"),
            (Some(test), Lang::Zh) => format!("首个满足的条件是 {test}"),
            (None, Lang::En) => "none of its conditions holds".to_string(),
            (None, Lang::Zh) => "各条件均不满足".to_string(),
        };
        Ok(match (open.is_empty(), asker.lang) {
            (true, _) => said,
            (false, Lang::En) => format!("{said} (undecided: {})", open.join("; ")),
            (false, Lang::Zh) => format!("{said}（未定：{}）", open.join("；")),
        })
    }

    fn points(&self, asker: &Asker<'_>, tag: ExprId, score: &Score) -> Result<String> {
        let program = asker.program;
        let number = |id: ExprId| match program.node(id) {
            Node::Literal(literal) => literal_value(literal),
            _ => self.value(id),
        };
        let shown = |id: ExprId| print::value(&number(id), asker.lang);
        let mut sum = number(score.base).as_f64();
        let mut parts = vec![match asker.lang {
            Lang::En => format!("base {}", shown(score.base)),
            Lang::Zh => format!("基础分 {}", shown(score.base)),
        }];
        for rule in &score.rules {
            let sign = if rule.take { "−" } else { "+" };
            let test = || self.test(asker, (rule.when, true));
            match self.outcome(program, rule.when)? {
                Some(true) => {
                    parts.push(format!("{sign}{} {}", shown(rule.points), test()));
                    let points = number(rule.points).as_f64();
                    sum = sum.zip(points).map(|(s, p)| if rule.take { s - p } else { s + p });
                }
                None => parts.push(match asker.lang {
                    Lang::En => format!("no points while undecided: {}", test()),
                    Lang::Zh => format!("未定，不计分：{}", test()),
                }),
                Some(false) => {}
            }
        }
        // The sum is that of the points that are shown; where the score is another, its ends made it so.
        let held =
            sum.zip(self.value(tag).as_f64()).is_some_and(|(s, v)| (s - v).abs() > 1e-9 * s.abs().max(1.0));
        if let (true, Some((low, high))) = (held, score.clamp) {
            parts.push(match asker.lang {
                Lang::En => format!("held within {} to {}", shown(low), shown(high)),
                Lang::Zh => format!("限于 {} 至 {}", shown(low), shown(high)),
            });
        }
        Ok(parts.join(match asker.lang {
            Lang::En => ", ",
            Lang::Zh => "，",
        }))
    }

    /// `r 5 (recency 3), f 4 (frequency 12)`.
    fn bins_of(&self, asker: &Asker<'_>, model: &Model, part: RfmPart) -> String {
        let shown = |part: RfmPart| {
            model.column(asker.program, part).map_or(String::new(), |e| asker.shown(e, self.value(e)))
        };
        let said: Vec<String> = bins(part)
            .into_iter()
            .map(|(bin, of)| match asker.lang {
                Lang::En => format!("{} {} ({} {})", bin.word(), shown(bin), of.word(), shown(of)),
                Lang::Zh => format!("{} {}（{} {}）", bin.word(), shown(bin), of.word(), shown(of)),
            })
            .collect();
        said.join(match asker.lang {
            Lang::En => ", ",
            Lang::Zh => "，",
        })
    }
}
