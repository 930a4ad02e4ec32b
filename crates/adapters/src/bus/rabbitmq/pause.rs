//! How long to wait before a broker that is away is asked again.

use std::time::Duration;

/// A connection that broke by chance is there again at once.
const FIRST: Duration = Duration::from_millis(50);
/// A broker that restarts is found a second after it is there.
const MAX: Duration = Duration::from_secs(1);

/// Pauses that become longer.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Pause {
        Pause(FIRST)
    }
}

impl Pause {
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(MAX);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit() {
        let mut pause = Pause::default();
        let first: Vec<u128> = (0..7).map(|_| pause.next().as_millis()).collect();
        assert_eq!(first, [50, 100, 200, 400, 800, 1_000, 1_000]);
    }
}
