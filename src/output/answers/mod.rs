//! Answers as an analyst sees them in a terminal, and as data for programs.
//!
//! Nothing is counted here: an answer is drawn as it is. Whatever it says in words is in `words`, English and
//! Chinese side by side; names, conditions and formulas come printed in the answer itself.

mod audience;
mod count;
mod data;
mod diff;
mod explain;
mod funnel;
mod list;
mod members;
mod numbers;
mod overlap;
mod page;
mod portrait;
mod profile;
mod tag;
mod why;
mod words;

pub use audience::audience;
pub(in crate::output) use count::{members as members_text, undecided_text};
pub use data::{json, rows};
pub(in crate::output) use tag::spread_of as spread_text;
pub(in crate::output) use words::type_name as kind_name;

use super::style::Palette;
use crate::explain::answer::Answer;
use crate::ir::print::Lang;
use page::Page;

/// How an answer is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Drawing {
    pub lang: Lang,
    pub palette: Palette,
    /// The terminal's width, to which text is wrapped and wide tables are cut. `None`: no limit.
    pub width: Option<usize>,
}

/// An answer for people, each line ended.
pub fn answer(answer: &Answer, options: &Drawing) -> String {
    let mut page = Page::new(options);
    match answer {
        Answer::Count(a) => count::draw(&mut page, a),
        Answer::Show(a) => members::draw(&mut page, a),
        Answer::Explain(a) => explain::draw(&mut page, a),
        Answer::Why(a) => why::draw(&mut page, a),
        Answer::Portrait(a) => portrait::draw(&mut page, a),
        Answer::Describe(a) => tag::describe(&mut page, a),
        Answer::Model(a) => tag::model(&mut page, a),
        Answer::Profile(a) => profile::draw(&mut page, a),
        Answer::Overlap(a) => overlap::draw(&mut page, a),
        Answer::List(a) => list::draw(&mut page, a),
        Answer::Funnel(a) => funnel::draw(&mut page, a),
        Answer::Diff(a) => diff::diff(&mut page, a),
        Answer::Transitions(a) => diff::transitions(&mut page, a),
    }
    page.finish()
}

#[cfg(test)]
mod tests;
