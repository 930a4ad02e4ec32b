//! What a run is to be: how long, how many, and what is broken when. All of it follows from the seed and a few words of the command line.

use std::time::Duration;

use wire::policy::DevicePolicy;

use crate::dice::Dice;
use crate::fault::{Fault, Planned};

/// Of the length of a run, the part before its first fault.
const QUIET_AT_FIRST: f64 = 0.05;
/// Of the length of a run, where its last fault has ended: the last fifth is free of faults.
const FAULTS_END: f64 = 0.8;
/// Of the length of a run, where nobody says anything new: what is under way then must arrive without further help.
const TALK_END: f64 = 0.86;
/// Between two big faults. The longer one is more than a lease and the catch-up after it.
const REST: (u64, u64) = (3, 40);
/// Of a hundred starts of small faults, how many come at once while another one holds.
const SMALL_AT_ONCE_MAX: usize = 2;
/// Points of a node's code where it can be made to crash.
const POINTS: usize = node::fault::Point::ALL.len();

/// What a run is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// How long.
    pub length: Duration,
    /// How many nodes.
    pub nodes: usize,
    /// How many users.
    pub users: usize,
    /// How many groups.
    pub groups: usize,
    /// How many live sessions a user may have.
    pub devices: DevicePolicy,
    /// Whether a group's messages go to every node, and not only to those with members.
    pub broadcasts: bool,
    /// The rule that the nodes leave out, by its name.
    pub sabotage: Option<String>,
    /// What is broken when, by its beginning.
    pub faults: Vec<Planned>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64, minutes: u64, nodes: usize) -> Plan {
        let length = Duration::from_secs(minutes * 60);
        let mut plan = Plan {
            seed,
            length,
            nodes,
            users: 12,
            groups: 3,
            devices: DevicePolicy::PerDevice,
            broadcasts: false,
            sabotage: None,
            faults: Vec::new(),
        };
        plan.faults = plan.schedule();
        plan
    }

    /// The same with these of its faults alone.
    #[must_use]
    pub fn only(&self, places: &[usize]) -> Plan {
        let faults = places.iter().filter_map(|place| self.faults.get(*place).copied()).collect();
        Plan { faults, ..self.clone() }
    }

    /// When nothing new is said any more.
    pub fn talk_end(&self) -> Duration {
        self.length.mul_f64(TALK_END)
    }

    /// When the last fault has ended, at the latest.
    pub fn faults_end(&self) -> Duration {
        self.length.mul_f64(FAULTS_END)
    }

    fn schedule(&self) -> Vec<Planned> {
        let mut faults = self.big();
        faults.extend(self.small());
        faults.extend(self.stands());
        faults.sort_by_key(|planned| (planned.begin, planned.end));
        faults
    }

    /// One after the other, each with a rest behind it.
    fn big(&self) -> Vec<Planned> {
        let dice = Dice::of(self.seed, "big faults");
        let mut faults = Vec::new();
        let mut begin = self.length.mul_f64(QUIET_AT_FIRST) + dice.secs(0, 20);
        loop {
            let (fault, lasts) = self.one_big(&dice);
            let end = begin + lasts;
            if end > self.faults_end() {
                return faults;
            }
            faults.push(Planned { begin, end, fault });
            begin = end + dice.secs(REST.0, REST.1);
        }
    }

    fn one_big(&self, dice: &Dice) -> (Fault, Duration) {
        let node = dice.below(self.nodes);
        let some_or_all = dice.percent(50).then_some(node);
        match dice.below(15) {
            0 | 1 => (Fault::Crash { node, moves: false }, dice.secs(0, 25)),
            2 => (Fault::Crash { node, moves: true }, dice.secs(0, 20)),
            3..=5 => (Fault::CrashAt { node, point: dice.below(POINTS) }, dice.secs(10, 30)),
            6 => (Fault::Drain { node }, dice.secs(0, 20)),
            7 => (Fault::DirectoryHangs { node: some_or_all }, dice.secs(1, 35)),
            8 => (Fault::DirectoryAway { node: some_or_all }, dice.secs(1, 40)),
            9 => (Fault::DirectoryWiped, dice.secs(0, 20)),
            10 => (Fault::DirectoryFailsOver, dice.secs(0, 8)),
            11 => (Fault::BusAway, dice.secs(1, 30)),
            12 if dice.percent(50) => (Fault::BusRefuses { node }, dice.secs(1, 30)),
            12 => (Fault::InboxDead { node }, dice.secs(1, 30)),
            13 => (Fault::StoreAway, dice.secs(1, 20)),
            _ => (Fault::StoreHangs, dice.secs(1, 20)),
        }
    }

    /// At any time, a few at once.
    fn small(&self) -> Vec<Planned> {
        let dice = Dice::of(self.seed, "small faults");
        let mut faults = Vec::new();
        for _ in 0..SMALL_AT_ONCE_MAX {
            let mut begin = self.length.mul_f64(QUIET_AT_FIRST) + dice.secs(0, 60);
            loop {
                let (fault, lasts) = (one_small(&dice), dice.secs(5, 60));
                let end = begin + lasts;
                if end > self.faults_end() {
                    break;
                }
                faults.push(Planned { begin, end, fault });
                begin = end + dice.secs(5, 90);
            }
        }
        faults
    }

    /// Some node stands still now and then, whatever else is broken. Its dice are its own, so that all else of a seed stays as it was without it.
    fn stands(&self) -> Vec<Planned> {
        let dice = Dice::of(self.seed, "stands");
        let mut faults = Vec::new();
        let mut begin = self.length.mul_f64(QUIET_AT_FIRST) + dice.secs(0, 180);
        loop {
            // From less than anybody notices to longer than a lease, and than a client takes its line for dead.
            let lasts = if dice.percent(50) { dice.ms(50, 6_000) } else { dice.secs(6, 60) };
            let (fault, end) = (Fault::StandStill { node: dice.below(self.nodes) }, begin + lasts);
            if end > self.faults_end() {
                return faults;
            }
            faults.push(Planned { begin, end, fault });
            begin = end + dice.secs(30, 240);
        }
    }
}

fn one_small(dice: &Dice) -> Fault {
    match dice.below(7) {
        0 => Fault::DirectoryFlaky { percent: 5 + dice.below(40) as u64 },
        1 | 2 => Fault::BusLoses { percent: 5 + dice.below(60) as u64 },
        3 => Fault::BusRepeats { percent: 10 + dice.below(60) as u64 },
        4 => Fault::BusDelays { percent: 10 + dice.below(60) as u64 },
        5 => Fault::StoreFlaky { percent: 5 + dice.below(30) as u64 },
        _ => Fault::StoreSlow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_faults_come_one_at_a_time_and_the_last_fifth_is_free_of_faults() {
        for seed in 0..200 {
            let plan = Plan::of(seed, 10, 3);
            assert!(plan.faults.iter().all(|planned| planned.end <= plan.faults_end()));
            let big = plan.big();
            assert!(big.windows(2).all(|pair| pair[0].end < pair[1].begin), "seed {seed}");
            assert!(big.len() >= 5, "seed {seed}: {big:?}");
        }
    }
}
