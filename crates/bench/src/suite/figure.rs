//! One figure: what was measured, beside what was aimed at and what others need for the same.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::machine::Machine;

/// What a figure should be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Aim {
    /// At most this, on the machine that the aims were set on.
    pub(crate) value: Option<f64>,
    /// At most so many times a reference: which, and how many.
    pub(crate) ratios: &'static [(&'static str, f64)],
}

/// The same, measured several times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rounds {
    /// How often.
    pub(crate) count: usize,
    /// The least.
    pub(crate) min: f64,
    /// The one in the middle.
    pub(crate) median: f64,
    /// The most.
    pub(crate) max: f64,
}

/// One line of the benchmark.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) rounds: Rounds,
    /// How many times each reference; the middle of what the rounds gave.
    pub(crate) ratios: BTreeMap<String, f64>,
    /// What the references needed.
    pub(crate) references: BTreeMap<String, Rounds>,
    /// What the servers behind ours needed for the same, in the same unit.
    pub(crate) behind: BTreeMap<String, f64>,
    pub(crate) aim: Aim,
    /// CPU that others used meanwhile, in cores: the most of all rounds.
    pub(crate) others_cores: f64,
    /// CPU of the load, in cores.
    pub(crate) load_cores: f64,
    pub(crate) settings: Value,
}

impl Rounds {
    /// What several rounds come to.
    pub(crate) fn of(values: &[f64]) -> Rounds {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |idx: usize| sorted.get(idx).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 };
        Rounds { count: sorted.len(), min: at(0), median, max: at(sorted.len().wrapping_sub(1)) }
    }
}

impl Figure {
    /// A figure that nothing else is measured beside.
    pub(crate) fn alone(name: &str, unit: &'static str, values: &[f64], aim: Aim, settings: Value) -> Figure {
        Figure {
            name: name.to_owned(),
            unit,
            rounds: Rounds::of(values),
            ratios: BTreeMap::new(),
            references: BTreeMap::new(),
            behind: BTreeMap::new(),
            aim,
            others_cores: 0.0,
            load_cores: 0.0,
            settings,
        }
    }

    /// The JSON line.
    pub(crate) fn line(&self, machine: &Machine) -> String {
        let rounded = |rounds: &Rounds| json!({ "count": rounds.count, "min": short(rounds.min), "median": short(rounds.median), "max": short(rounds.max) });
        let references: BTreeMap<&String, Value> =
            self.references.iter().map(|(name, rounds)| (name, rounded(rounds))).collect();
        let ratio: BTreeMap<&String, f64> =
            self.ratios.iter().map(|(name, ratio)| (name, short(*ratio))).collect();
        let behind: BTreeMap<&String, f64> =
            self.behind.iter().map(|(name, value)| (name, short(*value))).collect();
        let aim_ratio: BTreeMap<&str, f64> = self.aim.ratios.iter().copied().collect();
        json!({
            "name": self.name,
            "value": short(self.rounds.median),
            "unit": self.unit,
            "ratio": ratio,
            "aim": { "value": self.aim.value, "ratio": aim_ratio },
            "rounds": rounded(&self.rounds),
            "references": references,
            "behind": behind,
            "others_cores": short(self.others_cores),
            "load_cores": short(self.load_cores),
            "settings": self.settings,
            "machine": machine,
        })
        .to_string()
    }

    fn aimed_at(&self) -> String {
        let ratios = self.aim.ratios.iter().map(|(name, ratio)| format!("{ratio} x {name}"));
        let value = self.aim.value.map(|value| format!("about {value}"));
        ratios.chain(value).collect::<Vec<_>>().join(", ")
    }

    fn compared(&self) -> String {
        let ratios = self.ratios.iter().map(|(name, ratio)| format!("{} x {name}", short(*ratio)));
        ratios.collect::<Vec<_>>().join(", ")
    }
}

/// Three digits are more than a shared machine can tell.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10f64.powi(2 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// All figures for people.
pub(crate) fn table(figures: &[Figure], machine: &Machine) -> String {
    let mut text = format!("{}, {} cores, Linux {}\n\n", machine.cpu, machine.cores, machine.kernel);
    let row = |cells: [&str; 6]| {
        let [name, value, spread, ratios, aim, others] = cells;
        format!("{name:34} {value:>12} {spread:>17}  {ratios:34} {aim:38} {others}\n")
    };
    text += &row(["figure", "value", "rounds", "compared", "aim", "others"]);
    for figure in figures {
        let value = format!("{} {}", short(figure.rounds.median), figure.unit);
        let spread = format!("{} to {}", short(figure.rounds.min), short(figure.rounds.max));
        let others = format!("{:.2}", figure.others_cores);
        text += &row([&figure.name, &value, &spread, &figure.compared(), &figure.aimed_at(), &others]);
    }
    let busy = figures.iter().filter(|figure| figure.others_cores > OTHERS_CORES_MAX).count();
    if busy > 0 {
        // Writing to a String cannot fail.
        let _written = write!(
            text,
            "\n{busy} of {} figures were taken while others used more than {OTHERS_CORES_MAX} cores: read their ratios, not their values.\n",
            figures.len()
        );
    }
    text
}

/// With more than this, in cores, values are noise.
const OTHERS_CORES_MAX: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_have_a_middle() {
        assert_eq!(Rounds::of(&[3.0, 1.0, 2.0]), Rounds { count: 3, min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Rounds::of(&[4.0, 1.0]).median, 2.5);
    }

    #[test]
    fn figures_are_cut_to_three_digits() {
        assert_eq!(
            [short(5.4567), short(0.012345), short(123_456.0), short(0.0)],
            [5.46, 0.0123, 123_000.0, 0.0]
        );
    }
}
