//! What a story tells whoever reads the log of the tests: within how many seconds something healed.

use std::io::Write;
use std::time::Duration;

/// Says that `what` was so again after `time`. It is printed also where the test passes and its output is kept back.
pub(crate) fn healed(what: &str, time: Duration) {
    line(&format!("{what}: {:.1} s", time.as_secs_f64()));
}

/// Says anything else.
pub(crate) fn line(text: &str) {
    // Written past the macro whose output the test harness keeps back.
    writeln!(std::io::stderr(), "    {text}").ok();
}
