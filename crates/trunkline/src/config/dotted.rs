//! Spring's dotted keys: `spring.cloud.gateway.routes[0].id: x` becomes maps and lists within each other.
//!
//! Promises: what is dotted and what is nested meet in one tree; the same value given on both roads is an error with its line.
//! A key that is no path (`[/**]`, `a..b`), or that cannot be nested because its parent is text, stays as it is: Spring files hold such
//! keys for others than us.

use super::{
    problem::Problem,
    tree::{Entry, Map, Node, Step, Value},
};

/// The same tree with every dotted key nested.
pub(super) fn nest(node: Node) -> Result<Node, Problem> {
    let value = match node.value {
        Value::Map(map) => {
            let mut nested = Map::default();
            for entry in map.into_entries() {
                let entry = Entry { node: nest(entry.node)?, ..entry };
                insert(&mut nested, entry)?;
            }
            Value::Map(nested)
        }
        Value::List(items) => Value::List(items.into_iter().map(nest).collect::<Result<_, _>>()?),
        value => value,
    };
    Ok(Node { at: node.at, value })
}

/// The steps of a path such as `a.b[0].c`; none where the text is no such path.
pub(super) fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let name_end = part.find('[').unwrap_or(part.len());
        let (name, mut rest) = part.split_at(name_end);
        if name.is_empty() {
            return None;
        }
        steps.push(Step::Key(name.to_owned()));
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

fn insert(map: &mut Map, entry: Entry) -> Result<(), Problem> {
    match steps(&entry.key) {
        Some(path) if path.len() > 1 => {
            let tree = at_path(&path[1..], &entry)?;
            let Step::Key(first) = &path[0] else { return Ok(()) };
            join(map, Entry { key: first.clone(), at: entry.at.clone(), node: tree }, &entry)
        }
        _ => {
            let written = entry.clone();
            join(map, entry, &written)
        }
    }
}

/// `node` wrapped so that it stands at `path`.
fn at_path(path: &[Step], entry: &Entry) -> Result<Node, Problem> {
    let mut node = entry.node.clone();
    for step in path.iter().rev() {
        let value = match step {
            Step::Key(key) => {
                let mut map = Map::default();
                map.push(key.clone(), entry.at.clone(), node);
                Value::Map(map)
            }
            // The place in the list is kept by empty places before it, which `join` fills or refuses.
            Step::Index(index) if *index <= LIST_INDEX_MAX => {
                let mut items = vec![Node { at: entry.at.clone(), value: Value::Null }; *index];
                items.push(node);
                Value::List(items)
            }
            Step::Index(_) => return Err(refused(entry, "the place in the list is too high")),
        };
        node = Node { at: entry.at.clone(), value };
    }
    Ok(node)
}

/// The highest place that may be written: more is a slip of the finger, and would cost memory for each place before it.
const LIST_INDEX_MAX: usize = 1_000;

/// Puts an entry into a map in which something may stand under the same key. `written` is the entry as the file has it.
fn join(map: &mut Map, entry: Entry, written: &Entry) -> Result<(), Problem> {
    let literal_is_free = map.get(&written.key).is_none();
    match map.get_mut(&entry.key) {
        None => {
            map.push(entry.key, entry.at, entry.node);
            Ok(())
        }
        Some(node) if fits(node, &entry.node) => join_nodes(node, entry.node, written),
        // Text where a map would be needed, or the other way round: `com.example: debug` beside `com.example.Foo: info`.
        Some(_) if literal_is_free => {
            map.push(written.key.clone(), written.at.clone(), written.node.clone());
            Ok(())
        }
        Some(node) => Err(twice(node, written)),
    }
}

fn join_nodes(mine: &mut Node, theirs: Node, written: &Entry) -> Result<(), Problem> {
    match (&mut mine.value, theirs.value) {
        (Value::Map(map), Value::Map(other)) => {
            other.into_entries().into_iter().try_for_each(|entry| match map.get_mut(&entry.key) {
                Some(node) => join_nodes(node, entry.node, written),
                None => {
                    map.push(entry.key, entry.at, entry.node);
                    Ok(())
                }
            })
        }
        (Value::List(items), Value::List(others)) => {
            for (index, other) in others.into_iter().enumerate() {
                match items.get_mut(index) {
                    Some(_) if other.is_null() => {}
                    Some(item) => join_nodes(item, other, written)?,
                    None if other.is_null() => {
                        return Err(refused(written, &format!("there is no [{}] before it", index)));
                    }
                    None => items.push(other),
                }
            }
            Ok(())
        }
        (value @ Value::Null, other) => {
            *value = other;
            Ok(())
        }
        (_, Value::Null) => Ok(()),
        (_, _) => Err(twice(mine, written)),
    }
}

/// Whether two values under one key can be joined at all; whether they are is decided deeper.
fn fits(mine: &Node, theirs: &Node) -> bool {
    match (&mine.value, &theirs.value) {
        (Value::Map(mine), Value::Map(theirs)) => {
            theirs.iter().all(|entry| mine.get(&entry.key).is_none_or(|node| fits(node, &entry.node)))
        }
        (Value::Map(_), Value::Scalar(_)) | (Value::Scalar(_), Value::Map(_)) => false,
        _ => true,
    }
}

fn twice(first: &Node, written: &Entry) -> Problem {
    let line = first.at.line().map(|line| format!(", first in line {line}")).unwrap_or_default();
    refused(written, &format!("is given twice{line}"))
}

fn refused(written: &Entry, why: &str) -> Problem {
    Problem { at: Some(written.at.clone()), key: None, message: format!("`{}` {why}", written.key) }
}
