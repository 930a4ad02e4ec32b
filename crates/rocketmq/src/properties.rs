//! The properties of a message: names and values in one string, as `name 0x01 value 0x02 ...`.

use std::collections::BTreeMap;

use crate::{Error, limits::PROPERTIES_BYTES_MAX};

/// The names that the protocol itself gives meaning to.
pub(crate) const TAGS: &str = "TAGS";
pub(crate) const KEYS: &str = "KEYS";
pub(crate) const WAIT: &str = "WAIT";
pub(crate) const UNIQUE_KEY: &str = "UNIQ_KEY";

const AFTER_NAME: char = '\u{1}';
const AFTER_VALUE: char = '\u{2}';

/// Properties of a received message, those that brokers and producers added included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Reads the protocol's form; what is no pair is left out, because brokers too only store what producers wrote.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let pairs = text.split(AFTER_VALUE).filter_map(|pair| pair.split_once(AFTER_NAME));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The protocol's form of these pairs.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<String, Error> {
    let mut out = String::new();
    for (name, value) in pairs {
        let separated = |text: &str| text.contains([AFTER_NAME, AFTER_VALUE]);
        if name.is_empty() || separated(name) || separated(value) {
            return Err(Error::invalid(format!(
                "property {name:?} is empty, or it or its value has the character 0x01 or 0x02"
            )));
        }
        out.push_str(name);
        out.push(AFTER_NAME);
        out.push_str(value);
        out.push(AFTER_VALUE);
    }
    if out.len() > PROPERTIES_BYTES_MAX {
        return Err(Error::TooLarge {
            what: "the properties of a message",
            bytes: out.len(),
            bytes_max: PROPERTIES_BYTES_MAX,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_parsed_back() {
        let pairs = [("TAGS", "node-1"), ("empty", ""), ("名", "值 = \n")];
        let text = encode(pairs).expect("fine");
        let back = Properties::parse(text.as_bytes());
        assert_eq!(back.iter().count(), 3);
        for (name, value) in pairs {
            assert_eq!(back.get(name), Some(value));
        }
    }

    #[test]
    fn a_last_value_without_its_end_mark_is_read_and_rubbish_is_left_out() {
        let back = Properties::parse(b"a\x01b\x02rubbish\x02\x02c\x01d\xff");
        assert_eq!(back.iter().collect::<Vec<_>>(), [("a", "b"), ("c", "d\u{fffd}")]);
    }

    #[test]
    fn separators_in_names_or_values_and_too_many_bytes_are_refused() {
        assert!(encode([("a\u{1}", "b")]).is_err());
        assert!(encode([("a", "b\u{2}TAGS\u{1}forged")]).is_err());
        assert!(encode([("", "b")]).is_err());
        let long = "x".repeat(PROPERTIES_BYTES_MAX);
        assert!(matches!(encode([("a", long.as_str())]), Err(Error::TooLarge { .. })));
    }
}
