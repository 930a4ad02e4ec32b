//! Routes as they are configured, and paths as they are asked for.
//!
//! The first line is the path of a request, the second the `uri` of the route, and each other one a predicate or filter,
//! in the short form `Name=a,b` or with named arguments, `Name;key=value;key=value`; behind a `+` stands a default filter.

use gateway::route::{Named, Pattern, RequestPath, RouteSpec, RoutesSpec, Target, compile};

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
    let read = Pattern::parse(pattern, true);
    let read = read.unwrap_or_else(|reason| panic!("{pattern}: {reason}"));
    let wanted: Vec<&str> = head.split('/').skip(1).collect();
    let segments: Vec<&str> = raw.split('/').skip(1).collect();
    let fits = segments.len() == wanted.len() || is_open && segments.len() > wanted.len();
    let expected =
        fits && wanted.iter().zip(&segments).all(|(glob, name)| is_match(glob.as_bytes(), name.as_bytes()));
    assert_eq!(read.matches(path), expected, "{pattern} and {raw}");
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
