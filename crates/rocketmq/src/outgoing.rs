//! A message to be sent, and the protocol's forms of one and of several.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Error, limits::BATCH_MESSAGES_MAX, properties, tags};

/// A message to be sent.
///
/// ```
/// let message = rocketmq::Outgoing::new("hello").tag("greeting").key("order-7").property("trace", "abc");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    body: Bytes,
    tag: Option<String>,
    keys: Vec<String>,
    properties: Vec<(String, String)>,
}

impl Outgoing {
    /// A message with this body, which is sent as it is: not compressed.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), tag: None, keys: Vec::new(), properties: Vec::new() }
    }

    /// Gives it a tag; the last one given counts.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Gives it one more key, by which the broker's tools find it; a key has no spaces.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Gives it a property of the user's own.
    /// Names that the protocol gives meaning to have it here too (`DELAY`, `UNIQ_KEY`, ...).
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn encode_properties(&self) -> Result<String, Error> {
        if let Some(tag) = &self.tag {
            tags::check_tag(tag)?;
        }
        if let Some(key) = self.keys.iter().find(|key| key.is_empty() || key.contains(char::is_whitespace)) {
            return Err(Error::invalid(format!("key {key:?} is empty or has a space")));
        }
        let own = [properties::TAGS, properties::KEYS, properties::WAIT];
        if let Some((name, _)) = self.properties.iter().find(|(name, _)| own.contains(&name.as_str())) {
            return Err(Error::invalid(format!("property {name} is not the user's: use `tag` or `key`")));
        }
        let keys = (!self.keys.is_empty()).then(|| self.keys.join(" "));
        let tag = self.tag.as_deref().map(|tag| (properties::TAGS, tag));
        let keys = keys.as_deref().map(|keys| (properties::KEYS, keys));
        let users = self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        properties::encode([(properties::WAIT, "true")].into_iter().chain(tag).chain(keys).chain(users))
    }
}

/// The properties of a batch itself: the broker is to answer when all of it is stored.
pub(crate) fn batch_properties() -> Result<String, Error> {
    properties::encode([(properties::WAIT, "true")])
}

/// Several messages as the body of one request.
pub(crate) fn encode_batch(messages: &[Outgoing], body_bytes_max: usize) -> Result<Bytes, Error> {
    if messages.is_empty() || messages.len() > BATCH_MESSAGES_MAX {
        return Err(Error::invalid(format!(
            "a batch of {} messages does not have 1 to {BATCH_MESSAGES_MAX}",
            messages.len()
        )));
    }
    const FIXED_BYTES: usize = 4 + 4 + 4 + 4 + 4 + 2;
    let mut out = BytesMut::new();
    for message in messages {
        let properties = message.encode_properties()?;
        let bytes = FIXED_BYTES + message.body.len() + properties.len();
        if out.len() + bytes > body_bytes_max {
            return Err(Error::TooLarge {
                what: "a batch",
                bytes: out.len() + bytes,
                bytes_max: body_bytes_max,
            });
        }
        out.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
        out.put_bytes(0, 4 + 4 + 4); // magic, checksum and flag: the broker writes its own
        out.put_u32(u32::try_from(message.body.len()).unwrap_or(u32::MAX));
        out.put_slice(&message.body);
        out.put_u16(u16::try_from(properties.len()).unwrap_or(u16::MAX));
        out.put_slice(properties.as_bytes());
    }
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_carry_tag_keys_and_the_users_own() {
        let message = Outgoing::new("x").tag("t").key("k1").key("k2").property("a", "b");
        assert_eq!(
            message.encode_properties().expect("fine"),
            "WAIT\u{1}true\u{2}TAGS\u{1}t\u{2}KEYS\u{1}k1 k2\u{2}a\u{1}b\u{2}"
        );
    }

    #[test]
    fn a_tag_key_or_property_that_would_mean_something_else_is_refused() {
        for wrong in [
            Outgoing::new("x").tag("a||b"),
            Outgoing::new("x").tag(""),
            Outgoing::new("x").key("two words"),
            Outgoing::new("x").property("TAGS", "forged"),
            Outgoing::new("x").property("a", "b\u{2}TAGS\u{1}forged"),
        ] {
            assert!(matches!(wrong.encode_properties(), Err(Error::Invalid { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_batch_is_laid_out_as_the_broker_reads_it() {
        let bytes = encode_batch(&[Outgoing::new("ab"), Outgoing::new("c")], 1000).expect("fine");
        let properties = b"WAIT\x01true\x02";
        let one = |body: &[u8]| {
            let mut out = Vec::new();
            out.extend((22 + body.len() as u32 + properties.len() as u32).to_be_bytes());
            out.extend([0; 12]);
            out.extend((body.len() as u32).to_be_bytes());
            out.extend(body);
            out.extend((properties.len() as u16).to_be_bytes());
            out.extend(properties);
            out
        };
        assert_eq!(bytes, [one(b"ab"), one(b"c")].concat());
    }

    #[test]
    fn an_empty_batch_and_one_that_is_too_large_are_refused() {
        assert!(matches!(encode_batch(&[], 1000), Err(Error::Invalid { .. })));
        let large = [Outgoing::new(vec![0; 600]), Outgoing::new(vec![0; 600])];
        assert!(matches!(encode_batch(&large, 1000), Err(Error::TooLarge { bytes_max: 1000, .. })));
        let many = vec![Outgoing::new(""); BATCH_MESSAGES_MAX + 1];
        assert!(matches!(encode_batch(&many, 1 << 20), Err(Error::Invalid { .. })));
    }
}
