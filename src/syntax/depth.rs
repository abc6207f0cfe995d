//! How deep a piece of text nests, counted on its tokens before the grammar (which recurses) sees it.

use super::scan::{Class, Kind, Token};

/// Parentheses and `case` inside one another, and prefixes (`not not`, `- -`) in a row.
pub(super) const MAX_NESTING: usize = 200;
/// The height of an expression's tree: nesting, and the signs of a chain such as `a + b + c`, which leans to the left.
pub(super) const MAX_HEIGHT: usize = 500;

pub(super) enum Depth {
    /// How deep it nests.
    Fine(usize),
    /// The token where it becomes too deep; `chain` where it is the signs of one chain.
    TooDeep { at: usize, chain: bool },
}

#[derive(Default, Clone, Copy)]
struct Level {
    is_case: bool,
    /// Signs in the chain that is being read.
    signs: usize,
    /// The highest operand of that chain.
    operand: usize,
    /// The highest chain before it.
    done: usize,
}

impl Level {
    fn height(&self) -> usize {
        self.done.max(self.operand + self.signs)
    }

    fn next_chain(&mut self) {
        *self = Level { done: self.height(), signs: 0, operand: 0, is_case: self.is_case };
    }
}

/// Measures `tokens`; an upper bound is good enough.
pub(super) fn measure(text: &str, tokens: &[Token]) -> Depth {
    let mut levels: Vec<Level> = Vec::new();
    let mut here = Level::default();
    let mut deepest = 0;
    let mut prefixes = 0;
    for (at, token) in tokens.iter().enumerate() {
        let mut prefix = false;
        match token.kind {
            Kind::Open => enter(&mut levels, &mut here, false),
            Kind::Close => {
                while here.is_case && !levels.is_empty() {
                    leave(&mut levels, &mut here);
                }
                leave(&mut levels, &mut here);
            }
            Kind::Word => match token.class {
                Class::Case => enter(&mut levels, &mut here, true),
                Class::End if here.is_case => leave(&mut levels, &mut here),
                Class::Fresh => here.next_chain(),
                Class::Not | Class::Since => prefix = true,
                Class::Unit => prefix = prefixes > 0,
                _ => {}
            },
            Kind::Minus => {
                prefix = true;
                here.signs += 1;
            }
            Kind::Sign => match token.text(text) {
                "=" | "<" | ">" | "＝" | "＜" | "＞" | "≤" | "≥" | "≠" => here.next_chain(),
                "!" | "！" => prefix = true,
                _ => here.signs += 1,
            },
            Kind::Comma => here.next_chain(),
            _ => {}
        }
        prefixes = if prefix { prefixes + 1 } else { 0 };
        deepest = deepest.max(levels.len()).max(prefixes);
        if deepest > MAX_NESTING {
            return Depth::TooDeep { at, chain: false };
        }
        if here.height() + levels.len() > MAX_HEIGHT {
            return Depth::TooDeep { at, chain: true };
        }
    }
    Depth::Fine(deepest)
}

fn enter(levels: &mut Vec<Level>, here: &mut Level, is_case: bool) {
    levels.push(*here);
    *here = Level { is_case, ..Level::default() };
}

fn leave(levels: &mut Vec<Level>, here: &mut Level) {
    let height = here.height() + 1;
    *here = levels.pop().unwrap_or_default();
    here.operand = here.operand.max(height);
}
