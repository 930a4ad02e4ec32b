//! How long things took: counted in buckets that are 1.6 % wide, so that millions cost no memory.

use serde::{Deserialize, Serialize};

/// Bits of a value that are kept below its highest one.
const MANTISSA_BITS: u32 = 6;
/// Buckets for every u64.
const BUCKETS: usize = 64 << MANTISSA_BITS;

/// Times, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

/// The times that stand for all, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many were counted.
    pub count: u64,
    /// Half took no longer.
    pub p50_us: f64,
    /// Of ten, nine took no longer.
    pub p90_us: f64,
    /// Of a hundred, ninety-nine took no longer.
    pub p99_us: f64,
    /// None took longer.
    pub max_us: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, ns: u64) {
        if let Some(count) = self.counts.get_mut(bucket(ns)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// What stands for all.
    pub fn quantiles(&self) -> Quantiles {
        Quantiles {
            count: self.total,
            p50_us: self.quantile(0.5),
            p90_us: self.quantile(0.9),
            p99_us: self.quantile(0.99),
            max_us: self.quantile(1.0),
        }
    }

    fn quantile(&self, share: f64) -> f64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return middle(bucket) / 1_000.0;
            }
        }
        0.0
    }
}

/// Values below 128 have a bucket each; above, 64 buckets share each power of two.
fn bucket(ns: u64) -> usize {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(MANTISSA_BITS + 1);
    ((shift as usize) << MANTISSA_BITS) + (ns >> shift) as usize
}

/// The value in the middle of a bucket, in nanoseconds.
fn middle(bucket: usize) -> f64 {
    let shift = (bucket >> MANTISSA_BITS).saturating_sub(1);
    let low = (bucket - (shift << MANTISSA_BITS)) as f64;
    let width = 2f64.powi(shift as i32);
    (low + 0.5) * width - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_whose_middle_is_near_it() {
        for shift in 0..63 {
            for value in [1u64 << shift, (1 << shift) + (1 << shift) / 3, (2 << shift) - 1] {
                let (middle, value) = (middle(bucket(value)), value as f64);
                assert!((middle - value).abs() <= value / 100.0, "{value} is counted as {middle}");
            }
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|us| histogram.add(us * 1_000));
        let quantiles = histogram.quantiles();
        for (seen, wanted) in [
            (quantiles.p50_us, 500.0),
            (quantiles.p90_us, 900.0),
            (quantiles.p99_us, 990.0),
            (quantiles.max_us, 1_000.0),
        ] {
            assert!((seen - wanted).abs() < wanted * 0.02, "{seen}, not {wanted}");
        }
        histogram.clear();
        assert_eq!(histogram.quantiles(), Quantiles::default());
    }
}
