//! What happens to the path of a request on its way: `StripPrefix` and `RewritePath`, as Spring does them.
//!
//! They work on the raw path, so percent-escapes pass byte for byte; the query is never touched.

use regex::{Captures, Regex};

use super::java_regex;

/// One filter.
#[derive(Debug, Clone)]
pub enum Filter {
    /// Takes this many segments off the front. Empty segments vanish; a slash at the end stays.
    StripPrefix(usize),
    /// Java's `path.replaceAll(expression, replacement)`.
    RewritePath {
        /// What is replaced, wherever it is found.
        expression: Regex,
        /// What it is replaced by.
        replacement: Replacement,
    },
}

impl Filter {
    /// `RewritePath` from its two texts.
    pub fn rewrite(expression: &str, replacement: &str) -> Result<Filter, String> {
        let expression = java_regex::compile(expression)?;
        // In YAML files `$` is written `$\`, so that Spring does not take `${name}` for a placeholder.
        let replacement = Replacement::parse(&replacement.replace("$\\", "$"), &expression)?;
        Ok(Filter::RewritePath { expression, replacement })
    }

    /// The path after the filter.
    pub fn apply(&self, path: &str) -> String {
        match self {
            Filter::StripPrefix(parts) => strip(path, *parts),
            Filter::RewritePath { expression, replacement } => replace_all(expression, replacement, path),
        }
    }
}

fn strip(path: &str, parts: usize) -> String {
    let kept: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).skip(parts).collect();
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

/// A replacement text in Java's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// `$1` and `${name}` stand for groups of `expression`; `\` takes the meaning off the next character.
    fn parse(text: &str, expression: &Regex) -> Result<Replacement, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            rest = &rest[char.len_utf8()..];
            match char {
                '\\' => {
                    let next = rest.chars().next();
                    let next =
                        next.ok_or_else(|| format!("the replacement `{text}` ends in a single `\\`"))?;
                    plain.push(next);
                    rest = &rest[next.len_utf8()..];
                }
                '$' => {
                    let (group, behind) = group(rest, expression)
                        .map_err(|reason| format!("the replacement `{text}` {reason}"))?;
                    pieces.extend([Piece::Text(std::mem::take(&mut plain)), Piece::Group(group)]);
                    rest = behind;
                }
                _ => plain.push(char),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Replacement { pieces })
    }

    fn write(&self, captures: &Captures<'_>, to: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => to.push_str(text),
                Piece::Group(group) => to.push_str(captures.get(*group).map_or("", |found| found.as_str())),
            }
        }
    }
}

/// The group that stands behind a `$`, and what follows it.
fn group<'a>(text: &'a str, expression: &Regex) -> Result<(usize, &'a str), String> {
    if let Some(inside) = text.strip_prefix('{') {
        let (name, behind) = inside.split_once('}').ok_or("lacks a `}` behind `${`")?;
        let group = expression.capture_names().position(|known| known == Some(name));
        return Ok((
            group.ok_or_else(|| format!("names a group `{name}` that the expression does not have"))?,
            behind,
        ));
    }
    let groups = expression.captures_len();
    let mut digits = text.chars().map_while(|char| char.to_digit(10)).map(|digit| digit as usize);
    let first = digits.next().ok_or("has a `$` that names no group; write `\\$` for the character")?;
    if first >= groups {
        return Err(format!("names group {first}, and the expression has {}", groups - 1));
    }
    // Java takes as many digits as still name a group.
    let (mut group, mut length) = (first, 1);
    for digit in digits {
        match group * 10 + digit {
            longer if longer < groups => (group, length) = (longer, length + 1),
            _ => break,
        }
    }
    Ok((group, &text[length..]))
}

/// As Java's `Matcher` goes on: behind a match also with an empty one, behind an empty one from the next character.
fn replace_all(expression: &Regex, replacement: &Replacement, path: &str) -> String {
    let mut replaced = String::with_capacity(path.len());
    let (mut from, mut copied) = (0, 0);
    while from <= path.len() {
        let Some(captures) = expression.captures_at(path, from) else { break };
        let Some(found) = captures.get(0) else { break };
        replaced.push_str(&path[copied..found.start()]);
        replacement.write(&captures, &mut replaced);
        copied = found.end();
        let next = path[copied..].chars().next().map_or(1, char::len_utf8);
        from = if found.is_empty() { copied + next } else { copied };
    }
    replaced.push_str(&path[copied..]);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(expression: &str, replacement: &str, path: &str) -> String {
        Filter::rewrite(expression, replacement).expect("a filter").apply(path)
    }

    #[test]
    fn prefixes_are_stripped_as_spring_does() {
        let cases = [
            (1, "/websocket-demo/ws/1", "/ws/1"),
            (1, "/websocket-demo", "/"),
            (1, "/websocket-demo/", "/"),
            (1, "/a//b///c/", "/b/c/"),
            (0, "/a//b", "/a/b"),
            (2, "/a/b/c%2Fd%40", "/c%2Fd%40"),
            (9, "/a/b", "/"),
            (1, "/", "/"),
        ];
        for (parts, path, stripped) in cases {
            assert_eq!(Filter::StripPrefix(parts).apply(path), stripped, "{path}");
        }
    }

    #[test]
    fn paths_are_rewritten_as_java_does() {
        let spring = ("/red/?(?<segment>.*)", r"/$\{segment}");
        assert_eq!(rewritten(spring.0, spring.1, "/red/blue%20sky"), "/blue%20sky");
        assert_eq!(rewritten(spring.0, spring.1, "/red"), "/");
        assert_eq!(rewritten(spring.0, spring.1, "/other"), "/other");
        assert_eq!(
            rewritten("/api/(.*)", "/$1x", "/api/a"),
            "/ax",
            "a group's number ends where the digits end"
        );
        assert_eq!(rewritten("/(a)(b)", "/$12", "/ab"), "/a2", "there is no group 12");
        assert_eq!(rewritten("a", "b", "/a/a"), "/b/b", "all matches, unanchored");
        assert_eq!(
            rewritten("x*", "-", "/xx/"),
            "-/--/-",
            "Java replaces the empty match behind a match too"
        );
        assert_eq!(rewritten("/a", r"/\\\$b", "/a"), r"/\$b");
        assert_eq!(rewritten("(a)|(b)", "[$2]", "/a"), "/[]", "a group that took no part is empty");
        assert_eq!(rewritten("张", "x", "/张张"), "/xx");
    }

    #[test]
    fn what_is_no_replacement_is_named() {
        for (expression, replacement, word) in [
            ("/(a)", "/$2", "group 2"),
            ("/(a)", "/${name}", "`name`"),
            ("/(a)", "/${name", "lacks"),
            ("/(a)", "/$", "names no group"),
            ("/(a)", "/$x", "names no group"),
            ("/(?<=a)b", "/", "look-around"),
        ] {
            let error = Filter::rewrite(expression, replacement).expect_err(replacement);
            assert!(error.contains(word), "{error}");
        }
    }
}
