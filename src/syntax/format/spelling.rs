//! How a token is written: keywords small, signs plain. Names, texts and numbers stay as a person wrote them.

use super::tree::Tree;
use crate::syntax::grammar::Rule;
use crate::syntax::literal::fold;

/// The token of a leaf of the tree.
pub(super) fn spelled(leaf: &Tree<'_>) -> String {
    let text = leaf.text;
    match leaf.rule {
        Rule::NAME | Rule::PART => text.to_string(),
        Rule::TEXT => quoted(text),
        // Digits, points and dashes of a Chinese keyboard.
        Rule::NUMBER | Rule::MOMENT => fold(text),
        Rule::ARROW => "->".to_string(),
        _ if text.starts_with(|c: char| c.is_ascii_alphabetic()) => text.to_ascii_lowercase(),
        _ => fold(text)
            .chars()
            .map(|c| match c {
                '×' => "*".to_string(),
                '÷' => "/".to_string(),
                '≤' => "<=".to_string(),
                '≥' => ">=".to_string(),
                '≠' => "!=".to_string(),
                c => c.to_string(),
            })
            .collect(),
    }
}

/// A text in plain quotes, where that needs no change inside it.
fn quoted(text: &str) -> String {
    for (open, close, plain) in [('“', '”', '"'), ('‘', '’', '\'')] {
        let inside = text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
        if let Some(inside) = inside.filter(|i| !i.contains(plain)) {
            return format!("{plain}{inside}{plain}");
        }
    }
    text.to_string()
}
