//! The pages that restate code say what the code says: every name, number and default of the protocol, every metric, every call.
//!
//! A page is compared in both directions: what the code has is on the page, and what the page has is in the code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a page that cannot be read must fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use trunkline::metrics_page;
use wire::limits::Limits;
use wire::{CloseCode, ErrorCode};

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A part of a page: from its heading to the next of the same level.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let begin = page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}")) + 1;
    let body = &page[begin + heading.len()..];
    let end = body.find("\n## ").unwrap_or(body.len());
    &body[..end]
}

/// The rows of the first table of a section, each the cells without backticks.
fn table(section: &str) -> Vec<Vec<String>> {
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

/// The third-level headings of a section, without backticks.
fn headings(section: &str) -> BTreeSet<String> {
    section.lines().filter_map(|line| line.strip_prefix("### ")).map(|name| name.replace('`', "")).collect()
}

/// What stands between `before` and `after`, wherever it does.
fn between(text: &str, before: &str, after: &str) -> BTreeSet<String> {
    let pieces = text.split(before).skip(1);
    pieces.filter_map(|piece| piece.split_once(after)).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_error_code_stands_in_the_protocol_with_its_status() {
    let written: Vec<Vec<String>> = table(section(&file("docs/protocol.md"), "## Error codes"));
    let written: Vec<[String; 3]> =
        written.into_iter().map(|row| [row[0].clone(), row[1].clone(), row[2].clone()]).collect();
    let known: Vec<[String; 3]> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let retry = if code.may_retry() { "yes" } else { "no" };
            [code.as_str().to_owned(), code.http_status().to_string(), retry.to_owned()]
        })
        .collect();
    assert_eq!(written, known);
}

#[test]
fn every_close_code_stands_in_the_protocol_with_its_reason_and_whether_to_come_back() {
    let written: Vec<Vec<String>> = table(section(&file("docs/protocol.md"), "## Close codes"));
    let written: Vec<[String; 3]> =
        written.into_iter().map(|row| [row[0].clone(), row[1].clone(), row[2].clone()]).collect();
    let known: Vec<[String; 3]> = CloseCode::ALL
        .iter()
        .map(|code| {
            let back = if code.reconnect() { "yes" } else { "no" };
            [code.number().to_string(), code.reason().to_owned(), back.to_owned()]
        })
        .collect();
    assert_eq!(written, known);
}

#[test]
fn every_frame_of_a_client_stands_in_the_protocol() {
    let page = file("docs/protocol.md");
    let written = headings(section(&page, "## Frames of a client"));
    // The parser's own list: each arm of its match is `"name" =>`.
    let source = file("crates/wire/src/frame/client.rs");
    let parser = &source[source.find("Ok(match kind {").unwrap()..source.find("other => {").unwrap()];
    let known: BTreeSet<String> = parser
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix('"')?.split_once("\" => ").map(|(name, _)| name.to_owned())
        })
        .filter(|name| name != "presence")
        .collect();
    assert_eq!(written, known);
}

#[test]
fn every_frame_of_a_node_stands_in_the_protocol() {
    let page = file("docs/protocol.md");
    let written = headings(section(&page, "## Frames of a node"));
    let frames = file("crates/wire/src/frame/server.rs");
    let messages = file("crates/wire/src/message.rs");
    let encoders = frames.split("#[cfg(test)]").next().unwrap();
    let mut known = between(encoders, "typed(\"", "\"");
    known.extend(between(encoders, "{\\\"type\\\":\\\"", "\\\""));
    known.extend(between(messages.split("#[cfg(test)]").next().unwrap(), "{\\\"type\\\":\\\"", "\\\""));
    known.retain(|name| name.chars().all(|c| c.is_ascii_lowercase()));
    assert_eq!(written, known);
}

#[test]
fn what_the_protocol_shows_of_a_clients_frames_is_understood() {
    let page = file("docs/protocol.md");
    let shown = section(&page, "## Frames of a client");
    let mut read = 0;
    for frame in shown.lines().filter(|line| line.starts_with("{\"type\"")) {
        let parsed = wire::frame::ClientFrame::parse(frame, 16, 60_000);
        assert!(parsed.is_ok(), "{frame}: {parsed:?}");
        read += 1;
    }
    assert_eq!(read, headings(shown).len());
}

#[test]
fn every_limit_stands_in_the_protocol_with_its_default() {
    let written = table(section(&file("docs/protocol.md"), "## Limits"));
    let written: BTreeMap<String, String> =
        written.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(written, defaults());
}

/// Every limit and its default as the page writes it. Taken apart by name, so that a new limit is missed here by the compiler.
fn defaults() -> BTreeMap<String, String> {
    macro_rules! shown {
        ($($name:ident),*) => {{
            let Limits { $($name),* } = Limits::default();
            [$((stringify!($name).to_owned(), $name.shown())),*].into()
        }};
    }
    shown!(
        handshake_timeout,
        handshake_bytes_max,
        handshake_fields_max,
        hello_timeout,
        frame_bytes_max,
        content_bytes_max,
        json_depth_max,
        page_bytes_max,
        send_queue_frames_max,
        send_queue_bytes_max,
        write_timeout,
        ping_every,
        pong_timeout,
        sends_per_second,
        sends_burst,
        refusals_max,
        sessions_per_address_max,
        sessions_max,
        handshakes_in_flight_max,
        devices_max,
        envelope_life,
        behind_after,
        drain_notice,
        drain_spread,
        drain_hard_stop
    )
}

/// As a person writes it.
trait Shown {
    fn shown(self) -> String;
}

impl Shown for Duration {
    fn shown(self) -> String {
        format!("{} s", self.as_secs())
    }
}

impl Shown for u64 {
    fn shown(self) -> String {
        match self {
            0..1_000 => self.to_string(),
            _ => format!("{},{:03}", (self / 1_000).shown(), self % 1_000),
        }
    }
}

impl Shown for u32 {
    fn shown(self) -> String {
        u64::from(self).shown()
    }
}

impl Shown for usize {
    fn shown(self) -> String {
        (self as u64).shown()
    }
}

#[test]
fn every_call_of_the_http_interface_stands_in_the_protocol() {
    let written: BTreeSet<String> = table(section(&file("docs/protocol.md"), "## The HTTP interface"))
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let description = serde_json::to_value(node::api::description()).unwrap();
    let mut known = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "put", "post", "delete"].contains(&key.as_str()))
        {
            known.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert_eq!(written, known);
}

#[test]
fn the_metrics_page_is_the_one_in_docs() {
    assert!(
        file("docs/metrics.md") == metrics_page::page(),
        "docs/metrics.md is old; write it again: cargo xtask docs"
    );
}

#[test]
fn every_metric_has_a_sentence_and_every_sentence_a_metric() {
    let described: BTreeSet<String> = metrics_page::metrics().map(|(name, _)| name.to_owned()).collect();
    let mut known: BTreeSet<String> =
        node::events::Event::TABLE.iter().map(|(_, metric)| (*metric).to_owned()).collect();
    for source in ["crates/gateway/src/events.rs", "crates/node/src/watch.rs"] {
        known.extend(
            between(&file(source), "\"trunkline_", "\"").into_iter().map(|name| format!("trunkline_{name}")),
        );
    }
    assert_eq!(described, known);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages = [
        "README.md",
        "README.zh-CN.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "clients/js/README.md",
        "crates/rocketmq/README.md",
        "docs/configuration.md",
        "docs/from-the-article.md",
        "docs/metrics.md",
        "docs/protocol.md",
        "docs/roadmap.md",
        "web/README.md",
    ];
    for page in pages {
        let text = file(page);
        let outside_blocks: String = text.split("```").step_by(2).collect();
        for link in between(&outside_blocks, "](", ")") {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            if path.contains("://") {
                continue;
            }
            let target = match path {
                "" => root.join(page),
                path => root.join(page).parent().unwrap().join(path),
            };
            assert!(target.exists(), "{page} links to {path}, which is not there");
            let anchors = || anchors(&std::fs::read_to_string(&target).unwrap());
            assert!(
                anchor.is_empty() || anchors().contains(anchor),
                "{page} links to {link}, a heading that is not there"
            );
        }
    }
}

/// The anchors of a page's headings, as they are made of them where pages are shown.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings =
        page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.to_lowercase().replace(' ', "-");
            kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        })
        .collect()
}
