//! A serde deserializer over one value of the tree.
//!
//! Promises: an error names the place and the setting, in words of this product; it quotes text only where a type says that the text
//! is not one of its values, so types that hold secrets must accept any text.
//! Numbers, truth and words are parsed here from text, whether quoted in the file or not.

use std::fmt;

use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor, value::StrDeserializer};

use super::{
    nearest::nearest,
    place::Place,
    problem::Problem,
    tree::{Entry, Node, Value, join},
};

/// Reads `node`, which stands under `key`, as a `T`.
pub(super) fn read<T: DeserializeOwned>(node: &Node, key: &str) -> Result<T, Problem> {
    T::deserialize(NodeReader { node, key: key.to_owned() }).map_err(|error| Problem {
        at: error.at.or_else(|| Some(node.at.clone())),
        key: Some(error.key.unwrap_or_else(|| key.to_owned())),
        message: error.message,
    })
}

/// An error on its way up, to which the innermost reader adds place and key.
#[derive(Debug)]
pub(super) struct ReadError {
    at: Option<Place>,
    key: Option<String>,
    message: String,
}

/// How much of a wrong value an error quotes.
const QUOTED_CHARS_MAX: usize = 60;

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl ReadError {
    fn new(message: impl fmt::Display) -> ReadError {
        ReadError { at: None, key: None, message: message.to_string() }
    }

    fn placed(self, at: &Place, key: &str) -> ReadError {
        ReadError {
            at: self.at.or_else(|| Some(at.clone())),
            key: self.key.or_else(|| Some(key.to_owned())),
            ..self
        }
    }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ReadError::new(message)
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match unexpected {
            de::Unexpected::Unit | de::Unexpected::Option => "nothing",
            de::Unexpected::Seq => "a list",
            de::Unexpected::Map => "a map",
            _ => "text",
        };
        ReadError::new(format_args!("{found} stands where {expected} is expected"))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match unexpected {
            de::Unexpected::Str(text) => {
                let short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
                let rest = if short.len() < text.len() { "…" } else { "" };
                ReadError::new(format_args!("{short:?}{rest} is not {expected}"))
            }
            other => Self::invalid_type(other, expected),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        match nearest(field, expected.iter().copied()) {
            Some(known) => ReadError::new(format_args!("unknown key `{field}`; did you mean `{known}`?")),
            None => ReadError::new(format_args!("unknown key `{field}`; known are {}", expected.join(", "))),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        ReadError::new(format_args!("`{field}` is missing"))
    }
}

struct NodeReader<'a> {
    node: &'a Node,
    key: String,
}

impl NodeReader<'_> {
    fn placed<T>(&self, result: Result<T, ReadError>) -> Result<T, ReadError> {
        result.map_err(|error| error.placed(&self.node.at, &self.key))
    }
}

impl<'de> de::Deserializer<'de> for NodeReader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(text) => visitor.visit_str(text),
            Value::List(items) => {
                visitor.visit_seq(Items { items: items.iter().enumerate(), key: &self.key })
            }
            Value::Map(map) => {
                visitor.visit_map(Entries { entries: map.iter().collect(), value: None, key: &self.key })
            }
        };
        self.placed(result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match self.node.as_text().map(str::to_lowercase).as_deref() {
            Some("true" | "yes" | "on") => visitor.visit_bool(true),
            Some("false" | "no" | "off") => visitor.visit_bool(false),
            Some(text) => Err(de::Error::invalid_value(de::Unexpected::Str(text), &"true or false")),
            None => return self.deserialize_any(visitor),
        };
        self.placed(result)
    }

    /// A list, or its items in one text with commas between them, as a variable or a flag would give it.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(text) = self.node.as_text() else { return self.deserialize_any(visitor) };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let items: Vec<Node> = parts.map(|part| Node::scalar(self.node.at.clone(), part)).collect();
        let result = visitor.visit_seq(Items { items: items.iter().enumerate(), key: &self.key });
        self.placed(result)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let result = match self.node.as_text() {
            Some(text) => visitor.visit_enum(text.into_deserializer() as StrDeserializer<'_, ReadError>),
            None => return self.deserialize_any(visitor),
        };
        self.placed(result)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

struct Items<'a, I> {
    items: I,
    key: &'a str,
}

impl<'a, 'de, I: Iterator<Item = (usize, &'a Node)>> de::SeqAccess<'de> for Items<'_, I> {
    type Error = ReadError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        seed.deserialize(NodeReader { node, key: format!("{}[{index}]", self.key) }).map(Some)
    }
}

struct Entries<'a> {
    entries: std::collections::VecDeque<&'a Entry>,
    value: Option<&'a Entry>,
    key: &'a str,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.pop_front() else { return Ok(None) };
        self.value = Some(entry);
        let name: StrDeserializer<'_, ReadError> = entry.key.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|error| error.placed(&entry.at, self.key))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some(entry) = self.value.take() else { return Err(ReadError::new("a value is missing")) };
        seed.deserialize(NodeReader { node: &entry.node, key: join(self.key, &entry.key) })
    }
}
