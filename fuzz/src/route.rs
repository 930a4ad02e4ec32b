//! Routes as they are configured, and paths as they are asked for.
//!
//! The first line is the path of a request, the second the `uri` of the route, and each other one a predicate or filter,
//! in the short form `Name=a,b` or with named arguments, `Name;key=value;key=value`; behind a `+` stands a default filter.

use gateway::route::{Filter, Named, Pattern, RequestPath, RouteSpec, RoutesSpec, Target, compile};

/// Longer texts try the regular expressions' compiler, which is not ours.
const TEXT_BYTES_MAX: usize = 256;

/// What holds of every text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    let mut lines = text.lines();
    let raw = lines.next().unwrap_or_default();
    let spec = spec(&mut lines);
    let path = RequestPath::of(raw);
    match compile(&spec) {
        Ok(routes) => {
            let route = routes.find(&path);
            assert_eq!(route.map(|route| &route.id), routes.find(&path).map(|route| &route.id));
            let (Some(route), [spec]) = (route, spec.routes.as_slice()) else { return };
            assert_eq!(Target::parse(&route.target.to_string()).as_ref(), Ok(&route.target));
            stripped(spec, raw, &route.path(raw));
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.message.is_empty() && problem.at == "line"));
        }
    }
    for filter in spec.routes.iter().flat_map(|route| &route.filters) {
        if let (Some(expression), Some(replacement)) = (filter.arg("regexp", 0), filter.arg("replacement", 1))
        {
            rewritten(expression, replacement, raw);
        }
    }
    for predicate in spec.routes.iter().flat_map(|route| &route.predicates) {
        predicate.values().for_each(|pattern| globbed(pattern, raw, &path));
    }
}

fn spec<'a>(lines: &mut impl Iterator<Item = &'a str>) -> RoutesSpec {
    let uri = lines.next().unwrap_or("lb://demo").to_owned();
    let (mut predicates, mut filters, mut default_filters) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        match line.strip_prefix('+') {
            Some(line) => default_filters.push(named(line)),
            None if line.starts_with("Path") => predicates.push(named(line)),
            None => filters.push(named(line)),
        }
    }
    let (id, at) = ("route-1".to_owned(), "line".to_owned());
    let route = RouteSpec { id, uri, order: 0, predicates, filters, metadata: Vec::new(), at };
    RoutesSpec { routes: vec![route], default_filters, enabled: None }
}

fn named(line: &str) -> Named {
    let (name, args) = match line.split_once(';') {
        Some((name, args)) => {
            let pairs = args.split(';').filter_map(|pair| pair.split_once('='));
            (name, pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
        }
        None => {
            let (name, values) = line.split_once('=').unwrap_or((line, ""));
            let values = values.split(',').map(str::trim).filter(|value| !value.is_empty()).enumerate();
            (name, values.map(|(place, value)| (format!("_genkey_{place}"), value.to_owned())).collect())
        }
    };
    Named { name: name.to_owned(), args, at: "line".to_owned() }
}

/// Where prefixes are stripped and nothing else is done, what is left is the end of what came, and is a path.
fn stripped(spec: &RouteSpec, raw: &str, changed: &str) {
    if spec.filters.iter().any(|filter| filter.name != "StripPrefix") || spec.filters.is_empty() {
        return;
    }
    assert!(changed.starts_with('/') && !changed.contains("//"), "{raw} became {changed}");
    let segments = |path: &str| -> Vec<String> {
        path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
    };
    assert!(segments(raw).ends_with(&segments(changed)), "{raw} became {changed}");
}

/// A pattern of letters, `*`, `?` and a last `/**` is what a shell makes of it, segment by segment.
fn globbed(pattern: &str, raw: &str, path: &RequestPath) {
    let is_plain = |text: &str| {
        text.starts_with('/')
            && !text.contains("//")
            && !text.ends_with('/')
            && text.chars().all(|char| char.is_ascii_alphanumeric() || "/-_.*?".contains(char))
    };
    let (head, is_open) = match pattern.strip_suffix("/**") {
        Some(head) => (head, true),
        None => (pattern, false),
    };
    let is_plain_pattern = head.is_empty() && is_open || is_plain(head) && !head.contains("**");
    if !is_plain_pattern || !is_plain(raw) || raw.contains(['*', '?']) {
        return;
    }
    let wanted: Vec<&str> = head.split('/').skip(1).collect();
    let segments: Vec<&str> = raw.split('/').skip(1).collect();
    let is_alike =
        wanted.iter().zip(&segments).all(|(glob, name)| is_match(glob.as_bytes(), name.as_bytes()));
    let fits = segments.len() == wanted.len() || is_open && segments.len() > wanted.len();
    let expected = fits && is_alike;
    // Behind a slash, a last `*` alone also stands for nothing.
    let is_left_out =
        !is_open && wanted.len() == segments.len() + 1 && wanted.last() == Some(&"*") && is_alike;
    let with_slash = RequestPath::of(&format!("{raw}/"));
    for forgives_slash in [true, false] {
        let read = Pattern::parse(pattern, forgives_slash);
        let read = read.unwrap_or_else(|reason| panic!("{pattern}: {reason}"));
        assert_eq!(read.matches(path), expected, "{pattern} and {raw}");
        let is_forgiven = expected && (forgives_slash || is_open);
        assert_eq!(read.matches(&with_slash), is_forgiven || is_left_out, "{pattern} and {raw}/");
    }
}

/// What is found is replaced by what the replacement says to a reader that looks for the longest number of a group.
///
/// Asked of replacements without names and escapes, and where nothing empty is found: there Java and Rust go on differently.
fn rewritten(expression: &str, replacement: &str, raw: &str) {
    let Ok(filter) = Filter::rewrite(expression, replacement) else { return };
    let Filter::RewritePath { expression, .. } = &filter else { return };
    let finds_nothing = |at: usize| {
        raw.is_char_boundary(at) && expression.find_at(raw, at).is_some_and(|found| found.is_empty())
    };
    if replacement.contains(['\\', '{']) || (0..=raw.len()).any(finds_nothing) {
        return;
    }
    let (mut expected, mut copied) = (String::new(), 0);
    for captures in expression.captures_iter(raw) {
        let group = |group: usize| captures.get(group).map_or("", |found| found.as_str());
        let found = captures.get(0).unwrap_or_else(|| panic!("{expression} found nothing"));
        expected.push_str(&raw[copied..found.start()]);
        copied = found.end();
        let mut pieces = replacement.split('$');
        expected.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.chars().take_while(char::is_ascii_digit).count();
            let named = (1..=digits).rev().find_map(|length| {
                let number = piece[..length].parse::<usize>().ok()?;
                (number < captures.len()).then_some((number, length))
            });
            let (number, length) = named.unwrap_or_else(|| panic!("${piece} names no group"));
            expected.extend([group(number), &piece[length..]]);
        }
    }
    expected.push_str(&raw[copied..]);
    assert_eq!(filter.apply(raw), expected, "{expression} by {replacement} in {raw}");
}

/// The shell's `*` and `?`.
fn is_match(glob: &[u8], name: &[u8]) -> bool {
    match (glob.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', glob_rest)), _) => {
            is_match(glob_rest, name)
                || name.split_first().is_some_and(|(_, name_rest)| is_match(glob, name_rest))
        }
        (Some((b'?', glob_rest)), Some((_, name_rest))) => is_match(glob_rest, name_rest),
        (Some((one, glob_rest)), Some((other, name_rest))) => one == other && is_match(glob_rest, name_rest),
        _ => false,
    }
}
