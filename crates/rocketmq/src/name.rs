//! Checks of names that go on the wire, so that a wrong one is an error here and not a riddle at the broker.

use crate::Error;
use crate::limits::{GROUP_BYTES_MAX, TOPIC_BYTES_MAX};

pub(crate) fn check_topic(topic: &str) -> Result<(), Error> {
    check("topic", topic, TOPIC_BYTES_MAX)
}

pub(crate) fn check_group(group: &str) -> Result<(), Error> {
    check("group", group, GROUP_BYTES_MAX)
}

fn check(what: &str, name: &str, bytes_max: usize) -> Result<(), Error> {
    if name.is_empty() || name.len() > bytes_max {
        return Err(Error::invalid(format!("{what} `{name}` does not have 1 to {bytes_max} bytes")));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '%' | '|' | '-' | '_');
    if !name.chars().all(fits) {
        return Err(Error::invalid(format!("{what} `{name}` has characters other than A-Z a-z 0-9 % | - _")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_broker_would_refuse_are_refused_here() {
        for good in ["SINGLE", "%RETRY%group", "a-b_c", "simple-node-1"] {
            assert!(check_topic(good).is_ok(), "{good}");
        }
        for bad in ["", "with space", "a.b", "名", "a\u{1}b", &"x".repeat(128)] {
            assert!(check_topic(bad).is_err(), "{bad}");
        }
    }
}
