//! The words of the command line.

use std::ops::Range;
use std::path::PathBuf;

use wire::policy::DevicePolicy;

use crate::plan::Plan;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Which seeds.
    pub seeds: Range<u64>,
    /// How long, in simulated minutes.
    pub minutes: u64,
    /// How many nodes.
    pub nodes: usize,
    /// How many live sessions a user may have.
    pub devices: DevicePolicy,
    /// A group's messages go to every node.
    pub broadcasts: bool,
    /// The rule that nodes break.
    pub sabotage: Option<String>,
    /// Where the facts of one run go.
    pub facts: Option<PathBuf>,
    /// Each seed twice, and the facts compared.
    pub twice: bool,
    /// No faults.
    pub calm: bool,
    /// These faults of the schedule alone.
    pub only: Option<Vec<usize>>,
    /// Find the faults that a failure needs.
    pub shrink: bool,
    /// Count operations in place of breaking things.
    pub scale: bool,
}

/// How it is called.
pub const USAGE: &str =
    "usage: cargo xtask sim [--seed N | --seeds N | --seeds A..B] [--minutes N] [--nodes N] [--devices POLICY] [--broadcasts]
                       [--sabotage NAME] [--facts FILE] [--twice] [--calm] [--only 0,3,7] [--shrink] [--scale]
  --seed N         one run: its schedule, its verdict
  --seeds N, A..B  many runs over all cores (default: 200)
  --minutes N      simulated minutes of a run (default: 10)
  --nodes N        nodes of a run (default: 3)
  --devices POLICY how many sessions a user may have: single, many (default: per_device)
  --broadcasts     a group's messages go to every node, not only to those with members
  --sabotage NAME  nodes break a rule, and the judge has to notice
  --facts FILE     write the facts of one run, a JSON object a line
  --twice          run each seed twice, and compare the facts byte for byte
  --calm           no faults
  --only LIST      of the schedule of one run, these faults alone, by their numbers
  --shrink         of one run that fails, find the faults that it needs
  --scale          count operations on the seams at 3, 10 and 30 nodes";

impl Words {
    /// Reads them.
    ///
    /// # Errors
    /// The word that is none.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Words, String> {
        let mut read = Words {
            seeds: 0..200,
            minutes: 10,
            nodes: 3,
            devices: DevicePolicy::PerDevice,
            broadcasts: false,
            sabotage: None,
            facts: None,
            twice: false,
            calm: false,
            only: None,
            shrink: false,
            scale: false,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--seed" => {
                    let seed: u64 = number(&value()?)?;
                    read.seeds = seed..seed + 1;
                }
                "--seeds" => read.seeds = range(&value()?)?,
                "--minutes" => read.minutes = number(&value()?)?,
                "--nodes" => read.nodes = number(&value()?)?,
                "--devices" => {
                    read.devices = value()?.parse().map_err(|error| format!("--devices: {error}"))?
                }
                "--broadcasts" => read.broadcasts = true,
                "--sabotage" => read.sabotage = Some(value()?),
                "--facts" => read.facts = Some(value()?.into()),
                "--only" => read.only = Some(value()?.split(',').map(number).collect::<Result<_, _>>()?),
                "--twice" => read.twice = true,
                "--calm" => read.calm = true,
                "--shrink" => read.shrink = true,
                "--scale" => read.scale = true,
                "--help" | "help" => return Err("what it can be told:".to_owned()),
                other => return Err(format!("`{other}` is no word of this verb")),
            }
        }
        if read.nodes == 0 || read.minutes == 0 {
            return Err("there must be a node and a minute".to_owned());
        }
        Ok(read)
    }

    /// The plan of a seed.
    pub fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::of(seed, self.minutes, self.nodes);
        (plan.devices, plan.broadcasts) = (self.devices, self.broadcasts);
        plan.sabotage.clone_from(&self.sabotage);
        match &self.only {
            Some(only) => plan.only(only),
            None if self.calm => plan.only(&[]),
            None => plan,
        }
    }

    /// The command that repeats the run of a seed.
    pub fn command(&self, seed: u64) -> String {
        let mut command = format!("cargo xtask sim --seed {seed}");
        if self.minutes != 10 {
            command += &format!(" --minutes {}", self.minutes);
        }
        if self.nodes != 3 {
            command += &format!(" --nodes {}", self.nodes);
        }
        if self.devices != DevicePolicy::PerDevice {
            command += &format!(" --devices {}", self.devices);
        }
        if self.broadcasts {
            command += " --broadcasts";
        }
        if let Some(sabotage) = &self.sabotage {
            command += &format!(" --sabotage {sabotage}");
        }
        if let Some(only) = &self.only {
            let only: Vec<String> = only.iter().map(ToString::to_string).collect();
            command += &format!(" --only {}", only.join(","));
        }
        command + if self.calm { " --calm" } else { "" }
    }
}

fn range(word: &str) -> Result<Range<u64>, String> {
    match word.split_once("..") {
        Some((from, to)) => Ok(number(from)?..number(to)?),
        None => Ok(0..number(word)?),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Words, String> {
        Words::read(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn words_are_read_and_a_wrong_one_is_named() {
        let words = read("--seed 7 --minutes 2 --devices single --broadcasts --only 1,4").unwrap();
        assert_eq!((words.seeds.clone(), words.minutes, words.only.clone()), (7..8, 2, Some(vec![1, 4])));
        assert_eq!(
            words.command(7),
            "cargo xtask sim --seed 7 --minutes 2 --devices single --broadcasts --only 1,4"
        );
        assert_eq!(read("--seeds 5..9").unwrap().seeds, 5..9);
        assert_eq!(read("--seeds 10000").unwrap().seeds, 0..10_000);
        assert!(read("--sneed 7").unwrap_err().contains("--sneed"));
        assert!(read("--seed").unwrap_err().contains("needs a value"));
        assert!(read("--devices two").unwrap_err().contains("per_device"));
        assert!(read("--seed x").unwrap_err().contains('x'));
    }
}
