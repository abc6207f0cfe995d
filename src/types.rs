//! Value types and how they combine.

use std::fmt;
use std::sync::Arc;

/// What a value is. Missing is not a type: every value may be missing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// Whole number, 64 bits.
    Int,
    /// Exact decimal of at most 38 digits, `scale` of them after the point.
    Decimal {
        precision: u8,
        scale: i8,
    },
    Float,
    Text,
    /// Text from a closed set, as a `case` of literals yields.
    Label(Arc<[String]>),
    Bool,
    /// A day, whatever the zone.
    Date,
    Instant(Frame),
    /// `90 days`: a length of calendar time.
    Duration,
    /// A column of a source without rows, whose type nothing tells: all its values are missing, and it fits any use.
    Blank,
    /// A column of a kind that Segue does not read (lists, structs, binary); its name in the file.
    Unsupported(Arc<str>),
    /// An expression whose error was reported; goes with everything, so that one mistake is one error.
    Error,
}

/// How an instant is stored: columns keep what their file says, and a comparison of two frames converts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Frame {
    /// Wall clock of the script's zone, no offset kept.
    Local,
    /// An exact moment.
    Utc,
}

/// The most digits that a decimal holds.
pub const MAX_PRECISION: u8 = 38;
/// The digits that any whole number of 64 bits needs.
const INT_DIGITS: u8 = 19;

impl Type {
    pub fn decimal(precision: u8, scale: i8) -> Type {
        Type::Decimal { precision: precision.clamp(1, MAX_PRECISION), scale }
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Decimal { .. } | Type::Float | Type::Blank | Type::Error)
    }

    pub fn is_text(&self) -> bool {
        matches!(self, Type::Text | Type::Label(_) | Type::Blank | Type::Error)
    }

    pub fn is_bool(&self) -> bool {
        matches!(self, Type::Bool | Type::Blank | Type::Error)
    }

    pub fn is_time(&self) -> bool {
        matches!(self, Type::Date | Type::Instant(_) | Type::Blank | Type::Error)
    }

    pub fn is_blank(&self) -> bool {
        matches!(self, Type::Blank)
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Type::Error)
    }

    /// Whether values of this type stand in an order (`<`, `max`, `top … by`).
    pub fn is_ordered(&self) -> bool {
        !matches!(self, Type::Unsupported(_) | Type::Duration)
    }

    /// The type without the closed set of a label.
    pub fn widened(&self) -> Type {
        match self {
            Type::Label(_) => Type::Text,
            other => other.clone(),
        }
    }

    /// As a person says it.
    pub fn noun(&self) -> &str {
        match self {
            Type::Int => "whole number",
            Type::Decimal { .. } => "decimal",
            Type::Float => "float",
            Type::Text => "text",
            Type::Label(_) => "label",
            Type::Bool => "yes/no",
            Type::Date => "date",
            Type::Instant(_) => "instant",
            Type::Duration => "duration",
            Type::Blank => "of no type yet",
            Type::Unsupported(name) => name,
            Type::Error => "unknown",
        }
    }

    /// “a date”, “an instant”, “text”, “yes/no”.
    pub fn described(&self) -> String {
        match self {
            Type::Text | Type::Bool => self.noun().to_string(),
            Type::Instant(_) => "an instant".to_string(),
            Type::Unsupported(name) => format!("of the type {name}"),
            Type::Blank => "of no type yet (its source has no rows)".to_string(),
            Type::Error => "of unknown type".to_string(),
            other => format!("a {}", other.noun()),
        }
    }

    /// The type that both can be read as without loss of meaning, for comparison, `case`, `in` and `??`.
    pub fn common(a: &Type, b: &Type) -> Option<Type> {
        use Type::*;
        Some(match (a, b) {
            (Error, t) | (t, Error) => t.clone(),
            (Blank, t) | (t, Blank) => t.clone(),
            (a, b) if a == b => a.clone(),
            (Int, Decimal { precision, scale }) | (Decimal { precision, scale }, Int) => {
                let whole = INT_DIGITS.max(whole_digits(*precision, *scale));
                decimal_of(whole, *scale)
            }
            (Decimal { precision: p1, scale: s1 }, Decimal { precision: p2, scale: s2 }) => {
                decimal_of(whole_digits(*p1, *s1).max(whole_digits(*p2, *s2)), *s1.max(s2))
            }
            (Int | Decimal { .. } | Float, Int | Decimal { .. } | Float) => Float,
            (Label(x), Label(y)) => {
                Label(x.iter().chain(y.iter().filter(|l| !x.contains(l))).cloned().collect())
            }
            (Label(_) | Text, Label(_) | Text) => Text,
            (Instant(_), Instant(_)) => Instant(Frame::Local),
            // A date compared with an instant compares local days.
            (Date, Instant(_)) | (Instant(_), Date) => Date,
            _ => return None,
        })
    }

    /// The type of `a + b`, `a - b` for numbers.
    pub fn sum(a: &Type, b: &Type) -> Option<Type> {
        use Type::*;
        Some(match (a, b) {
            (Error, _) | (_, Error) => Error,
            (Blank, t) | (t, Blank) if t.is_number() => t.clone(),
            (Int, Int) => Int,
            (Float, Int | Decimal { .. } | Float) | (Int | Decimal { .. }, Float) => Float,
            (Int | Decimal { .. }, Int | Decimal { .. }) => {
                let ((p1, s1), (p2, s2)) = (a.digits()?, b.digits()?);
                decimal_of(whole_digits(p1, s1).max(whole_digits(p2, s2)).saturating_add(1), s1.max(s2))
            }
            _ => return None,
        })
    }

    /// The type of `a * b`.
    pub fn product(a: &Type, b: &Type) -> Option<Type> {
        use Type::*;
        Some(match (a, b) {
            (Error, _) | (_, Error) => Error,
            (Blank, t) | (t, Blank) if t.is_number() => t.clone(),
            (Int, Int) => Int,
            (Float, Int | Decimal { .. } | Float) | (Int | Decimal { .. }, Float) => Float,
            (Int | Decimal { .. }, Int | Decimal { .. }) => {
                let ((p1, s1), (p2, s2)) = (a.digits()?, b.digits()?);
                let scale = s1.saturating_add(s2);
                if scale > MAX_PRECISION as i8 {
                    return Some(Float);
                }
                Type::decimal(p1.saturating_add(p2).saturating_add(1), scale)
            }
            _ => return None,
        })
    }

    /// The type of `a / b`: never truncated, so a float.
    pub fn quotient(a: &Type, b: &Type) -> Option<Type> {
        (a.is_number() && b.is_number()).then_some(if a.is_error() || b.is_error() {
            Type::Error
        } else {
            Type::Float
        })
    }

    /// The type of `a % b`.
    pub fn remainder(a: &Type, b: &Type) -> Option<Type> {
        match (a, b) {
            (Type::Error, _) | (_, Type::Error) => Some(Type::Error),
            (a, b) if a.is_number() && b.is_number() => Type::common(a, b),
            _ => None,
        }
    }

    /// Precision and scale of an exact number.
    pub fn digits(&self) -> Option<(u8, i8)> {
        match self {
            Type::Int => Some((INT_DIGITS, 0)),
            Type::Decimal { precision, scale } => Some((*precision, *scale)),
            _ => None,
        }
    }
}

fn whole_digits(precision: u8, scale: i8) -> u8 {
    u8::try_from((i16::from(precision) - i16::from(scale)).max(0)).unwrap_or(0)
}

fn decimal_of(whole: u8, scale: i8) -> Type {
    Type::decimal(whole.saturating_add(scale.max(0).unsigned_abs()), scale)
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Type::Label(labels) => write!(f, "label ({})", labels.join(", ")),
            other => f.write_str(other.noun()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_stay_exact_and_floats_win() {
        let money = Type::decimal(18, 2);
        assert_eq!(Type::sum(&money, &money), Some(Type::decimal(19, 2)));
        assert_eq!(Type::product(&money, &Type::decimal(2, 1)), Some(Type::decimal(21, 3)));
        assert_eq!(Type::sum(&money, &Type::Float), Some(Type::Float));
        assert_eq!(Type::quotient(&Type::Int, &Type::Int), Some(Type::Float));
        assert_eq!(Type::common(&Type::Int, &money), Some(Type::decimal(21, 2)));
        assert_eq!(Type::common(&Type::Text, &Type::Int), None);
        assert_eq!(Type::common(&Type::Date, &Type::Instant(Frame::Utc)), Some(Type::Date));
    }
}
