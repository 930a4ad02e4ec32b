//! What lies over the file: environment variables, then flags, then the four seams' own flags.
//!
//! Promises: `TRUNKLINE__WS__PORT=1` and `--set ws.port=1` mean what the same key in the file would; a list or a map may be given in
//! YAML's short form. A seam may be a URL or a map with `url`: both forms are made one here, so that layers of either form join.

use super::{
    dotted,
    environment::Environment,
    nearest::nearest,
    place::Place,
    problem::{Problem, Problems},
    secret::Secret,
    sections::{self, SEAMS},
    tree::{Map, Node, Step, Value},
    yaml,
};

/// Every variable that begins so is a setting.
pub(super) const PREFIX: &str = "TRUNKLINE__";

/// What the command line says of settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--set KEY=VALUE`, in order.
    pub set: Vec<Secret>,
    /// `--registry URL`.
    pub registry: Option<Secret>,
    /// `--directory URL`.
    pub directory: Option<Secret>,
    /// `--bus URL`.
    pub bus: Option<Secret>,
    /// `--store URL`.
    pub store: Option<Secret>,
}

/// Lays environment and flags over `root`.
pub(super) fn apply(root: &mut Node, environment: &dyn Environment, flags: &Flags, problems: &mut Problems) {
    unite_seams(root);
    for (name, value) in environment.starting_with(PREFIX) {
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        put(root, &key, &value, &Place::named(&name), problems);
    }
    for assignment in &flags.set {
        match assignment.expose_text().and_then(|text| text.split_once('=')) {
            Some((key, value)) => {
                put(root, key.trim(), value, &Place::named(&format!("--set {}", key.trim())), problems)
            }
            None => problems
                .push(Problem::general("--set takes KEY=VALUE, such as --set limits.sends_per_second=0")),
        }
    }
    let seams = [
        ("registry", &flags.registry),
        ("directory", &flags.directory),
        ("bus", &flags.bus),
        ("store", &flags.store),
    ];
    for (seam, url) in seams {
        if let Some(url) = url.as_ref().and_then(Secret::expose_text) {
            put(root, seam, url, &Place::named(&format!("--{seam}")), problems);
        }
    }
}

fn put(root: &mut Node, key: &str, value: &str, at: &Place, problems: &mut Problems) {
    let Some(path) = dotted::steps(key) else {
        problems.push(Problem {
            at: Some(at.clone()),
            key: None,
            message: "is not the name of a setting".to_owned(),
        });
        return;
    };
    if let Some(Step::Key(first)) = path.first()
        && !is_known(first, root)
    {
        let known = nearest(first, sections::top_level_names());
        let hint = known.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        problems.push(Problem::of(key, Some(at), format!("there is no section `{first}`{hint}")));
        return;
    }
    match yaml::read_value(value, at) {
        Ok(node) => {
            let mut layer = Node::map(at.clone(), Map::default());
            set(&mut layer, &path, node, at);
            unite_seams(&mut layer);
            overlay_with_indices(root, layer, &path, problems);
        }
        Err(problem) => problems.push(Problem { key: Some(key.to_owned()), ..problem }),
    }
}

/// Whether something of that name is read, if only by a placeholder.
fn is_known(name: &str, root: &Node) -> bool {
    let in_file = root.as_map().is_some_and(|map| map.get(name).is_some());
    sections::is_ours(name) || matches!(name, "spring" | "rocketmq") || in_file
}

/// Overlays a layer that holds one path; where the path goes through a list of `root`, that item is changed and not the whole list.
fn overlay_with_indices(root: &mut Node, layer: Node, path: &[Step], problems: &mut Problems) {
    let Some(list_depth) = path.iter().position(|step| matches!(step, Step::Index(_))) else {
        return root.overlay(layer);
    };
    let mut target = &mut *root;
    let mut source = layer;
    let at = source.at.clone();
    for step in &path[..list_depth] {
        let Step::Key(key) = step else { return };
        let (Value::Map(into), Value::Map(mut from)) = (&mut target.value, source.value) else { return };
        let Some(entry) = from.remove(key) else { return };
        if into.get(key).is_none() {
            into.push(key.clone(), at.clone(), Node { at: at.clone(), value: Value::List(Vec::new()) });
        }
        let Some(next) = into.get_mut(key) else { return };
        target = next;
        source = entry.node;
    }
    let (Some(Step::Index(index)), Value::List(items)) = (path.get(list_depth), &mut target.value) else {
        problems.push(Problem {
            at: Some(at),
            key: None,
            message: "there is no list at that place".to_owned(),
        });
        return;
    };
    let Value::List(mut given) = source.value else { return };
    let Some(item) = given.pop() else { return };
    let count = items.len();
    match items.get_mut(*index) {
        Some(existing) if path.len() > list_depth + 1 => {
            overlay_with_indices(existing, item, &path[list_depth + 1..], problems)
        }
        Some(existing) => *existing = item,
        None if *index == count => items.push(item),
        None => problems.push(Problem {
            at: Some(at),
            key: None,
            message: format!("there are only {count} items in that list"),
        }),
    }
}

fn set(layer: &mut Node, path: &[Step], node: Node, at: &Place) {
    let mut node = node;
    for step in path.iter().skip(1).rev() {
        let value = match step {
            Step::Key(key) => {
                let mut map = Map::default();
                map.push(key.clone(), at.clone(), node);
                Value::Map(map)
            }
            Step::Index(_) => Value::List(vec![node]),
        };
        node = Node { at: at.clone(), value };
    }
    if let (Value::Map(map), Some(Step::Key(key))) = (&mut layer.value, path.first()) {
        map.push(key.clone(), at.clone(), node);
    }
}

/// `directory: URL` becomes `directory: { url: URL }`.
fn unite_seams(root: &mut Node) {
    let Value::Map(map) = &mut root.value else { return };
    for seam in SEAMS {
        let Some(node) = map.get_mut(seam) else { continue };
        if node.as_text().is_some() {
            let at = node.at.clone();
            let mut inner = Map::default();
            inner.push("url", at.clone(), node.clone());
            *node = Node::map(at, inner);
        }
    }
}
