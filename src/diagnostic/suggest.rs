//! Did-you-mean: the nearest known name, and how to say it.

use std::borrow::Cow;

/// The candidate nearest to `name`, where one is near enough to be a slip: another case, or an edit or two.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    let length = folded.chars().count();
    let allowed = match name.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .filter_map(|c| {
            let candidate = lower(c);
            // No edit but adds or takes one letter: what differs more in length is not worth comparing.
            let part = is_part(&folded, &candidate);
            if !part && candidate.chars().count().abs_diff(length) > allowed {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&folded, &candidate);
            (part || distance <= allowed).then_some((distance, c))
        })
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(b.1)))
        .map(|(_, c)| c)
}

fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// `asset` for `total_assets`: a whole word of the other, and not a mere letter or two.
fn is_part(name: &str, candidate: &str) -> bool {
    let (short, long) = if name.len() <= candidate.len() { (name, candidate) } else { (candidate, name) };
    let ideographs = short.chars().any(|c| c as u32 > 0x2E80);
    let enough = short.chars().count() >= if ideographs { 2 } else { 4 };
    enough && long.contains(short)
}

/// The candidate that `name` is a slip of the finger away from: another case, a letter more, less, other, or two that
/// changed places. A candidate itself is no slip.
pub fn slip<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    let mut near = None;
    for candidate in candidates {
        if candidate == name {
            return None;
        }
        if near.is_none() && strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()) <= 1 {
            near = Some(candidate);
        }
    }
    near
}

/// “did you mean `assets`?”, or nothing.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|c| format!("did you mean `{c}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let names = ["assets", "tx_90d", "life_stage", "城市等级"];
        assert_eq!(nearest("asets", names), Some("assets"));
        assert_eq!(nearest("Assets", names), Some("assets"));
        assert_eq!(nearest("lifestage", names), Some("life_stage"));
        assert_eq!(nearest("等级", names), Some("城市等级"));
        assert_eq!(nearest("balance", names), None);
        assert_eq!(nearest("x", names), None);
    }
}
