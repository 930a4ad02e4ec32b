//! Fills in `${VAR:default}` as Spring does.
//!
//! Promises: a name is looked up in the environment (as written, then as Spring spells it there: `a.b-c` is `A_BC`), then among the other
//! keys of the configuration; defaults and names may hold placeholders themselves; `\${` is a literal `${`; the result is read
//! again as a plain scalar, so it may stand for a number, or for nothing.
//! A placeholder without value and default is an error in our own sections, and stays as written everywhere else.
//! A value from the environment is taken as it is: a password may hold `${`.

use super::{
    environment::Environment,
    problem::{Problem, Problems},
    sections,
    tree::{Node, Value, join},
    yaml,
};

/// How many placeholders may lead to each other: a ring of them would never end.
const CHAIN_MAX: usize = 32;

/// Fills in every placeholder of the tree; what cannot be is added to `problems`.
pub(super) fn fill(root: &mut Node, environment: &dyn Environment, problems: &mut Problems) {
    let written = root.clone();
    let Value::Map(map) = &mut root.value else { return };
    for entry in map.iter_mut() {
        let names = Names { root: &written, environment, strict: sections::is_ours(&entry.key) };
        let key = entry.key.clone();
        fill_node(&mut entry.node, &key, &names, &mut |problem| {
            if names.strict {
                problems.push(problem);
            }
        });
    }
}

fn fill_node(node: &mut Node, path: &str, names: &Names<'_>, report: &mut dyn FnMut(Problem)) {
    match &mut node.value {
        Value::Null => {}
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill_node(item, &format!("{path}[{index}]"), names, report);
            }
        }
        Value::Map(map) => {
            for entry in map.iter_mut() {
                let path = join(path, &entry.key);
                fill_node(&mut entry.node, &path, names, report);
            }
        }
        Value::Scalar(text) if text.contains("${") => match names.fill(text, 0) {
            Ok(filled) if yaml::is_null_text(&filled) => node.value = Value::Null,
            Ok(filled) => *text = filled,
            Err(failure) => {
                report(Problem::of(path, Some(&node.at), failure.message()));
                if names.strict {
                    // The default stands in, so that the raw text is not blamed a second time for being no number.
                    node.value = Value::Null;
                }
            }
        },
        Value::Scalar(_) => {}
    }
}

/// Why a placeholder could not be filled in.
enum Failure {
    Unset(String),
    Unclosed,
    Ring(String),
}

impl Failure {
    fn message(&self) -> String {
        match self {
            Failure::Unset(name) => {
                format!("${{{name}}} is not set and has no default (${{{name}:default}} would give one)")
            }
            Failure::Unclosed => "a ${ without its }".to_owned(),
            Failure::Ring(name) => format!("${{{name}}} leads back to itself"),
        }
    }
}

struct Names<'a> {
    root: &'a Node,
    environment: &'a dyn Environment,
    /// Whether what is filled in is ours, where nothing may stay unset.
    strict: bool,
}

impl Names<'_> {
    fn fill(&self, text: &str, depth: usize) -> Result<String, Failure> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if let Some(before) = rest[..start].strip_suffix('\\') {
                filled.push_str(before);
                filled.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            filled.push_str(&rest[..start]);
            let inner = &rest[start + 2..];
            let end = closing(inner).ok_or(Failure::Unclosed)?;
            filled.push_str(&self.value(&inner[..end], depth + 1)?);
            rest = &inner[end + 1..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, inner: &str, depth: usize) -> Result<String, Failure> {
        let (name, default) = match separator(inner) {
            Some(colon) => (&inner[..colon], Some(&inner[colon + 1..])),
            None => (inner, None),
        };
        if depth > CHAIN_MAX {
            return Err(Failure::Ring(name.to_owned()));
        }
        let name = self.fill(name, depth)?;
        let spring_name = || name.replace('.', "_").replace('-', "").to_uppercase();
        if let Some(value) = self.environment.get(&name).or_else(|| self.environment.get(&spring_name())) {
            return Ok(value);
        }
        if let Some(text) = self.key(&name).and_then(Node::as_text) {
            return self.fill(text, depth);
        }
        default.map(|default| self.fill(default, depth)).unwrap_or(Err(Failure::Unset(name)))
    }
}

impl Names<'_> {
    /// Another key of the configuration. Spring looks for other spellings only of a name in its canonical form, so that
    /// `node_name: ${NODE_NAME:a}` does not lead back to itself.
    fn key(&self, name: &str) -> Option<&Node> {
        let canonical =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-'));
        if canonical { self.root.find(name) } else { self.root.find_exact(name) }
    }
}

/// Where the `}` stands that closes a placeholder whose inside begins here.
fn closing(inner: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = inner.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            // As in Spring, a plain pair of braces inside a default counts too.
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(index),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The first `:` that stands in no inner placeholder.
fn separator(inner: &str) -> Option<usize> {
    let mut depth = 0_usize;
    inner.bytes().position(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == b':' && depth == 0
    })
}
