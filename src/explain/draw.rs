//! Drawing lots: who is held out, and who is in which arm, from a salt and the key alone.

use crate::ir::Split;
use sha2::{Digest, Sha256};

/// A number from 0 to 1 that depends on the salt and the key alone: whoever is below a small share is below every
/// larger one.
pub fn share(salt: &str, key: &str) -> f64 {
    uniform(&[salt, key], 0.0)
}

/// The arm of a key.
///
/// Each arm has its own draw for each key, which neither the other arms nor their order touch, and waits for it as
/// long as an exponential of its share's rate would: `-ln(draw) / share`. The shortest wait wins, and each arm wins
/// with the probability of its share. An arm that grows at the others' cost waits less, and they wait longer, so it
/// loses nobody; nor does a new arm move anybody but into itself. No scheme that knows the key and the shares alone
/// can promise more: where two of three arms grow by different factors, the one that grows less may lose a few to
/// the other.
pub fn arm<'a>(split: &'a Split, key: &str) -> Option<&'a str> {
    let mut first: Option<(f64, &str)> = None;
    for arm in &split.arms {
        let wait = -ln(uniform(&["split", &split.salt, &arm.name, key], 0.5)) / arm.share;
        let sooner = match first {
            None => true,
            Some((least, name)) => wait < least || (wait == least && arm.name.as_str() < name),
        };
        if sooner {
            first = Some((wait, &arm.name));
        }
    }
    first.map(|(_, name)| name)
}

/// 53 bits of the hash of `parts`, which are what a float holds exactly, as a number from 0 to 1. Halves keep away
/// from 0 (`offset` 0.5), whose logarithm there is none.
fn uniform(parts: &[&str], offset: f64) -> f64 {
    let mut hash = Sha256::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hash.update([0]);
        }
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let first = digest.iter().take(8).fold(0u64, |n, byte| (n << 8) | u64::from(*byte));
    ((first >> 11) as f64 + offset) / (1u64 << 53) as f64
}

/// The natural logarithm of a number above 0 and at most 1. Written out, because that of the system differs in the
/// last digit between systems, and an arm must not.
fn ln(x: f64) -> f64 {
    let (mut m, mut halvings) = (x, 0.0);
    while m < std::f64::consts::FRAC_1_SQRT_2 {
        m *= 2.0;
        halvings += 1.0;
    }
    // ln m = 2 (s + s³/3 + s⁵/5 + …), with |s| below 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let (square, mut power, mut sum, mut n) = (s * s, s, 0.0, 1.0);
    while n < 31.0 {
        sum += power / n;
        power *= square;
        n += 2.0;
    }
    2.0 * sum - halvings * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Arm;

    fn split(arms: &[(&str, f64)]) -> Split {
        let arms =
            arms.iter().map(|(name, share)| Arm { name: (*name).to_string(), share: *share }).collect();
        Split { arms, salt: "s".to_string() }
    }

    fn drawn(arms: &[(&str, f64)]) -> Vec<String> {
        let split = split(arms);
        (0..20_000).map(|i| arm(&split, &i.to_string()).unwrap().to_string()).collect()
    }

    #[test]
    fn the_logarithm_is_one() {
        for x in [1.0, 0.9, 0.75, 0.5, 0.3, 1e-3, 1e-9, 0.5 / (1u64 << 53) as f64] {
            assert!((ln(x) - f64::ln(x)).abs() <= 1e-14 * f64::ln(x).abs(), "{x}: {} {}", ln(x), f64::ln(x));
        }
    }

    #[test]
    fn each_arm_has_about_its_share() {
        let drawn = drawn(&[("a", 0.5), ("b", 0.3), ("c", 0.2)]);
        for (name, share) in [("a", 0.5), ("b", 0.3), ("c", 0.2)] {
            let n = drawn.iter().filter(|d| *d == name).count() as f64;
            // Five standard deviations are at most 354.
            assert!((n - share * 20_000.0).abs() < 354.0, "{name}: {n}");
        }
    }

    #[test]
    fn an_arm_that_grows_loses_nobody() {
        let grows = |name: &str, before: &[(&str, f64)], after: &[(&str, f64)]| {
            let (before, after) = (drawn(before), drawn(after));
            let mut came = 0;
            for (b, a) in before.iter().zip(&after) {
                assert!(b != name || a == name, "{b} to {a}");
                came += usize::from(b != name && a == name);
            }
            assert!(came > 1_000, "{came}");
        };
        // The first, the second, the last; at the cost of one or of all; with the others in another order.
        grows("a", &[("a", 0.3), ("b", 0.7)], &[("a", 0.5), ("b", 0.5)]);
        grows("b", &[("a", 0.5), ("b", 0.3), ("c", 0.2)], &[("a", 0.3), ("b", 0.5), ("c", 0.2)]);
        grows("c", &[("a", 0.5), ("b", 0.3), ("c", 0.2)], &[("c", 0.4), ("b", 0.3), ("a", 0.3)]);
        // Two of three that grow by the same factor.
        grows("a", &[("a", 0.2), ("b", 0.2), ("c", 0.6)], &[("a", 0.4), ("b", 0.4), ("c", 0.2)]);
        // A new arm takes from the others and moves nobody between them.
        let (before, after) =
            (drawn(&[("a", 0.5), ("b", 0.5)]), drawn(&[("a", 0.4), ("b", 0.4), ("new", 0.2)]));
        assert!(before.iter().zip(&after).all(|(b, a)| a == b || a == "new"));
    }

    #[test]
    fn the_arm_has_nothing_to_do_with_the_control() {
        let split = split(&[("a", 0.5), ("b", 0.5)]);
        let held: Vec<String> = (0..20_000).map(|i| i.to_string()).filter(|k| share("s", k) < 0.2).collect();
        let a = held.iter().filter(|k| arm(&split, k) == Some("a")).count() as f64;
        // Of about 4,000 one half; five standard deviations are 158.
        assert!((a - held.len() as f64 / 2.0).abs() < 158.0, "{a} of {}", held.len());
    }
}
