//! Which queue a key goes to: the same one from every process that knows the same queues.

use rocketmq::Queue;

/// The queue of a key. The list must be sorted, as a route's is; `None` when it is empty.
pub(super) fn queue_of<'a>(key: &str, sorted: &'a [Queue]) -> Option<&'a Queue> {
    let count = u64::try_from(sorted.len()).ok()?;
    let place = hash(key).checked_rem(count)?;
    sorted.get(usize::try_from(place).ok()?)
}

/// FNV-1a with a last mix, because its low bits alone fall unevenly. Its values are part of how a cluster keeps order: they never change.
fn hash(key: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = key.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(count: u32) -> Vec<Queue> {
        (0..count).map(|id| Queue { topic: "T".into(), broker: "b".into(), id }).collect()
    }

    #[test]
    fn a_key_has_the_same_queue_in_every_build() {
        let queues = queues(4);
        let place = |key| queue_of(key, &queues).unwrap().id;
        assert_eq!(["d:1:2", "d:1:3", "g:everyone", ""].map(place), [3, 0, 0, 1]);
        assert!(queue_of("d:1:2", &[]).is_none());
    }

    #[test]
    fn conversations_are_spread_over_all_queues() {
        let queues = queues(4);
        let mut counts = [0; 4];
        for user in 0..1_000 {
            counts[queue_of(&format!("d:{user}:{}", user + 1), &queues).unwrap().id as usize] += 1;
        }
        assert!(counts.iter().all(|count| (200..300).contains(count)), "{counts:?}");
    }
}
