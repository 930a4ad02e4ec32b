//! The `Path` predicate: Spring's `PathPattern`, matched on the raw path of a request.
//!
//! Segments are compared decoded and without `;name=value`, in the case in which they are written. `/ws/**` matches `/ws` too, but not
//! `/wsX`. `**` and `{*rest}` stand at the end only. The path itself is never changed by looking at it.

use edge::path;
use regex::Regex;

use super::java_regex;

/// One pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    parts: Vec<Part>,
    /// Whether `/a` matches `/a/` too.
    trailing_slash: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Slash,
    Literal(String),
    /// `*` alone: a segment, and at the end of a pattern also none.
    Any,
    /// `{name}`: a segment.
    Capture,
    /// Anything else within a segment.
    Regex(Regex),
    /// `**` or `{*name}`, with the slash before it.
    Rest,
}

/// The path of a request, as patterns see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath {
    elements: Vec<Element>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    Slash,
    /// The decoded segment; `None` where it cannot be decoded, which matches nothing that looks at it.
    Segment(Option<String>),
}

impl RequestPath {
    /// Reads a raw path.
    pub fn of(raw: &str) -> RequestPath {
        let mut elements = Vec::new();
        for (index, segment) in raw.split('/').enumerate() {
            if index > 0 {
                elements.push(Element::Slash);
            }
            if !segment.is_empty() {
                let name = segment.split(';').next().unwrap_or_default();
                elements.push(Element::Segment(decoded(name)));
            }
        }
        RequestPath { elements }
    }

    /// True when a segment is `.` or `..`, escaped or not: another reader could take such a path for a different one.
    pub fn has_dot_segment(&self) -> bool {
        let is_dots = |name: &str| name == "." || name == "..";
        self.elements.iter().any(|element| matches!(element, Element::Segment(Some(name)) if is_dots(name)))
    }
}

/// A hidden slash is a character like others here; a broken escape is nothing that could match.
fn decoded(name: &str) -> Option<String> {
    match path::segment(name) {
        Ok(text) => Some(text),
        Err(path::BadSegment::BrokenEscape | path::BadSegment::NotUtf8) => None,
        Err(path::BadSegment::HiddenSlash | path::BadSegment::Control) => {
            Some(percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned())
        }
    }
}

impl Pattern {
    /// Reads a pattern; the error is a sentence that holds the pattern.
    pub fn parse(text: &str, trailing_slash: bool) -> Result<Pattern, String> {
        if !text.starts_with('/') {
            return Err(format!("the pattern `{text}` must start with `/`"));
        }
        let mut parts = Vec::new();
        for token in tokens(text)? {
            if matches!(parts.last(), Some(Part::Rest)) {
                return Err(format!("in the pattern `{text}`, `**` and `{{*name}}` must stand at the end"));
            }
            match part(&token).map_err(|reason| format!("in the pattern `{text}`, {reason}"))? {
                Part::Rest => {
                    // The slash before it is optional together with it.
                    parts.pop();
                    parts.push(Part::Rest);
                }
                part => parts.push(part),
            }
        }
        Ok(Pattern { parts, trailing_slash })
    }

    /// Whether the path matches.
    pub fn matches(&self, path: &RequestPath) -> bool {
        let mut elements = path.elements.iter().peekable();
        let mut ends_in_segment = false;
        for (index, part) in self.parts.iter().enumerate() {
            let is_last = index + 1 == self.parts.len();
            match (part, elements.peek()) {
                (Part::Rest, next) => return matches!(next, None | Some(Element::Slash)),
                (Part::Slash, Some(Element::Slash)) => ends_in_segment = false,
                (Part::Any, None) if is_last => ends_in_segment = false,
                (Part::Any, Some(Element::Segment(_))) => ends_in_segment = true,
                (Part::Capture | Part::Literal(_) | Part::Regex(_), Some(Element::Segment(Some(name))))
                    if part.accepts(name) =>
                {
                    ends_in_segment = true;
                }
                _ => return false,
            }
            elements.next();
        }
        match elements.next() {
            None => true,
            Some(Element::Slash) => self.trailing_slash && ends_in_segment && elements.next().is_none(),
            Some(Element::Segment(_)) => false,
        }
    }
}

impl Part {
    fn accepts(&self, name: &str) -> bool {
        match self {
            Part::Literal(literal) => literal == name,
            Part::Capture => !name.is_empty(),
            Part::Regex(regex) => regex.is_match(name),
            Part::Any => true,
            Part::Slash | Part::Rest => false,
        }
    }
}

/// Slashes and what stands between them; a slash within braces belongs to an expression.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = vec![String::new()];
    let mut depth = 0usize;
    let mut escaped = false;
    for char in text.chars() {
        match char {
            _ if escaped => {}
            '{' => depth += 1,
            '}' if depth == 0 => return Err(format!("the pattern `{text}` has a `}}` too many")),
            '}' => depth -= 1,
            _ => {}
        }
        escaped = depth > 0 && char == '\\' && !escaped;
        if char == '/' && depth == 0 {
            tokens.extend(["/".to_owned(), String::new()]);
        } else if let Some(token) = tokens.last_mut() {
            token.push(char);
        }
    }
    if depth > 0 {
        return Err(format!(
            "the pattern `{text}` lacks a `}}` (a comma cannot stand in the short form `Path=...`; write it under `args`)"
        ));
    }
    tokens.retain(|token| !token.is_empty());
    Ok(tokens)
}

fn part(token: &str) -> Result<Part, String> {
    if token == "/" {
        return Ok(Part::Slash);
    }
    if token == "**" || (token.starts_with("{*") && token.ends_with('}') && token.matches('{').count() == 1) {
        return Ok(Part::Rest);
    }
    if token == "*" {
        return Ok(Part::Any);
    }
    if !token.contains(['*', '?', '{']) {
        return Ok(Part::Literal(token.to_owned()));
    }
    let mut expression = String::from("(?s)");
    let mut rest = token;
    while let Some(start) = rest.find(['*', '?', '{']) {
        expression.push_str(&regex::escape(&rest[..start]));
        let (special, behind) = rest[start..].split_at(1);
        rest = behind;
        match special {
            "*" => expression.push_str(".*"),
            "?" => expression.push('.'),
            _ => {
                let (name, constraint, behind) = variable(rest)?;
                if constraint.is_none() && token.len() == name.len() + 2 {
                    return Ok(Part::Capture);
                }
                expression.push_str(&format!("({})", constraint.unwrap_or(".*")));
                rest = behind;
            }
        }
    }
    expression.push_str(&regex::escape(rest));
    java_regex::compile_whole(&expression).map(Part::Regex)
}

/// Takes `name}` or `name:regex}` apart: the name, the expression, and what follows.
fn variable(text: &str) -> Result<(&str, Option<&str>, &str), String> {
    let mut depth = 1usize;
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => {}
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        escaped = char == '\\' && !escaped;
        if depth == 0 {
            let (inside, behind) = (&text[..at], &text[at + 1..]);
            let (name, constraint) =
                inside.split_once(':').map_or((inside, None), |(name, constraint)| (name, Some(constraint)));
            let is_word =
                |name: &str| name.chars().all(|char| char.is_alphanumeric() || "_-.".contains(char));
            if name.is_empty() || !is_word(name) {
                return Err(format!("`{{{inside}}}` has no proper name"));
            }
            return Ok((name, constraint, behind));
        }
    }
    Err(format!("`{{{text}` lacks a `}}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern, true).expect("a pattern").matches(&RequestPath::of(path))
    }

    #[test]
    fn two_stars_match_the_bare_prefix_and_everything_below() {
        for path in ["/ws", "/ws/", "/ws/1", "/ws/1/2/", "/ws//1", "/ws;v=1/1", "/%77s/1", "/ws/%zz"] {
            assert!(matches("/ws/**", path), "{path}");
        }
        for path in ["/", "/wsX", "/wsX/1", "/WS/1", "//ws/1", "/a/ws/1", "/ws%2F1"] {
            assert!(!matches("/ws/**", path), "{path}");
        }
        assert!(matches("/**", "/") && matches("/**", "/a/b") && matches("/{*rest}", "/a/b"));
        assert!(matches("/ws/{*rest}", "/ws") && matches("/ws/{*rest}", "/ws/a/b"));
    }

    #[test]
    fn stars_and_question_marks_stay_within_a_segment() {
        assert!(matches("/a/*/c", "/a/b/c") && !matches("/a/*/c", "/a/b/b/c") && !matches("/a/*/c", "/a//c"));
        assert!(matches("/a/*", "/a/b") && matches("/a/*", "/a/") && !matches("/a/*", "/a"));
        assert!(matches("/a*z", "/az") && matches("/a*z", "/abcz") && !matches("/a*z", "/a/z"));
        assert!(matches("/a?c", "/abc") && !matches("/a?c", "/ac") && !matches("/a?c", "/abbc"));
        assert!(matches("/v1.0", "/v1.0") && !matches("/v1.*", "/v1x0"));
    }

    #[test]
    fn variables_match_a_segment_and_their_expression() {
        assert!(
            matches("/ws/{id}", "/ws/1") && !matches("/ws/{id}", "/ws/") && !matches("/ws/{id}", "/ws/1/2")
        );
        assert!(matches(r"/ws/{id:\d+}", "/ws/12") && !matches(r"/ws/{id:\d+}", "/ws/12a"));
        assert!(matches("/ws/{id:[0-9]{2}}", "/ws/12") && !matches("/ws/{id:[0-9]{2}}", "/ws/1"));
        assert!(matches("/{a}-{b}", "/x-y") && !matches("/{a}-{b}", "/xy"));
        assert!(matches("/{kind:ws|chat}/x", "/chat/x") && !matches("/{kind:ws|chat}/x", "/chatter/x"));
        assert!(matches("/a b/张", "/a%20b/%E5%BC%A0"));
    }

    #[test]
    fn a_trailing_slash_is_optional_unless_it_is_said() {
        let strict = Pattern::parse("/a/b", false).expect("a pattern");
        assert!(!strict.matches(&RequestPath::of("/a/b/")) && strict.matches(&RequestPath::of("/a/b")));
        assert!(matches("/a/b", "/a/b/") && !matches("/a/b", "/a/b//"));
        assert!(matches("/a/", "/a/") && !matches("/a/", "/a") && !matches("/a/", "/a//"));
        assert!(matches("/a/*", "/a/b/") && !matches("/a/*", "/a//"));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for (pattern, word) in [
            ("ws/**", "must start with `/`"),
            ("/**/ws", "at the end"),
            ("/{*rest}/ws", "at the end"),
            ("/ws/**/", "at the end"),
            ("/{id", "lacks a `}`"),
            ("/id}", "too many"),
            ("/{}", "name"),
            ("/{id:[0-9]{1", "lacks a `}`"),
            ("/{id:(?=a)b}", "look-around"),
        ] {
            let error = Pattern::parse(pattern, true).expect_err(pattern);
            assert!(error.contains(word) && error.contains(pattern), "{pattern}: {error}");
        }
    }

    #[test]
    fn dot_segments_are_seen_through_escapes() {
        for path in ["/ws/../admin", "/ws/%2e%2e/admin", "/ws/.%2E", "/./ws", "/ws/..;x=1/a"] {
            assert!(RequestPath::of(path).has_dot_segment(), "{path}");
        }
        assert!(
            !RequestPath::of("/ws/...").has_dot_segment() && !RequestPath::of("/a.b/..c").has_dot_segment()
        );
    }
}
