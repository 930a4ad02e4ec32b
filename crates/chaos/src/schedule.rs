//! When what goes wrong: drawn from the seed before anything starts, and the same for the same seed and length.
//!
//! Two lanes: big faults, never two of them at once, and small ones (links) beside them.
//! The last fifth of a run is free of faults.

use std::fmt;
use std::time::Duration;

use crate::dice::Dice;
use crate::fault::{Fault, Link};
use crate::settings::Settings;
use crate::{GATEWAYS, NODES};

/// Traffic flows before the first fault.
const WARM_UP: Duration = Duration::from_secs(4);
/// The part of a run in which there are faults.
const FAULTY: f64 = 0.8;
/// Between the end of a big fault and the next one, and between two small ones.
const PAUSE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(1500));
/// Between two small faults: rarer than big ones, so that most of these stand alone.
const SMALL_PAUSE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(9));
/// How long a killed process stays away.
const AWAY: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(2500));
/// How long a link is cut or stalled.
const LINK: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(3));
/// A paused node stays away for longer than a lease by this factor.
const PAUSE_LEASES: f64 = 1.3;
/// A server that is started again takes about this long; only to plan with.
const START_ALLOWANCE: Duration = Duration::from_secs(2);

/// One fault with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// From the start of the traffic.
    pub(crate) at: Duration,
    /// What.
    pub(crate) fault: Fault,
    /// How long it is kept up before it is undone.
    pub(crate) lasts: Duration,
}

/// All faults of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// One after the other.
    pub(crate) big: Vec<Planned>,
    /// One after the other, beside the big ones.
    pub(crate) small: Vec<Planned>,
}

impl Schedule {
    /// Draws one.
    pub(crate) fn draw(seed: u64, time: Duration, settings: &Settings) -> Self {
        let end = time.mul_f64(FAULTY);
        let mut dice = Dice::new(seed);
        let big = draw_big(&mut dice, end, settings);
        Self { big, small: draw_small(&mut dice, end) }
    }

    /// How many faults there are.
    pub(crate) fn len(&self) -> usize {
        self.big.len() + self.small.len()
    }
}

fn draw_big(dice: &mut Dice, end: Duration, settings: &Settings) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut at = WARM_UP;
    loop {
        let gateway = dice.below(GATEWAYS);
        let mut round = Fault::big(|| dice.below(NODES), gateway);
        dice.shuffle(&mut round);
        let before = planned.len();
        for fault in round {
            let lasts = lasts(dice, fault, settings);
            if at + lasts + START_ALLOWANCE < end {
                planned.push(Planned { at, fault, lasts });
                at += lasts + allowance(fault, settings) + dice.between(PAUSE.0, PAUSE.1);
            }
        }
        if planned.len() == before {
            return planned;
        }
    }
}

fn draw_small(dice: &mut Dice, end: Duration) -> Vec<Planned> {
    let mut links: Vec<Link> = Vec::new();
    for node in 0..NODES {
        links.extend([Link::Directory(node), Link::Bus(node), Link::Store(node)]);
        links.extend([Link::Registry(node), Link::Node(node)]);
    }
    links.extend((0..GATEWAYS).map(Link::Gateway));
    let mut planned = Vec::new();
    let mut at = WARM_UP + dice.between(SMALL_PAUSE.0, SMALL_PAUSE.1);
    while at + LINK.1 < end {
        let Some(link) = dice.one_of(&links).copied() else { return planned };
        let fault = if dice.chance(500) { Fault::Stall(link) } else { Fault::Cut(link) };
        let lasts = dice.between(LINK.0, LINK.1);
        planned.push(Planned { at, fault, lasts });
        at += lasts + dice.between(SMALL_PAUSE.0, SMALL_PAUSE.1);
    }
    planned
}

/// For how long a fault is kept up.
fn lasts(dice: &mut Dice, fault: Fault, settings: &Settings) -> Duration {
    match fault {
        Fault::PauseNode(_) => settings.lease.mul_f64(PAUSE_LEASES),
        Fault::PauseDirectory => settings.directory_pause,
        Fault::RegistryAway => settings.registry_away,
        Fault::FlushDirectory => Duration::ZERO,
        Fault::Stall(_) | Fault::Cut(_) => dice.between(LINK.0, LINK.1),
        _ => dice.between(AWAY.0, AWAY.1),
    }
}

/// What is added to a fault for the end of a process and its next start.
fn allowance(fault: Fault, settings: &Settings) -> Duration {
    match fault {
        Fault::DrainNode(_) => settings.drain_notice + settings.drain_spread + START_ALLOWANCE,
        Fault::PauseNode(_) | Fault::PauseDirectory | Fault::FlushDirectory => Duration::ZERO,
        Fault::Stall(_) | Fault::Cut(_) => Duration::ZERO,
        _ => START_ALLOWANCE,
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, lasts) = (self.at.as_secs_f64(), self.lasts.as_secs_f64());
        write!(f, "{at:7.1} s  {} ({lasts:.1} s)", self.fault)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: Vec<&Planned> = self.big.iter().chain(&self.small).collect();
        all.sort_by_key(|planned| planned.at);
        for planned in all {
            writeln!(f, "{planned}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::Plan;

    fn draw(seed: u64, seconds: u64) -> Schedule {
        let time = Duration::from_secs(seconds);
        Schedule::draw(seed, time, &Settings::of(time))
    }

    #[test]
    fn the_same_seed_draws_the_same_schedule() {
        assert_eq!(draw(7, 90), draw(7, 90));
        assert_ne!(draw(7, 90), draw(8, 90));
    }

    #[test]
    fn the_last_fifth_is_free_of_faults_and_big_ones_never_overlap() {
        for (seed, seconds) in (0..200).zip([60, 90, 300, 3600].into_iter().cycle()) {
            let schedule = draw(seed, seconds);
            let end = Duration::from_secs(seconds).mul_f64(FAULTY);
            assert!(schedule.big.len() >= 5 && !schedule.small.is_empty(), "{schedule}");
            assert!(schedule.big.iter().chain(&schedule.small).all(|fault| fault.at + fault.lasts <= end));
            for lane in [&schedule.big, &schedule.small] {
                assert!(lane.is_sorted_by(|one, next| one.at + one.lasts <= next.at), "{schedule}");
            }
        }
    }

    fn kinds(schedule: &Schedule) -> BTreeSet<String> {
        let names = schedule.big.iter().map(|planned| planned.fault.to_string());
        names.map(|name| name.trim_end_matches(|last: char| last.is_ascii_digit()).to_owned()).collect()
    }

    #[test]
    fn the_seed_that_is_run_every_time_holds_every_kind_of_fault() {
        let schedule = draw(Plan::EVERY_KIND.0, Plan::EVERY_KIND.1);
        assert_eq!(kinds(&schedule).len(), Fault::big(|| 0, 0).len(), "{schedule}");
        let small = |kind: &str| schedule.small.iter().any(|fault| fault.fault.to_string().starts_with(kind));
        assert!(small("cut") && small("stall"), "{schedule}");
    }

    #[test]
    fn five_minutes_hold_every_kind_of_fault() {
        assert_eq!(kinds(&draw(1, 300)).len(), Fault::big(|| 0, 0).len());
    }
}
