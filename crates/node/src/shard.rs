//! Which of several locks or queues a name belongs to: the same one in every run, so that a simulation can be repeated.
//!
//! Who chooses names may crowd one of them, and gains nothing but company there: the maps behind the locks hash with secret keys.

/// The shard of `name` among `shards`; 0 where there are none.
pub(crate) fn shard_of(name: &str, shards: usize) -> usize {
    // FNV-1a: names are short.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash ^ hash >> 32) as usize).checked_rem(shards).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_little_are_spread_over_all_shards() {
        let mut counts = [0; 64];
        for user in 0..6_400 {
            counts[shard_of(&user.to_string(), counts.len())] += 1;
        }
        assert!(counts.iter().all(|count| (50..=200).contains(count)), "{counts:?}");
        assert_eq!(shard_of("alone", 1), 0);
        assert_eq!(shard_of("nowhere", 0), 0);
    }
}
