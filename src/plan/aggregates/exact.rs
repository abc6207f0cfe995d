//! Sums without rounding, one per group: additions commute, so a sum is the same in every order.
//!
//! A sum is kept in *bins* of 128 bits that overlap by half: bin `b` counts units of `2^(base + 64·b)`. The first
//! `width` bins of each group lie in one flat vector; the few values that are too large or too fine for them go to the
//! other bins, in a hash map that usually stays empty. What overflows a bin carries into the next, so the bins
//! of a group always add up to its exact sum, whichever way it came in.

use std::iter::Peekable;

use datafusion::arrow::datatypes::i256;
use datafusion::logical_expr::EmitTo;
use hashbrown::HashMap;
use num_bigint::BigInt;

use super::round;

/// The bytes of a bin in a state: its number and its count.
const ENTRY: usize = 1 + size_of::<i128>();

#[derive(Debug)]
pub(super) struct Exact {
    /// The unit of bin 0 is `2^base`.
    base: i32,
    /// How many bins of each group are kept in `dense`.
    width: usize,
    dense: Vec<i128>,
    /// The other bins, by `group << 8 | bin + 128`.
    wide: HashMap<u64, i128>,
}

/// One exact sum: `n` or `n × 2^e` units of bin 0, with `e` not above zero. Most sums are small.
#[derive(Debug, PartialEq)]
pub(super) enum Number {
    Small(i128),
    Middle(i256),
    Big(BigInt, i32),
}

impl Number {
    /// As a whole number of units of bin 0; only where nothing finer was added.
    pub(super) fn whole(self) -> Option<i128> {
        match self {
            Number::Small(n) => Some(n),
            Number::Middle(n) => n.to_i128(),
            Number::Big(n, 0) => i128::try_from(n).ok(),
            Number::Big(..) => None,
        }
    }

    /// As `(n, e)`: `n × 2^e` units of bin 0.
    pub(super) fn big(self) -> (BigInt, i32) {
        match self {
            Number::Small(n) => (BigInt::from(n), 0),
            Number::Middle(n) => (BigInt::from_signed_bytes_le(&n.to_le_bytes()), 0),
            Number::Big(n, e) => (n, e),
        }
    }
}

impl Exact {
    pub(super) fn new(base: i32, width: usize) -> Self {
        Exact { base, width: width.max(1), dense: Vec::new(), wide: HashMap::new() }
    }

    pub(super) fn grow(&mut self, groups: usize) {
        let wanted = groups.saturating_mul(self.width);
        if self.dense.len() < wanted {
            self.dense.resize(wanted, 0);
        }
    }

    /// Adds `n` units of bin 0.
    #[inline]
    pub(super) fn add(&mut self, group: usize, n: i128) {
        if let Some(slot) = self.dense.get_mut(group * self.width)
            && add_to(slot, n)
        {
            self.carry(group, 1, n < 0);
        }
    }

    /// Adds a finite float.
    #[inline]
    pub(super) fn add_float(&mut self, group: usize, x: f64) {
        let bits = x.to_bits();
        let shift = ((bits >> 52) & 0x7ff) as i32 - 1075 - self.base;
        // 53 bits shifted by 74 stay below the sign. A subnormal is far under `base` and takes the other way.
        if (0..=74).contains(&shift) && self.width == 1 {
            let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
            let n = i128::from(mantissa) << shift;
            self.add(group, if bits >> 63 == 1 { -n } else { n });
        } else {
            let (negative, mantissa, exponent) = round::parts(x);
            self.add_scaled(group, negative, u128::from(mantissa), exponent);
        }
    }

    /// Adds `±m × 2^e`.
    #[inline]
    pub(super) fn add_scaled(&mut self, group: usize, negative: bool, m: u128, e: i32) {
        let place = e - self.base;
        let (bin, shift) = (place.div_euclid(64), place.rem_euclid(64));
        let signed = |digits: u64| {
            let n = i128::from(digits) << shift;
            if negative { -n } else { n }
        };
        let (low, high) = (signed(m as u64), signed((m >> 64) as u64));
        // Both halves beside each other, as a rule.
        let start = usize::try_from(bin).unwrap_or(usize::MAX);
        if start.saturating_add(1) < self.width
            && let Some([a, b]) =
                self.dense.get_mut(group * self.width + start..).and_then(<[_]>::first_chunk_mut)
        {
            let (over_low, over_high) = (add_to(a, low), add_to(b, high));
            if over_low {
                self.carry(group, bin + 1, negative);
            }
            if over_high {
                self.carry(group, bin + 2, negative);
            }
            return;
        }
        self.add_to_bin(group, bin, low);
        self.add_to_bin(group, bin + 1, high);
    }

    /// Adds `m²` for a whole number of units.
    pub(super) fn add_square(&mut self, group: usize, m: i128) {
        let m = m.unsigned_abs();
        if m <= 1 << 62 {
            return self.add(group, (m * m) as i128);
        }
        let (high, low) = (m >> 64, m & u128::from(u64::MAX));
        let base = self.base;
        self.add_scaled(group, false, low * low, base);
        if high != 0 {
            // high < 2^63, so twice the cross product stays within 128 bits.
            self.add_scaled(group, false, high * low, base + 65);
            self.add_scaled(group, false, high * high, base + 128);
        }
    }

    fn add_to_bin(&mut self, group: usize, bin: i32, n: i128) {
        if n == 0 {
            return;
        }
        let at = usize::try_from(bin).ok().filter(|bin| *bin < self.width);
        let slot = match at.and_then(|bin| self.dense.get_mut(group * self.width + bin)) {
            Some(slot) => slot,
            None => self.wide.entry(key(group, bin)).or_insert(0),
        };
        if add_to(slot, n) {
            self.carry(group, bin + 1, n < 0);
        }
    }

    #[cold]
    fn carry(&mut self, group: usize, bin: i32, negative: bool) {
        self.add_to_bin(group, bin, if negative { -(1 << 64) } else { 1 << 64 });
    }

    /// Takes the sums of the first groups out; what is left moves down.
    pub(super) fn emit(&mut self, emit: EmitTo) -> Emitted {
        let (groups, dense) = match emit {
            EmitTo::All => (self.dense.len() / self.width, std::mem::take(&mut self.dense)),
            EmitTo::First(n) => (n, EmitTo::First(n * self.width).take_needed(&mut self.dense)),
        };
        let mut wide = Vec::new();
        if !self.wide.is_empty() {
            let mut left = HashMap::new();
            for (key, n) in std::mem::take(&mut self.wide) {
                let (group, bin) = unkey(key);
                match group.checked_sub(groups) {
                    None => wide.push((group, bin, n)),
                    Some(group) => {
                        left.insert(self::key(group, bin), n);
                    }
                }
            }
            self.wide = left;
            wide.sort_unstable_by_key(|(group, bin, _)| (*group, *bin));
        }
        Emitted { width: self.width, dense, wide, written: 0 }
    }

    /// Adds the bins that [`Emitted::write`] has written.
    pub(super) fn read(&mut self, group: usize, bins: &[u8]) {
        for entry in bins.chunks_exact(ENTRY) {
            if let Some((bin, n)) = entry.split_first()
                && let Ok(n) = n.try_into()
            {
                self.add_to_bin(group, i32::from(*bin) - 128, i128::from_le_bytes(n));
            }
        }
    }

    pub(super) fn size(&self) -> usize {
        self.dense.capacity() * size_of::<i128>() + self.wide.allocation_size()
    }
}

/// Adds, and says whether it went over.
#[inline]
fn add_to(slot: &mut i128, n: i128) -> bool {
    let (sum, over) = slot.overflowing_add(n);
    *slot = sum;
    over
}

fn key(group: usize, bin: i32) -> u64 {
    (group as u64) << 8 | (bin + 128).clamp(0, 255) as u64
}

fn unkey(key: u64) -> (usize, i32) {
    ((key >> 8) as usize, (key & 0xff) as i32 - 128)
}

/// The sums of some groups, taken out of an [`Exact`].
pub(super) struct Emitted {
    width: usize,
    dense: Vec<i128>,
    /// (group, bin, count), in that order.
    wide: Vec<(usize, i32, i128)>,
    /// How many of `wide` have been written.
    written: usize,
}

impl Emitted {
    pub(super) fn numbers(&self) -> impl Iterator<Item = Number> + '_ {
        let mut wide = self.wide.iter().peekable();
        self.dense
            .chunks_exact(self.width)
            .enumerate()
            .map(move |(group, bins)| number(group, bins, &mut wide))
    }

    /// The bins of a group that are not zero. Groups must come in order.
    pub(super) fn write(&mut self, group: usize, out: &mut Vec<u8>) {
        let start = group * self.width;
        let dense = self.dense.get(start..start + self.width).unwrap_or_default();
        let dense = (0i32..).zip(dense).map(|(bin, n)| (bin, *n));
        let wide =
            self.wide.get(self.written..).unwrap_or_default().iter().take_while(|entry| entry.0 <= group);
        let mut passed = 0;
        for (bin, n) in dense.chain(wide.inspect(|_| passed += 1).map(|(_, bin, n)| (*bin, *n))) {
            if n != 0 {
                out.push((bin + 128).clamp(0, 255) as u8);
                out.extend_from_slice(&n.to_le_bytes());
            }
        }
        self.written += passed;
    }
}

fn number<'a>(
    group: usize,
    bins: &[i128],
    wide: &mut Peekable<impl Iterator<Item = &'a (usize, i32, i128)>>,
) -> Number {
    let mut entries: Vec<(i32, i128)> = Vec::new();
    while let Some((_, bin, n)) = wide.next_if(|entry| entry.0 == group) {
        entries.push((*bin, *n));
    }
    if entries.is_empty() {
        match bins {
            [n] | [n, 0, 0] => return Number::Small(*n),
            [low, middle, high] => {
                if let Some(n) = middle_sum(*low, *middle, *high) {
                    return Number::Middle(n);
                }
            }
            _ => {}
        }
    }
    entries.extend((0i32..).zip(bins).map(|(bin, n)| (bin, *n)));
    let lowest = entries.iter().map(|(bin, _)| *bin).min().unwrap_or(0).min(0);
    let sum = entries
        .into_iter()
        .filter(|(_, n)| *n != 0)
        .map(|(bin, n)| BigInt::from(n) << (64 * (bin - lowest)).unsigned_abs())
        .sum();
    Number::Big(sum, 64 * lowest)
}

/// Three bins as one number of 256 bits, where it fits.
fn middle_sum(low: i128, middle: i128, high: i128) -> Option<i256> {
    let middle = i256::from_i128(middle).checked_mul(i256::from_i128(1 << 64))?;
    i256::from_parts(0, high).checked_add(middle)?.checked_add(i256::from_i128(low))
}
