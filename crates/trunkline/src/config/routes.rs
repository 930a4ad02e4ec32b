//! Reads the routes under `spring.cloud.gateway` as Spring Cloud Gateway does, into plain data.
//!
//! Promises: both property prefixes are read, and the newer one wins key by key; shortcut, expanded and one-line forms mean the same as in
//! Spring; inside a route an unknown key is an error.
//! Which predicates and filters exist, and what they mean, the gateway knows.

use gateway::route::{Named, RouteSpec, RoutesSpec};

use super::{
    de,
    nearest::nearest,
    problem::{Problem, Problems},
    tree::{Map, Node, Value, relaxed},
};

const OLD: &str = "spring.cloud.gateway";
const NEW: &str = "spring.cloud.gateway.server.webflux";
const ROUTE_KEYS: [&str; 7] = ["id", "uri", "order", "enabled", "predicates", "filters", "metadata"];

/// The routes, and what of `spring.cloud.gateway` is worth a warning or a line in `check`.
#[derive(Debug, Default)]
pub(super) struct ReadRoutes {
    /// The routes.
    pub spec: RoutesSpec,
    /// Worth a line at start.
    pub warnings: Vec<Problem>,
    /// Keys that are not read.
    pub unread: Vec<Problem>,
}

/// Reads everything under both prefixes.
pub(super) fn read(root: &Node, problems: &mut Problems) -> ReadRoutes {
    let mut read = ReadRoutes::default();
    for key in ["spring.cloud.gateway.server.webmvc.routes", "spring.cloud.gateway.mvc.routes"] {
        if let Some(node) = root.find(key) {
            let message =
                format!("routes of Spring's servlet gateway are not read; write them under {NEW}.routes");
            problems.push(Problem::of(key, Some(&node.at), message));
        }
    }
    let (old, new) = (root.find(OLD).and_then(Node::as_map), root.find(NEW).and_then(Node::as_map));
    let mut find = |name: &str| {
        let (older, newer) =
            (old.and_then(|map| map.get_relaxed(name)), new.and_then(|map| map.get_relaxed(name)));
        if let (Some(older), Some(_)) = (older, newer) {
            let message = format!("is not read, because {NEW}.{name} is there too");
            read.warnings.push(Problem::of(&format!("{OLD}.{name}"), Some(&older.at), message));
        }
        newer
            .map(|node| (format!("{NEW}.{name}"), node))
            .or(older.map(|node| (format!("{OLD}.{name}"), node)))
    };
    let (routes, filters, enabled) = (find("routes"), find("default-filters"), find("enabled"));
    read.unread = unread(old, new);
    read.spec.enabled = keep(problems, enabled.map(|(key, node)| de::read::<bool>(node, &key)));
    if let Some((key, node)) = filters {
        read.spec.default_filters = named_list(node, &key, "a filter", false, problems);
    }
    if let Some((key, node)) = routes {
        for (index, item) in items(node, &key, problems).iter().enumerate() {
            let route = read_route(item, &format!("{key}[{index}]"), index, problems);
            read.spec.routes.extend(route);
        }
        twice(&read.spec.routes, &key, problems);
    }
    read
}

fn twice(routes: &[RouteSpec], key: &str, problems: &mut Problems) {
    for (index, route) in routes.iter().enumerate() {
        if routes[..index].iter().any(|other| other.id == route.id) {
            let message = format!("{}: two routes are called `{}`", route.at, route.id);
            problems.push(Problem { at: None, key: None, message: format!("{message}, under {key}") });
        }
    }
}

fn unread(old: Option<&Map>, new: Option<&Map>) -> Vec<Problem> {
    let known = ["routes", "default-filters", "enabled", "server", "mvc"].map(relaxed);
    let mut unread = Vec::new();
    for (prefix, map) in [(OLD, old), (NEW, new)] {
        for entry in map.into_iter().flat_map(Map::iter).filter(|entry| !known.contains(&relaxed(&entry.key)))
        {
            unread.push(Problem::of(&format!("{prefix}.{}", entry.key), Some(&entry.at), "is not read"));
        }
    }
    unread
}

fn read_route(node: &Node, key: &str, index: usize, problems: &mut Problems) -> Option<RouteSpec> {
    match &node.value {
        Value::Scalar(text) => keep(problems, Some(one_line(text, node, key))),
        Value::Map(map) => route_of_map(map, node, key, index, problems),
        Value::Null | Value::List(_) => {
            problems.push(Problem::of(key, Some(&node.at), "a route is a map with id, uri and predicates"));
            None
        }
    }
}

fn route_of_map(
    map: &Map,
    node: &Node,
    key: &str,
    index: usize,
    problems: &mut Problems,
) -> Option<RouteSpec> {
    for entry in map.iter().filter(|entry| !ROUTE_KEYS.contains(&relaxed(&entry.key).as_str())) {
        let message = match nearest(&entry.key, ROUTE_KEYS) {
            Some(known) => format!("unknown key `{}` in a route; did you mean `{known}`?", entry.key),
            None => format!("unknown key `{}` in a route; known are {}", entry.key, ROUTE_KEYS.join(", ")),
        };
        problems.push(Problem::of(key, Some(&entry.at), message));
    }
    let find = |name: &str| map.get_relaxed(name).filter(|node| !node.is_null());
    let text = |name: &str| find(name).and_then(Node::as_text).map(str::trim).filter(|text| !text.is_empty());
    if keep(problems, find("enabled").map(|node| de::read::<bool>(node, &format!("{key}.enabled"))))
        == Some(false)
    {
        return None;
    }
    let id = text("id").map(str::to_owned).unwrap_or_else(|| format!("route-{}", index + 1));
    let Some(uri) = text("uri") else {
        problems.push(Problem::of(
            key,
            Some(&node.at),
            format!("route `{id}` has no uri (such as lb:ws://SERVICE)"),
        ));
        return None;
    };
    let order =
        keep(problems, find("order").map(|node| read_order(node, &format!("{key}.order")))).unwrap_or(0);
    let list = |name: &str, kind: &str, needs_value: bool, problems: &mut Problems| {
        find(name)
            .map(|node| named_list(node, &format!("{key}.{name}"), kind, needs_value, problems))
            .unwrap_or_default()
    };
    if find("predicates").is_none_or(|node| matches!(&node.value, Value::List(items) if items.is_empty())) {
        let message = format!("route `{id}` has no predicate; it needs one at least, such as Path=/{id}/**");
        problems.push(Problem::of(key, Some(&node.at), message));
    }
    let predicates = list("predicates", "a predicate", true, problems);
    let filters = list("filters", "a filter", false, problems);
    let mut metadata = Vec::new();
    find("metadata").into_iter().for_each(|node| flatten(node, "", &mut metadata));
    Some(RouteSpec { uri: uri.to_owned(), id, order, predicates, filters, metadata, at: node.at.to_string() })
}

fn read_order(node: &Node, key: &str) -> Result<i32, Problem> {
    let written = node.as_text().unwrap_or_default();
    written.parse().map_err(|_| Problem::of(key, Some(&node.at), "is not a whole number"))
}

/// `id=uri,Predicate=..,Predicate=..`
fn one_line(text: &str, node: &Node, key: &str) -> Result<RouteSpec, Problem> {
    let wrong = |message: &str| Problem::of(key, Some(&node.at), message);
    let form = "a route in one line is id=uri,Predicate=value";
    let (id, rest) =
        text.split_once('=').filter(|(id, _)| !id.trim().is_empty()).ok_or_else(|| wrong(form))?;
    let mut parts = rest.split(',').map(str::trim).filter(|part| !part.is_empty());
    let uri = parts.next().ok_or_else(|| wrong(form))?;
    let predicates =
        parts.map(|part| shortcut(part, node, key, "a predicate", true)).collect::<Result<Vec<_>, _>>()?;
    if predicates.is_empty() {
        return Err(wrong(form));
    }
    Ok(RouteSpec {
        id: id.trim().to_owned(),
        uri: uri.to_owned(),
        order: 0,
        predicates,
        filters: Vec::new(),
        metadata: Vec::new(),
        at: node.at.to_string(),
    })
}

fn items<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> &'a [Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Null => &[],
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Map(_) => {
            problems.push(Problem::of(
                key,
                Some(&node.at),
                "a list is expected here (each item with - before it)",
            ));
            &[]
        }
    }
}

fn named_list(node: &Node, key: &str, kind: &str, needs_value: bool, problems: &mut Problems) -> Vec<Named> {
    let mut list = Vec::new();
    for (index, item) in items(node, key, problems).iter().enumerate() {
        let key = format!("{key}[{index}]");
        let named = match &item.value {
            Value::Scalar(text) => shortcut(text, item, &key, kind, needs_value),
            Value::Map(map) => expanded(map, item, &key, kind),
            Value::Null | Value::List(_) => Err(Problem::of(
                &key,
                Some(&item.at),
                format!("{kind} is Name=value, or a map with name and args"),
            )),
        };
        list.extend(keep(problems, Some(named.and_then(|named| no_expressions(named, item, &key)))));
    }
    list
}

/// `Name=a,b`: trimmed, and empty arguments dropped, as Spring does.
fn shortcut(text: &str, node: &Node, key: &str, kind: &str, needs_value: bool) -> Result<Named, Problem> {
    let (name, values) = match text.split_once('=') {
        Some((name, values)) => (name.trim(), values),
        None if needs_value => {
            return Err(Problem::of(
                key,
                Some(&node.at),
                format!("{kind} is written Name=value, such as Path=/chat/**; an = is missing"),
            ));
        }
        None => (text.trim(), ""),
    };
    if name.is_empty() {
        return Err(Problem::of(key, Some(&node.at), format!("{kind} needs a name before the =")));
    }
    let values = values.split(',').map(str::trim).filter(|value| !value.is_empty());
    let args =
        values.enumerate().map(|(index, value)| (format!("_genkey_{index}"), value.to_owned())).collect();
    Ok(Named { name: name.to_owned(), args, at: node.at.to_string() })
}

fn expanded(map: &Map, node: &Node, key: &str, kind: &str) -> Result<Named, Problem> {
    let Some(name) = map.get_relaxed("name").and_then(Node::as_text) else {
        // `- Path: /chat/**` is what a hand writes that thinks in YAML.
        let message = match map.iter().next() {
            Some(entry) if entry.node.as_text().is_some() => {
                format!("{kind} is written {}=value, with = and not with :", entry.key)
            }
            _ => format!("{kind} written as a map needs a name"),
        };
        return Err(Problem::of(key, Some(&node.at), message));
    };
    if let Some(entry) = map.iter().find(|entry| !["name", "args"].contains(&relaxed(&entry.key).as_str())) {
        return Err(Problem::of(
            key,
            Some(&entry.at),
            format!("unknown key `{}`; known are name and args", entry.key),
        ));
    }
    let mut args = Vec::new();
    map.get_relaxed("args").into_iter().for_each(|node| flatten(node, "", &mut args));
    Ok(Named { name: name.to_owned(), args, at: node.at.to_string() })
}

fn no_expressions(named: Named, node: &Node, key: &str) -> Result<Named, Problem> {
    if named.args.iter().any(|(_, value)| value.contains("#{")) {
        return Err(Problem::of(
            key,
            Some(&node.at),
            format!("{}: Spring expressions (#{{...}}) are not evaluated", named.name),
        ));
    }
    Ok(named)
}

fn flatten(node: &Node, key: &str, into: &mut Vec<(String, String)>) {
    match &node.value {
        Value::Null => into.push((key.to_owned(), String::new())),
        Value::Scalar(text) if key.is_empty() => into.push(("_genkey_0".to_owned(), text.clone())),
        Value::Scalar(text) => into.push((key.to_owned(), text.clone())),
        Value::List(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| flatten(item, &super::tree::join(key, &index.to_string()), into));
        }
        Value::Map(map) => {
            map.iter().for_each(|entry| flatten(&entry.node, &super::tree::join(key, &entry.key), into))
        }
    }
}

fn keep<T>(problems: &mut Problems, result: Option<Result<T, Problem>>) -> Option<T> {
    match result? {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}
