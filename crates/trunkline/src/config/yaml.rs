//! Reads YAML into a tree of text and positions.
//!
//! Promises: scalars keep their text; a key given twice in one map, an unfinished quote or a nesting without end is an error with its
//! line; `<<` is merged; of several documents those for a Spring profile are left out, and said to be.
//! Deliberately does not turn text into numbers, times or truth: placeholders are filled in first.

use std::{collections::HashMap, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{
    dotted,
    place::Place,
    problem::Problem,
    tree::{Map, Node, Value},
};

/// How deep maps and lists may nest: a person's file has ten levels, and reading is recursive.
const DEPTH_MAX: usize = 64;
/// How many values aliases may produce in all, so that a few lines cannot become gigabytes.
const ALIASED_NODES_MAX: usize = 10_000;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Yaml {
    /// All documents that are meant, later ones over earlier ones; dotted keys are nested.
    pub root: Node,
    /// What was left out, for a warning each.
    pub left_out: Vec<Problem>,
}

/// Reads a whole file, of one or several documents.
pub(super) fn read(text: &str, origin: &str) -> Result<Yaml, Problem> {
    let origin: Arc<str> = origin.into();
    let mut root = Node::map(Place::in_file(&origin, 1, 1), Map::default());
    let mut left_out = Vec::new();
    for document in documents(text, &origin)? {
        let document = dotted::nest(document)?;
        if let Some(problem) = profile_only(&document) {
            left_out.push(problem);
            continue;
        }
        match document.value {
            Value::Map(_) => root.overlay(document),
            Value::Null => {}
            Value::Scalar(_) | Value::List(_) => {
                let message = "a configuration is a map of settings (`ws: { port: 19998 }`)";
                return Err(Problem { at: Some(document.at), key: None, message: message.to_owned() });
            }
        }
    }
    Ok(Yaml { root, left_out })
}

/// Reads one value as it may stand in a variable or behind `--set`: a list or a map in YAML's short form, anything else is text.
pub(super) fn read_value(text: &str, at: &Place) -> Result<Node, Problem> {
    if !text.trim_start().starts_with(['[', '{']) {
        let value = if text.is_empty() { Value::Null } else { Value::Scalar(text.to_owned()) };
        return Ok(Node { at: at.clone(), value });
    }
    let unreadable = |problem: Problem| Problem { at: Some(at.clone()), ..problem };
    let mut found = documents(text, &"".into()).map_err(unreadable)?;
    let mut node = found.pop().map(dotted::nest).transpose().map_err(unreadable)?;
    if let Some(node) = &mut node {
        move_to(node, at);
    }
    Ok(node.unwrap_or(Node { at: at.clone(), value: Value::Null }))
}

/// Whether a plain scalar means that nothing was written.
pub(super) fn is_null_text(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn documents(text: &str, origin: &Arc<str>) -> Result<Vec<Node>, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let events = Parser::new_from_str(text);
    let mut builder = Builder { origin: origin.clone(), text, events, anchors: HashMap::new(), aliased: 0 };
    let mut documents = Vec::new();
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(documents),
            Event::DocumentStart(_) => {
                let first = builder.next()?;
                documents.push(builder.node(first, 0)?);
            }
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            _ => return Err(builder.problem(span, "is not where it can be understood")),
        }
    }
}

/// The warning about a document that only a Spring profile switches on.
fn profile_only(document: &Node) -> Option<Problem> {
    let profile = document.find("spring.config.activate.on-profile").or_else(|| {
        // The older spelling; a map below `profiles` is `active` or `include`, which choose and do not restrict.
        document.find("spring.profiles").filter(|node| node.as_text().is_some())
    })?;
    let name = profile.as_text().unwrap_or("several");
    let message = format!("the document for the profile `{name}` is not read; Trunkline has no profiles");
    Some(Problem { at: Some(profile.at.clone()), key: None, message })
}

fn move_to(node: &mut Node, at: &Place) {
    node.at = at.clone();
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| move_to(item, at)),
        Value::Map(map) => map.iter_mut().for_each(|entry| {
            entry.at = at.clone();
            move_to(&mut entry.node, at);
        }),
        Value::Null | Value::Scalar(_) => {}
    }
}

struct Builder<'text> {
    origin: Arc<str>,
    text: &'text str,
    events: Parser<'text, saphyr_parser::StrInput<'text>>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
}

impl<'text> Builder<'text> {
    fn next(&mut self) -> Result<(Event<'text>, Span), Problem> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let (line, column) = (error.marker().line(), error.marker().col() + 1);
                let written = self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
                // The commonest of all: YAML takes the brace of a placeholder for its own.
                let hint = if written.contains("${") {
                    "; within { } or [ ] a ${...} needs quotes around it"
                } else {
                    ""
                };
                let message = format!("not readable as YAML: {}{hint}", error.info());
                Err(Problem { at: Some(Place::in_file(&self.origin, line, column)), key: None, message })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn place(&self, span: Span) -> Place {
        Place::in_file(&self.origin, span.start.line(), span.start.col() + 1)
    }

    fn problem(&self, span: Span, message: impl Into<String>) -> Problem {
        Problem { at: Some(self.place(span)), key: None, message: message.into() }
    }

    fn node(&mut self, (event, span): (Event<'text>, Span), depth: usize) -> Result<Node, Problem> {
        if depth > DEPTH_MAX {
            return Err(self.problem(span, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let at = self.place(span);
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let null = style == ScalarStyle::Plain && is_null_text(&text);
                (if null { Value::Null } else { Value::Scalar(text.into_owned()) }, anchor)
            }
            Event::SequenceStart(anchor, _) => (Value::List(self.list(depth)?), anchor),
            Event::MappingStart(anchor, _) => (Value::Map(self.map(depth)?), anchor),
            Event::Alias(anchor) => return self.alias(anchor, span),
            _ => return Err(self.problem(span, "a value is missing")),
        };
        let node = Node { at, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            let next = self.next()?;
            if next.0 == Event::SequenceEnd {
                return Ok(items);
            }
            items.push(self.node(next, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Map, Problem> {
        let mut map = Map::default();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(self.problem(span, "a key must be text")),
            };
            let next = self.next()?;
            let node = self.node(next, depth + 1)?;
            if key == "<<" {
                merged.push(node);
            } else if let Some(first) = map.iter().find(|entry| entry.key == key) {
                let line = first.at.line().unwrap_or_default();
                return Err(self.problem(span, format!("`{key}` is given twice, first in line {line}")));
            } else {
                map.push(key, self.place(span), node);
            }
        }
        for node in merged {
            merge_into(&mut map, node)?;
        }
        Ok(map)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Problem> {
        let node = match self.anchors.get(&anchor) {
            Some(node) => node.clone(),
            None => return Err(self.problem(span, "an alias inside what it names, or of nothing")),
        };
        self.aliased += size(&node);
        if self.aliased > ALIASED_NODES_MAX {
            return Err(self.problem(span, format!("aliases produce more than {ALIASED_NODES_MAX} values")));
        }
        Ok(node)
    }
}

/// YAML's `<<`: what the map itself says wins, then the first of several.
fn merge_into(map: &mut Map, node: Node) -> Result<(), Problem> {
    match node.value {
        Value::Map(other) => {
            for entry in other.into_entries() {
                if map.get(&entry.key).is_none() {
                    map.push(entry.key, entry.at, entry.node);
                }
            }
            Ok(())
        }
        Value::List(nodes) => nodes.into_iter().try_for_each(|node| merge_into(map, node)),
        Value::Null | Value::Scalar(_) => Err(Problem {
            at: Some(node.at),
            key: None,
            message: "`<<` takes a map, or a list of maps".to_owned(),
        }),
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Scalar(_) => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(map) => map.iter().map(|entry| size(&entry.node)).sum(),
    }
}
