//! The numbers that make each send unlike every other, also those of an earlier run on the same server.

use super::peer::NUMBER_DIGITS;
use crate::clock;

/// Numbers of sends.
#[derive(Debug)]
pub(super) struct Numbers {
    next: u64,
}

impl Numbers {
    /// Begins where no run before has been: a million sends a millisecond are more than any machine does.
    pub(super) fn new() -> Numbers {
        Numbers { next: clock::unix_ms() * 1_000 }
    }

    /// The next one, as digits.
    pub(super) fn next(&mut self) -> [u8; NUMBER_DIGITS] {
        self.next += 1;
        let (mut digits, mut rest) = ([b'0'; NUMBER_DIGITS], self.next);
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        digits
    }
}
