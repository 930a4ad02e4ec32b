//! Counts of passed and failed tests, read from what the runners print.

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Passed.
    pub passed: u64,
    /// Failed, or did not come to an end.
    pub failed: u64,
}

impl Tally {
    /// Adds up the lines `test result: ok. 5 passed; 0 failed; ...` of a run of cargo.
    pub fn of_cargo(output: &str) -> Tally {
        let results = output.lines().filter_map(|line| line.split_once("test result: "));
        results.fold(Tally::default(), |tally, (_, counts)| {
            tally + Tally { passed: before(counts, " passed"), failed: before(counts, " failed") }
        })
    }

    /// Reads the lines `# pass 5` and `# fail 0` of a run of `node --test` that reports in TAP.
    pub fn of_node(output: &str) -> Tally {
        let count = |word: &str| {
            let line = output.lines().rev().find_map(|line| line.strip_prefix(word));
            line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
        };
        Tally { passed: count("# pass "), failed: count("# fail ") + count("# cancelled ") }
    }
}

impl std::ops::Add for Tally {
    type Output = Tally;
    fn add(self, other: Tally) -> Tally {
        Tally { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

/// The number that stands before a word.
fn before(text: &str, word: &str) -> u64 {
    let number = text.split_once(word).and_then(|(head, _)| head.rsplit([' ', ';']).next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_prints_is_added_up() {
        let output = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 0 ignored\n\
                      test result: FAILED. 10 passed; 3 failed; 0 ignored\n";
        assert_eq!(Tally::of_cargo(output), Tally { passed: 12, failed: 3 });
        assert_eq!(Tally::of_cargo("error: could not compile"), Tally::default());
    }

    #[test]
    fn what_node_prints_is_read() {
        let output = "ok 1 - x\n# tests 4\n# pass 3\n# fail 1\n# cancelled 0\n";
        assert_eq!(Tally::of_node(output), Tally { passed: 3, failed: 1 });
    }
}
