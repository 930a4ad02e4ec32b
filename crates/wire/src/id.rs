//! The names of things: users, groups, devices, nodes, sessions, messages, conversations.
//!
//! An id is made by parsing only, so whoever holds one need not check it again. Ids are compared byte for byte, and cloning one is cheap.
//! This file does not know who may use which id.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

use crate::limits::{CLIENT_ID_CHARS_MAX, DEVICE_CHARS_MAX, ID_CHARS_MAX, NODE_NAME_CHARS_MAX};

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {rule}")]
pub struct BadId {
    kind: &'static str,
    rule: &'static str,
}

/// Declares an id that is text of a certain alphabet and length.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:expr, $allowed:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=$max).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok($name(text.into()))
                } else {
                    Err(BadId { kind: $kind, rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'@' | b'-')
}

text_id! {
    /// Who. Written as a string; read from a string or a canonical decimal integer.
    UserId, "a user id", ID_CHARS_MAX, is_id_byte, "1 to 64 characters of A-Z a-z 0-9 . _ ~ @ -"
}
text_id! {
    /// A group of users.
    GroupId, "a group id", ID_CHARS_MAX, is_id_byte, "1 to 64 characters of A-Z a-z 0-9 . _ ~ @ -"
}
text_id! {
    /// Which kind of client: `web`, `ios`; `default` when the client does not say.
    DeviceId, "a device", DEVICE_CHARS_MAX, is_id_byte, "1 to 32 characters of A-Z a-z 0-9 . _ ~ @ -"
}
text_id! {
    /// A node's stable name.
    NodeName, "a node name", NODE_NAME_CHARS_MAX,
    |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'), "1 to 64 characters of A-Z a-z 0-9 _ -"
}
text_id! {
    /// A client's own name of a request; for `send`, the idempotency key.
    ClientId, "an id", CLIENT_ID_CHARS_MAX, |byte| (0x20..0x7f).contains(&byte), "1 to 64 printable ASCII characters"
}

impl UserId {
    /// The id as the 64-bit integer that the older Java service knows, if it is one in canonical form.
    pub fn as_integer(&self) -> Option<i64> {
        canonical_integer(&self.0)
    }
}

impl GroupId {
    /// The reserved group that everyone is in.
    pub const EVERYONE: &str = "everyone";

    /// The reserved group that everyone is in.
    pub fn everyone() -> GroupId {
        GroupId(GroupId::EVERYONE.into())
    }

    /// True for the reserved group that everyone is in.
    pub fn is_everyone(&self) -> bool {
        &*self.0 == GroupId::EVERYONE
    }

    /// The id as the 64-bit integer that the older Java service knows, if it is one in canonical form.
    pub fn as_integer(&self) -> Option<i64> {
        canonical_integer(&self.0)
    }
}

impl Default for DeviceId {
    fn default() -> Self {
        DeviceId("default".into())
    }
}

fn canonical_integer(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Reads an id from a JSON string or a canonical decimal integer.
fn deserialize_id<'de, D: Deserializer<'de>, T: FromStr<Err = BadId>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct IdVisitor<T>(std::marker::PhantomData<T>);
    impl<T: FromStr<Err = BadId>> de::Visitor<'_> for IdVisitor<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or an integer")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
            number.to_string().parse().map_err(E::custom)
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
            number.to_string().parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_any(IdVisitor(std::marker::PhantomData))
}

/// Reads an id from a JSON string.
fn deserialize_text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

macro_rules! deserialize_with {
    ($function:ident: $($name:ident),*) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $function(deserializer)
            }
        })*
    };
}
deserialize_with!(deserialize_id: UserId, GroupId);
deserialize_with!(deserialize_text: DeviceId, NodeName, ClientId, ConversationId, Boot, SessionId, MessageId, Epoch);

/// Declares an id that is made of time and chance, and sorts by time.
macro_rules! minted_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// A new id, from the time in milliseconds since 1970 and 80 random bits.
            pub fn mint(unix_ms: u64, chance: u128) -> $name {
                $name(Ulid::from_parts(unix_ms, chance))
            }

            /// When it was made, in milliseconds since 1970.
            pub fn unix_ms(self) -> u64 {
                self.0.timestamp_ms()
            }

            /// The random bits that it was made of: who is to be spread evenly is spread by them.
            pub fn chance(self) -> u128 {
                self.0.random()
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = BadId { kind: $kind, rule: "26 characters of Crockford's base 32" };
                let ulid = Ulid::from_string(text).map_err(|_| bad.clone())?;
                if ulid.to_string() == text { Ok($name(ulid)) } else { Err(bad) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }
    };
}

minted_id! {
    /// One live WebSocket.
    SessionId, "a session id"
}
minted_id! {
    /// One message, kept or not.
    MessageId, "a message id"
}
minted_id! {
    /// One life of a store: another store, or a new one in its place, has another epoch.
    Epoch, "an epoch"
}
minted_id! {
    /// The part of a boot that tells it from the other lives of the same node; a later life has a greater one.
    Nonce, "a boot nonce"
}

/// One life of a node: a restarted node is another boot. Written `name/nonce`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boot {
    /// The node that lives it.
    pub node: NodeName,
    /// What tells it from the node's other lives.
    pub nonce: Nonce,
}

impl FromStr for Boot {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let (node, nonce) =
            text.split_once('/').ok_or(BadId { kind: "a boot", rule: "a node name, / and a nonce" })?;
        Ok(Boot { node: node.parse()?, nonce: nonce.parse()? })
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.nonce)
    }
}

impl Serialize for Boot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The place of a message in its conversation: 1, 2, 3 and so on without holes. 0 is before the first.
pub type Seq = u64;

/// What has a log: a direct pair, written `d:1:2` with the two users sorted by bytes, or a group, written `g:ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(Arc<str>);

impl ConversationId {
    /// The conversation of two users, whichever is named first.
    pub fn direct(one: &UserId, other: &UserId) -> ConversationId {
        let (first, second) = if one.as_str() <= other.as_str() { (one, other) } else { (other, one) };
        ConversationId(format!("d:{first}:{second}").into())
    }

    /// The conversation of a group.
    pub fn group(group: &GroupId) -> ConversationId {
        ConversationId(format!("g:{group}").into())
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text of the id, shared.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// True for the conversation of a group.
    pub fn is_group(&self) -> bool {
        self.0.starts_with("g:")
    }

    /// The group, if it is one's conversation.
    pub fn group_id(&self) -> Option<GroupId> {
        self.0.strip_prefix("g:").map(|id| GroupId(id.into()))
    }

    /// The two users, if it is a direct conversation; with oneself, the same one twice.
    pub fn users(&self) -> Option<(UserId, UserId)> {
        let (first, second) = self.0.strip_prefix("d:")?.split_once(':')?;
        Some((UserId(first.into()), UserId(second.into())))
    }

    /// True when `user` is one of the two of a direct conversation.
    pub fn is_between(&self, user: &UserId) -> bool {
        let pair = self.0.strip_prefix("d:").and_then(|pair| pair.split_once(':'));
        pair.is_some_and(|(first, second)| first == user.as_str() || second == user.as_str())
    }
}

impl FromStr for ConversationId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad =
            BadId { kind: "a conversation", rule: "d:USER:USER with the two sorted by bytes, or g:GROUP" };
        if let Some(group) = text.strip_prefix("g:") {
            return group.parse::<GroupId>().map(|group| ConversationId::group(&group)).map_err(|_| bad);
        }
        let (first, second) =
            text.strip_prefix("d:").and_then(|pair| pair.split_once(':')).ok_or(bad.clone())?;
        let sorted = first <= second;
        if sorted && first.parse::<UserId>().is_ok() && second.parse::<UserId>().is_ok() {
            Ok(ConversationId(text.into()))
        } else {
            Err(bad)
        }
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ConversationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_conversation_is_the_same_from_both_sides() {
        let (one, ten): (UserId, UserId) = ("9".parse().unwrap(), "10".parse().unwrap());
        assert_eq!(ConversationId::direct(&one, &ten).as_str(), "d:10:9");
        assert_eq!(ConversationId::direct(&one, &ten), ConversationId::direct(&ten, &one));
        assert!(
            "d:9:10".parse::<ConversationId>().is_err(),
            "unsorted ids would name the conversation twice"
        );
    }

    #[test]
    fn ids_are_read_from_strings_and_canonical_integers_and_written_as_strings() {
        let read: Vec<UserId> = serde_json::from_str(r#"["7",7,-7,"a@b"]"#).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["7","7","-7","a@b"]"#);
        assert!(serde_json::from_str::<UserId>("7.0").is_err());
        assert_eq!("007".parse::<UserId>().unwrap().as_integer(), None);
        assert_eq!("-7".parse::<UserId>().unwrap().as_integer(), Some(-7));
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for bad in ["", "a b", "a/b", "a:b", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<UserId>().is_err(), "{bad:?}");
        }
        for bad in ["", "d:1", "d:2:1", "x:1", "g:", "d::1", "d:1:2:3"] {
            assert!(bad.parse::<ConversationId>().is_err(), "{bad:?}");
        }
        assert!("node.1".parse::<NodeName>().is_err());
    }

    #[test]
    fn a_boot_is_a_name_and_a_nonce() {
        let boot = Boot { node: "node-1".parse().unwrap(), nonce: Nonce::mint(1_700_000_000_000, 7) };
        assert_eq!(boot.to_string().parse::<Boot>().unwrap(), boot);
        assert!(Nonce::mint(2, 0) > Nonce::mint(1, u128::MAX));
    }
}
