//! Finds keys that nobody reads.
//!
//! Promises: a key of ours that is unknown is an error that names the nearest known one; so is a top-level key that is close to one of
//! ours; keys of what is not built yet say so. Other top-level keys belong to others: they are listed, not judged.

use super::{
    nearest::{distance, nearest},
    problem::{Problem, Problems},
    sections,
    settings::Section,
    tree::{Entry, Node, join},
};

/// Keys that the plan knows and this version does not, each with what to do instead.
const LATER: [(&str, &str); 9] = [
    (
        "auth.jwks",
        "not supported yet; put the public key into auth.keys: [{ algorithm: RS256, key: \"file:key.pem\" }]",
    ),
    ("store.keep", "not supported yet; everything is kept"),
    ("api.register", "not supported yet"),
    ("api.tls", "not supported yet; let a proxy in front do TLS"),
    ("ws.tls", "not supported yet; let a proxy in front do TLS"),
    ("gateway.tls", "not supported yet; let a proxy in front do TLS"),
    ("tls", "not supported yet; let a proxy in front do TLS"),
    ("hooks", "not supported yet"),
    ("webhooks", "not supported yet"),
];

/// Top-level keys of Spring's of which something is read.
const SPRINGS: [&str; 2] = ["spring", "rocketmq"];

/// Checks all keys of `root`; returns the top-level keys that are left alone.
pub(super) fn check(root: &Node, problems: &mut Problems) -> Vec<String> {
    let mut ignored = Vec::new();
    for entry in root.as_map().into_iter().flat_map(|map| map.iter()) {
        if let Some(section) = sections::section(&entry.key) {
            for inner in entry.node.as_map().into_iter().flat_map(|map| map.iter()) {
                check_key(section, inner, problems);
            }
        } else if let Some(message) = later(&entry.key) {
            problems.push(Problem::of(&entry.key, Some(&entry.at), message));
        } else if let Some(known) = close_to_ours(&entry.key) {
            problems.push(Problem::of(
                &entry.key,
                Some(&entry.at),
                format!("unknown key; did you mean `{known}`?"),
            ));
        } else if !SPRINGS.contains(&entry.key.as_str()) && !sections::is_ours(&entry.key) {
            ignored.push(entry.key.clone());
        }
    }
    ignored
}

fn check_key(section: &'static Section, entry: &Entry, problems: &mut Problems) {
    if section.settings.iter().any(|setting| setting.name == entry.key) {
        return;
    }
    let key = join(section.name, &entry.key);
    let message = later(&key).map(str::to_owned).unwrap_or_else(|| match suggestion(section, &entry.key) {
        Some(known) => format!("unknown key; did you mean `{known}`?"),
        None => {
            let known: Vec<_> = section.settings.iter().map(|setting| setting.name).collect();
            format!("unknown key; known under `{}` are {}", section.name, known.join(", "))
        }
    });
    problems.push(Problem::of(&key, Some(&entry.at), message));
}

/// The nearest key of the section, else a key of this very name in another section.
fn suggestion(section: &'static Section, key: &str) -> Option<String> {
    if let Some(known) = nearest(key, section.settings.iter().map(|setting| setting.name)) {
        return Some(join(section.name, known));
    }
    let elsewhere =
        sections::ALL.into_iter().find(|other| other.settings.iter().any(|setting| setting.name == key))?;
    Some(join(elsewhere.name, key))
}

fn later(key: &str) -> Option<&'static str> {
    LATER.iter().find(|(later, _)| *later == key).map(|(_, message)| *message)
}

/// The key of ours that a top-level key was meant to be. Short names are told from each other by one letter (`app` is not `api`), so
/// there only a doubled, an added last or two swapped letters count.
fn close_to_ours(key: &str) -> Option<&'static str> {
    let written = key.to_lowercase().replace('-', "_");
    sections::top_level_names().find(|known| {
        let near = match known.len() {
            0..=3 => written.len() != known.len() || sorted(&written) == sorted(known),
            _ => true,
        };
        let allowed = if known.len() >= 7 { 2 } else { 1 };
        key != *known && near && written.starts_with(&known[..1]) && distance(&written, known) <= allowed
    })
}

fn sorted(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters
}
