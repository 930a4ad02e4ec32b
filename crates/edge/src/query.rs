//! Reading a query: `name=value&...`, percent-decoded once. `+` stays `+`, because tokens may hold one.

use crate::path::{BadSegment, decoded};

/// The value of the first parameter called `name`; an empty text where it has none; `None` where it is absent.
pub fn value(query: Option<&str>, name: &str) -> Result<Option<String>, BadSegment> {
    for pair in query.unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(key).is_ok_and(|key| key == name) {
            let value = decoded(value)?;
            return if value.chars().any(char::is_control) {
                Err(BadSegment::Control)
            } else {
                Ok(Some(value))
            };
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts_and_is_decoded_once() {
        let query = Some("a=1&device=web%40home&device=ios&flag&token=x+y%3D");
        assert_eq!(value(query, "device"), Ok(Some("web@home".to_owned())));
        assert_eq!(value(query, "token"), Ok(Some("x+y=".to_owned())));
        assert_eq!(value(query, "flag"), Ok(Some(String::new())));
        assert_eq!(value(query, "absent"), Ok(None));
        assert_eq!(value(None, "device"), Ok(None));
    }

    #[test]
    fn a_broken_value_is_refused_only_where_it_is_asked_for() {
        let query = Some("other=%zz&device=%0a");
        assert_eq!(value(query, "other"), Err(BadSegment::BrokenEscape));
        assert_eq!(value(query, "device"), Err(BadSegment::Control));
        assert_eq!(value(query, "resume"), Ok(None));
    }
}
