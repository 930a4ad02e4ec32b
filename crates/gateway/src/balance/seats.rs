//! The decisions: who may be chosen, who is chosen, who is left out and for how long. No clock and no lock in here.
//!
//! * Fewest connections by weight come first; among equals, chance decides.
//! * An instance that is asked by very many at the moment comes last: one that hangs, or has just started, has the fewest connections,
//!   and would otherwise get every newcomer.
//! * An instance that failed is left out for a while that doubles with each failure; never more than half of them are, because then the
//!   fault is rather on this side.
//! * An instance that vanished from the list is used a little longer: registries lose what still lives. A connect that fails, or a
//!   weight of 0 before, ends that.

use std::time::Duration;

use ports::registry::{Instance, METADATA_NONCE};
use tokio::time::Instant;

use super::limits::ASKED_MAX;
use super::seat::{Presence, Seat};
use super::{Address, BalanceLimits};

/// Everybody who was ever on the list and is not forgotten yet.
#[derive(Debug)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    limits: BalanceLimits,
}

/// What a new list changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// Instances on the list.
    pub listed: usize,
    /// Those of them that were not on the last one.
    pub appeared: usize,
    /// Those that were on the last one only.
    pub vanished: usize,
}

impl Seats {
    pub(super) fn new(limits: BalanceLimits) -> Seats {
        Seats { seats: Vec::new(), limits }
    }

    /// Takes over a list.
    pub(super) fn list(&mut self, instances: &[Instance], now: Instant) -> Change {
        let mut change = Change { listed: instances.len(), ..Change::default() };
        for seat in &mut self.seats {
            let is_listed = instances
                .iter()
                .any(|instance| instance.host == seat.address.host && instance.port == seat.address.port);
            if !is_listed && seat.presence == Presence::Listed {
                change.vanished += 1;
                let is_drained = !seat.takes_weight();
                seat.presence = if is_drained { Presence::Gone } else { Presence::Vanished { since: now } };
            }
        }
        for instance in instances {
            let nonce = instance.metadata.get(METADATA_NONCE).cloned();
            match self.seats.iter_mut().find(|seat| seat.is_at(instance)) {
                Some(seat) => {
                    change.appeared += usize::from(seat.presence != Presence::Listed);
                    if seat.nonce != nonce {
                        (seat.nonce, seat.failures, seat.left_out_until) = (nonce, 0, None);
                    }
                    (seat.weight, seat.presence) = (instance.weight, Presence::Listed);
                }
                None => {
                    change.appeared += 1;
                    self.seats.push(Seat::of(instance, nonce));
                }
            }
        }
        self.forget(now);
        change
    }

    /// Chooses an instance that is not among `tried`, and counts a connection to it. `roll(n)` gives a number below n.
    pub(super) fn choose(
        &mut self,
        now: Instant,
        tried: &[Address],
        roll: impl Fn(usize) -> usize,
    ) -> Option<Address> {
        self.forget(now);
        self.let_back_in(now);
        let mut candidates: Vec<&mut Seat> =
            self.seats.iter_mut().filter(|seat| seat.takes_new() && !tried.contains(&seat.address)).collect();
        // Who is left out or has much to do is better than nobody.
        for is_better in [|seat: &Seat, now| !seat.is_left_out(now), |seat: &Seat, _| seat.asked < ASKED_MAX]
        {
            if candidates.iter().any(|seat| is_better(seat, now)) {
                candidates.retain(|seat| is_better(seat, now));
            }
        }
        let least = candidates.iter().map(|seat| seat.load()).min_by(f64::total_cmp)?;
        candidates.retain(|seat| seat.load() <= least);
        let chosen = roll(candidates.len());
        let seat = candidates.into_iter().nth(chosen)?;
        seat.connections += 1;
        seat.asked += 1;
        Some(seat.address.clone())
    }

    /// The handshake is over, whatever came of it.
    pub(super) fn answered(&mut self, address: &Address) {
        if let Some(seat) = self.seat(address) {
            seat.asked = seat.asked.saturating_sub(1);
        }
    }

    /// A connection has ended, or was never made.
    pub(super) fn release(&mut self, address: &Address) {
        if let Some(seat) = self.seat(address) {
            seat.connections = seat.connections.saturating_sub(1);
        }
    }

    /// The instance did what it should.
    pub(super) fn succeeded(&mut self, address: &Address) {
        if let Some(seat) = self.seat(address) {
            (seat.failures, seat.left_out_until) = (0, None);
        }
    }

    /// The instance did not; says for how long it is left out, if it is.
    pub(super) fn failed(&mut self, address: &Address, now: Instant) -> Option<Duration> {
        let taking = self.seats.iter().filter(|seat| seat.takes_new()).count();
        let left_out = self.seats.iter().filter(|seat| seat.takes_new() && seat.is_left_out(now)).count();
        let limits = self.limits.clone();
        let seat = self.seat(address)?;
        if matches!(seat.presence, Presence::Vanished { .. }) {
            seat.presence = Presence::Gone;
            return None;
        }
        // Those who tried at the same time all tell of one and the same failure.
        if seat.is_left_out(now) || limits.eject_first.is_zero() || (left_out + 1) * 2 > taking {
            return None;
        }
        let doubled = limits.eject_first.saturating_mul(1u32.checked_shl(seat.failures).unwrap_or(u32::MAX));
        let pause = doubled.min(limits.eject_max);
        seat.failures = seat.failures.saturating_add(1);
        seat.left_out_until = Some(now + pause);
        Some(pause)
    }

    /// Instances that get new connections, and those of them that are left out for now.
    pub(super) fn counts(&self, now: Instant) -> (usize, usize) {
        let taking = self.seats.iter().filter(|seat| seat.takes_new());
        taking.fold((0, 0), |(all, out), seat| (all + 1, out + usize::from(seat.is_left_out(now))))
    }

    /// Connections of one instance.
    #[cfg(test)]
    pub(super) fn connections(&self, address: &Address) -> usize {
        self.seats.iter().find(|seat| seat.address == *address).map_or(0, |seat| seat.connections)
    }

    fn seat(&mut self, address: &Address) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.address == *address)
    }

    fn forget(&mut self, now: Instant) {
        for seat in &mut self.seats {
            if let Presence::Vanished { since } = seat.presence
                && now.duration_since(since) >= self.limits.vanished_keep
            {
                seat.presence = Presence::Gone;
            }
        }
        self.seats.retain(|seat| seat.presence != Presence::Gone || seat.connections > 0);
    }

    /// A list that became shorter must not leave more than half of the rest out.
    fn let_back_in(&mut self, now: Instant) {
        let (taking, left_out) = self.counts(now);
        let mut out: Vec<&mut Seat> =
            self.seats.iter_mut().filter(|seat| seat.takes_new() && seat.is_left_out(now)).collect();
        out.sort_by_key(|seat| seat.left_out_until);
        for seat in out.into_iter().take(left_out.saturating_sub(taking / 2)) {
            seat.left_out_until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn instance(port: u16, weight: f64) -> Instance {
        Instance { service: "s".to_owned(), host: "h".to_owned(), port, weight, metadata: BTreeMap::new() }
    }

    fn at(port: u16) -> Address {
        Address { host: "h".to_owned(), port }
    }

    fn seats(list: &[Instance], now: Instant) -> Seats {
        let mut seats = Seats::new(BalanceLimits::default());
        seats.list(list, now);
        seats
    }

    fn choose(seats: &mut Seats, now: Instant) -> u16 {
        seats.choose(now, &[], |_| 0).expect("an instance").port
    }

    fn second() -> Duration {
        Duration::from_secs(1)
    }

    #[test]
    fn connections_are_spread_by_weight() {
        let now = Instant::now();
        let mut seats = seats(&[instance(1, 1.0), instance(2, 3.0), instance(3, 0.0)], now);
        for _ in 0..40 {
            choose(&mut seats, now);
        }
        assert_eq!([1, 2, 3].map(|port| seats.connections(&at(port))), [10, 30, 0]);
    }

    #[test]
    fn among_equals_chance_decides() {
        let now = Instant::now();
        let list = [instance(1, 1.0), instance(2, 1.0), instance(3, 1.0)];
        for place in 0..3 {
            let chosen = seats(&list, now).choose(now, &[], |among| {
                assert_eq!(among, 3);
                place
            });
            assert_eq!(chosen, Some(at(list[place].port)));
        }
    }

    #[test]
    fn counts_survive_a_new_list_so_a_newcomer_gets_all_until_it_has_caught_up() {
        let now = Instant::now();
        let mut seats = seats(&[instance(1, 1.0), instance(2, 1.0)], now);
        for _ in 0..20 {
            choose(&mut seats, now);
        }
        seats.list(&[instance(3, 1.0), instance(2, 1.0), instance(1, 1.0)], now);
        let next: Vec<u16> = (0..10).map(|_| choose(&mut seats, now)).collect();
        assert_eq!(next, [3; 10]);
        // Also those of an instance that was away for a moment.
        seats.list(&[instance(3, 1.0)], now);
        seats.list(&[instance(1, 1.0), instance(2, 1.0), instance(3, 1.0)], now);
        assert_eq!([1, 2, 3].map(|port| seats.connections(&at(port))), [10, 10, 10]);
    }

    #[test]
    fn an_instance_that_fails_is_left_out_for_longer_each_time() {
        let mut now = Instant::now();
        let mut seats = seats(&[instance(1, 1.0), instance(2, 1.0)], now);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(seats.failed(&at(1), now), Some(second() * pause));
            assert_eq!(seats.failed(&at(1), now), None, "told of the same failure twice");
            now += second() * pause - Duration::from_millis(1);
            assert_eq!(seats.choose(now, &[], |_| 0), Some(at(2)));
            now += Duration::from_millis(1);
            assert_eq!(seats.choose(now, &[], |_| 0), Some(at(1)), "it is given a chance again");
            seats.release(&at(1));
            seats.release(&at(2));
        }
        seats.succeeded(&at(1));
        assert_eq!(seats.failed(&at(1), now), Some(second()));
    }

    #[test]
    fn never_more_than_half_are_left_out() {
        let now = Instant::now();
        let list: Vec<Instance> = (1..=5).map(|port| instance(port, 1.0)).collect();
        let mut seats = seats(&list, now);
        let out: Vec<bool> = (1..=5).map(|port| seats.failed(&at(port), now).is_some()).collect();
        assert_eq!(out, [true, true, false, false, false]);
        // Three of the healthy leave for good: of the two that stay, one may be left out.
        seats.list(&list[..2], now);
        let later = now + Duration::from_millis(1);
        for port in 3..=5 {
            seats.failed(&at(port), later);
        }
        assert!(seats.choose(later, &[], |_| 0).is_some());
        assert_eq!(seats.counts(later), (2, 1));
        let mut alone = Seats::new(BalanceLimits::default());
        alone.list(&list[..1], now);
        assert_eq!(alone.failed(&at(1), now), None, "the only one is never left out");
    }

    #[test]
    fn who_is_left_out_is_still_better_than_nobody() {
        let now = Instant::now();
        let mut seats = seats(&[instance(1, 1.0), instance(2, 1.0)], now);
        seats.failed(&at(1), now);
        assert_eq!(seats.choose(now, &[at(2)], |_| 0), Some(at(1)));
        assert_eq!(seats.choose(now, &[at(1), at(2)], |_| 0), None);
    }

    #[test]
    fn an_instance_that_does_not_answer_does_not_get_everybody() {
        let now = Instant::now();
        let mut seats = seats(&[instance(1, 1.0), instance(2, 1.0)], now);
        for _ in 0..1_000 {
            let chosen = choose(&mut seats, now);
            seats.answered(&at(chosen));
        }
        seats.list(&[instance(1, 1.0), instance(2, 1.0), instance(3, 1.0)], now);
        let next: Vec<u16> = (0..ASKED_MAX + 2).map(|_| choose(&mut seats, now)).collect();
        assert!(next[..ASKED_MAX].iter().all(|port| *port == 3), "{next:?}");
        assert_eq!(next[ASKED_MAX..], [1, 2]);
        seats.answered(&at(3));
        assert_eq!(choose(&mut seats, now), 3);
    }

    #[test]
    fn a_vanished_instance_is_used_a_little_longer_unless_it_fails() {
        let now = Instant::now();
        let mut seats = seats(&[instance(1, 1.0), instance(2, 1.0)], now);
        assert_eq!(seats.list(&[], now), Change { listed: 0, appeared: 0, vanished: 2 });
        let late = now + second() * 20;
        assert!(seats.choose(late - Duration::from_millis(1), &[], |_| 0).is_some());
        assert_eq!(seats.failed(&at(2), now), None);
        assert_eq!(
            seats.counts(now),
            (1, 0),
            "a vanished one that fails is gone, also where it is half of all"
        );
        assert!(seats.choose(late, &[], |_| 0).is_none());
        seats.list(&[instance(1, 1.0)], late);
        assert!(seats.choose(late, &[], |_| 0).is_some());
    }

    #[test]
    fn a_drained_instance_gets_nobody_new_at_once_and_nobody_when_it_vanishes() {
        let now = Instant::now();
        let mut seats = seats(&[instance(1, 1.0)], now);
        choose(&mut seats, now);
        seats.list(&[instance(1, 0.0)], now);
        assert_eq!(seats.choose(now, &[], |_| 0), None);
        seats.list(&[], now);
        assert_eq!(seats.choose(now, &[], |_| 0), None);
        assert_eq!(seats.connections(&at(1)), 1, "its connection is still counted");
        seats.release(&at(1));
        seats.list(&[], now);
        assert!(seats.seats.is_empty(), "and forgotten with it");
        for weight in [-1.0, f64::NAN] {
            seats.list(&[instance(1, weight)], now);
            assert_eq!(seats.choose(now, &[], |_| 0), None);
        }
    }

    #[test]
    fn a_restarted_instance_starts_with_a_clean_record() {
        let now = Instant::now();
        let boot = |nonce: &str| {
            let metadata = BTreeMap::from([(METADATA_NONCE.to_owned(), nonce.to_owned())]);
            Instance { metadata, ..instance(1, 1.0) }
        };
        let mut seats = seats(&[boot("a"), instance(2, 1.0)], now);
        seats.failed(&at(1), now);
        seats.list(&[boot("a"), instance(2, 1.0)], now);
        assert_eq!(seats.counts(now), (2, 1), "the same list changes nothing");
        seats.list(&[boot("b"), instance(2, 1.0)], now);
        assert_eq!(seats.counts(now), (2, 0));
    }
}
