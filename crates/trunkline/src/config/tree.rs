//! A configuration as text and positions, before anything in it has a type.
//!
//! Promises: a scalar is the text that was written (`010` stays `010`), every key and value knows its place, maps keep their order.
//! Knows nothing of YAML, of placeholders or of which settings exist.

use super::place::Place;

/// One value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value was written.
    pub at: Place,
    /// The value.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing was written: `key:`, `~` or `null`.
    Null,
    /// Text, quoted or not.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Map),
}

/// A map in the order written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map(Vec<Entry>);

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub at: Place,
    /// Its value.
    pub node: Node,
}

/// One step of a path: a key, or a place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A key of a map.
    Key(String),
    /// A place in a list, from 0.
    Index(usize),
}

impl Node {
    /// Text at a place.
    pub fn scalar(at: Place, text: impl Into<String>) -> Node {
        Node { at, value: Value::Scalar(text.into()) }
    }

    /// A map at a place.
    pub fn map(at: Place, map: Map) -> Node {
        Node { at, value: Value::Map(map) }
    }

    /// The map, where it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The text, where it is text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing was written.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// What stands at a dotted path; names are compared as Spring does, without regard to case, `-` and `_`.
    pub fn find(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, name| node.as_map()?.get_relaxed(name))
    }

    /// What stands at a dotted path, spelled exactly so.
    pub fn find_exact(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, name| node.as_map()?.get(name))
    }

    /// Puts `other` over `self`: maps are joined key by key, anything else is replaced. What is null replaces nothing in a map.
    pub fn overlay(&mut self, other: Node) {
        match (&mut self.value, other.value) {
            (Value::Map(mine), Value::Map(theirs)) => {
                for entry in theirs.0 {
                    match mine.get_mut(&entry.key) {
                        Some(node) => node.overlay(entry.node),
                        None => mine.0.push(entry),
                    }
                }
            }
            (Value::Map(_), Value::Null) => {}
            (_, value) => *self = Node { at: other.at, value },
        }
    }
}

impl Map {
    /// The value of a key, spelled exactly so.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
    }

    /// The value of a key as Spring compares names: exactly so, else without regard to case, `-` and `_`.
    pub fn get_relaxed(&self, key: &str) -> Option<&Node> {
        self.get(key).or_else(|| {
            let wanted = relaxed(key);
            self.0.iter().find(|entry| relaxed(&entry.key) == wanted).map(|entry| &entry.node)
        })
    }

    /// Adds a key that is known not to be there yet.
    pub fn push(&mut self, key: impl Into<String>, at: Place, node: Node) {
        self.0.push(Entry { key: key.into(), at, node });
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let index = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(index))
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// All entries in order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.0.iter_mut()
    }

    /// All entries, taken.
    pub fn into_entries(self) -> Vec<Entry> {
        self.0
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `path` and the key or index below it, as it is written in an error.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A name as Spring compares it.
pub(super) fn relaxed(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}
