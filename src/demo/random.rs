//! Chance: one stream of random numbers per table and item, so that the order of the work changes no byte.

use rand::RngCore;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// What a stream is for. The number is part of the stream's address: never reuse or renumber one.
#[derive(Clone, Copy, Debug)]
pub enum Topic {
    People = 1,
    Customers = 2,
    Accounts = 3,
    Holdings = 4,
    TransactionTimes = 5,
    Transactions = 6,
    AppTimes = 7,
    AppEvents = 8,
    Contacts = 9,
    Branches = 10,
    Studies = 11,
    Applications = 12,
}

/// The streams of one topic under one seed.
#[derive(Clone)]
pub struct Streams {
    base: ChaCha8Rng,
    topic: u64,
}

impl Streams {
    pub fn new(seed: u64, topic: Topic) -> Self {
        Streams { base: ChaCha8Rng::seed_from_u64(seed), topic: (topic as u64) << 48 }
    }

    /// The stream of item `index` (a customer, a month), always from its beginning.
    pub fn at(&self, index: u64) -> Draw {
        let mut rng = self.base.clone();
        rng.set_stream(self.topic | index);
        Draw(rng)
    }
}

/// Draws from one stream.
pub struct Draw(ChaCha8Rng);

impl Draw {
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        fraction(self.bits())
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number from 0 up to, not including, `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// A whole number between both ends, which are included; `low` when the ends are crossed.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1).max(0) as u32) as i32
    }

    /// Mean 0, deviation 1.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Skewed to the right, as money is; `spread` is the deviation of the logarithm.
    pub fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.normal()).exp()
    }

    /// A waiting time with the given mean.
    pub fn waiting(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// How many of many rare events happen when `mean` are expected.
    pub fn poisson(&mut self, mean: f64) -> u32 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > 40.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u32;
        }
        let limit = (-mean).exp();
        let mut count = 0;
        let mut product = self.unit();
        while product > limit {
            count += 1;
            product *= self.unit();
        }
        count
    }
}

/// The upper bits of `bits` as a number from 0 up to, not including, 1.
pub fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A well-mixed number from a counter: for what is derived rather than drawn (key gaps).
pub fn mix(index: u64) -> u64 {
    let mut x = index.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

const SLOTS: usize = 1024;

/// A wheel of fortune: picks an index by weight in one look-up. Shares are rounded to 1/1024.
#[derive(Clone)]
pub struct Wheel {
    slots: Vec<u8>,
}

impl Wheel {
    pub fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let weights: Vec<f64> = weights.into_iter().collect();
        let total: f64 = weights.iter().sum();
        let mut slots = Vec::with_capacity(SLOTS);
        let mut sum = 0.0;
        for (index, weight) in weights.iter().enumerate() {
            sum += weight;
            let upto = if total > 0.0 { (sum / total * SLOTS as f64).round() as usize } else { SLOTS };
            slots.resize(upto.clamp(slots.len(), SLOTS), index as u8);
        }
        Wheel { slots }
    }

    /// Weights that fall with the place: 1, 1/2, 1/3 … (a few names take most).
    pub fn falling(len: usize) -> Self {
        Wheel::new((0..len).map(|place| 1.0 / (place as f64 + 1.0)))
    }

    /// Reads the ten lowest bits.
    pub fn pick(&self, bits: u64) -> u8 {
        self.slots.get((bits & (SLOTS as u64 - 1)) as usize).copied().unwrap_or(0)
    }
}
