//! When something was broken, and until when it excuses slowness.

use std::time::Duration;

use super::bounds::Patience;
use super::fact::{Entry, Fact, Phase};

/// The faults of a run, in the order of their beginnings.
#[derive(Debug)]
pub(super) struct Weather {
    pub faults: Vec<Spell>,
}

/// One fault, from its beginning to its end.
#[derive(Debug)]
pub(super) struct Spell {
    pub name: String,
    pub began_us: u64,
    /// `None` while it lasts.
    pub ended_us: Option<u64>,
}

impl Weather {
    pub(crate) fn of(entries: &[Entry]) -> Weather {
        let mut faults: Vec<Spell> = Vec::new();
        for Entry { at_us, fact } in entries {
            let Fact::Fault { name, phase } = fact else { continue };
            let open = faults.iter_mut().find(|spell| spell.name == *name && spell.ended_us.is_none());
            match (phase, open) {
                (Phase::Begin, None) => {
                    faults.push(Spell { name: name.clone(), began_us: *at_us, ended_us: None });
                }
                (Phase::End, Some(spell)) => spell.ended_us = Some(*at_us),
                // Begun twice or ended twice: it lasts from the first to the first.
                (Phase::Begin, Some(_)) | (Phase::End, None) => {}
            }
        }
        Weather { faults }
    }

    /// When what begins at `from_us` must be done; `None` when a fault that never ended excuses it for ever.
    ///
    /// A fault that overlaps the wait, or ended so short before it that its after-effects do, moves the end to its own end and what is granted after it.
    pub(crate) fn deadline_us(&self, from_us: u64, patience: &Patience) -> Option<u64> {
        let mut deadline = from_us.saturating_add(micros(patience.within));
        // In the order of their beginnings: each can only bring the next ones into reach.
        for spell in &self.faults {
            if spell.began_us > deadline {
                break;
            }
            let over =
                spell.ended_us.map(|end| end.saturating_add(micros(patience.after_fault(&spell.name))));
            match over {
                None => return None,
                Some(over) if over > from_us => deadline = deadline.max(over),
                Some(_) => {}
            }
        }
        Some(deadline)
    }

    /// When the last fault was undone; 0 where there was none.
    pub(crate) fn calm_since_us(&self) -> u64 {
        self.faults.iter().filter_map(|spell| spell.ended_us).max().unwrap_or(0)
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(faults: &[(&str, u64, Option<u64>)]) -> Weather {
        let spells = faults.iter().map(|&(name, began_us, ended_us)| Spell {
            name: name.to_owned(),
            began_us,
            ended_us,
        });
        Weather { faults: spells.collect() }
    }

    #[test]
    fn a_wait_ends_after_the_last_fault_that_reaches_into_it() {
        let us = Duration::from_micros;
        let patience = Patience::new(us(10), us(5)).after("kill", us(50));
        let deadline = |faults: &[(&str, u64, Option<u64>)]| weather(faults).deadline_us(100, &patience);
        assert_eq!(deadline(&[]), Some(110));
        assert_eq!(deadline(&[("cut a", 105, Some(120))]), Some(125));
        assert_eq!(deadline(&[("kill a", 80, Some(90))]), Some(140), "its after-effects last");
        assert_eq!(deadline(&[("cut a", 80, Some(90))]), Some(110), "its after-effects are over");
        assert_eq!(deadline(&[("cut a", 111, Some(120))]), Some(110), "it came too late to excuse");
        assert_eq!(deadline(&[("cut a", 105, Some(120)), ("kill b", 124, Some(130))]), Some(180));
        assert_eq!(deadline(&[("cut a", 105, None)]), None);
    }
}
