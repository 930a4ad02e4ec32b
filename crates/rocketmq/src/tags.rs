//! Which tags a reader wants.
//!
//! The broker filters by a hash of the tag only, so what it sends is checked once more here.

use std::{collections::BTreeSet, fmt, str::FromStr};

use crate::Error;

/// A tag expression: `*` for every message, or tags joined by `||`.
///
/// ```
/// let tags: rocketmq::Tags = "orders || invoices".parse()?;
/// assert!(tags.accept(Some("orders")) && !tags.accept(Some("refunds")) && !tags.accept(None));
/// # Ok::<(), rocketmq::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(Wanted);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Every,
    OneOf(BTreeSet<String>),
}

const EVERY: &str = "*";
const OR: &str = "||";

impl Tags {
    /// Every message, tagged or not.
    pub fn every() -> Self {
        Self(Wanted::Every)
    }

    /// Only messages with this tag.
    pub fn only(tag: &str) -> Result<Self, Error> {
        check_tag(tag)?;
        Ok(Self(Wanted::OneOf(BTreeSet::from([tag.to_owned()]))))
    }

    /// Whether a message with this tag, or without one, is wanted.
    pub fn accept(&self, tag: Option<&str>) -> bool {
        match (&self.0, tag) {
            (Wanted::Every, _) => true,
            (Wanted::OneOf(wanted), Some(tag)) => wanted.contains(tag),
            (Wanted::OneOf(_), None) => false,
        }
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.0 {
            Wanted::Every => Vec::new(),
            Wanted::OneOf(wanted) => wanted.iter().map(String::as_str).collect(),
        }
    }
}

impl FromStr for Tags {
    type Err = Error;

    fn from_str(expression: &str) -> Result<Self, Error> {
        if expression.trim() == EVERY {
            return Ok(Self::every());
        }
        let mut wanted = BTreeSet::new();
        for tag in expression.split(OR).map(str::trim) {
            check_tag(tag)?;
            wanted.insert(tag.to_owned());
        }
        Ok(Self(Wanted::OneOf(wanted)))
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Wanted::Every => f.write_str(EVERY),
            Wanted::OneOf(_) => f.write_str(&self.names().join(OR)),
        }
    }
}

/// A tag that could not be asked for in an expression is not sent either.
pub(crate) fn check_tag(tag: &str) -> Result<(), Error> {
    if tag.is_empty()
        || tag.trim() != tag
        || tag.contains('|')
        || tag == EVERY
        || tag.chars().any(char::is_control)
    {
        return Err(Error::invalid(format!(
            "tag {tag:?} is empty or `*`, or has spaces at its ends, a `|` or a control character"
        )));
    }
    Ok(())
}

/// Java's `String.hashCode`, by which brokers filter.
pub(crate) fn hash(tag: &str) -> i32 {
    tag.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_with_the_same_hash_are_told_apart() {
        assert_eq!(hash("Aa"), hash("BB"));
        let tags = Tags::only("Aa").expect("fine");
        assert!(tags.accept(Some("Aa")));
        assert!(!tags.accept(Some("BB")));
    }

    #[test]
    fn expressions_are_read_as_java_reads_them() {
        let tags: Tags = " a||b ||  c".parse().expect("fine");
        assert_eq!(tags.to_string(), "a||b||c");
        assert_eq!(" * ".parse::<Tags>().expect("fine"), Tags::every());
        assert!(Tags::every().accept(None));
        for wrong in ["", "a||", "a|b", "a || *", "a\nb"] {
            assert!(wrong.parse::<Tags>().is_err(), "{wrong:?}");
        }
    }
}
