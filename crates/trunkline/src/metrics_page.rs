//! `docs/metrics.md`: every metric of a node and of a gateway, with a sentence for the person who is woken by it.
//!
//! Promises: a test compares the names here with those that the code counts under, so none is missing and none is invented.
//! What is an event's counter and what is a gauge stands here, because an exporter does not say it in words.

use std::fmt::Write as _;

use node::events::Event;

/// Gauges of a node, set when somebody asks.
const NODE_GAUGES: [(&str, &str); 3] = [
    ("trunkline_node_sessions", "Live sessions. Label `node`."),
    ("trunkline_node_ready", "1 while the node takes connections, as `/readyz` says. Label `node`."),
    (
        "trunkline_node_seam_up",
        "1 while a back end answers. Labels `node` and `seam`: `registry`, `directory`, `bus`, `store`.",
    ),
];

/// Counters of a node, each of an event.
const NODE_COUNTERS: [(&str, &str); 31] = [
    ("trunkline_node_ready_total", "Nodes of this process that have started."),
    ("trunkline_node_drains_begun_total", "Drains that have begun."),
    ("trunkline_node_drains_ended_total", "Drains that have ended."),
    ("trunkline_node_handshakes_refused_total", "Handshakes answered with something else than 101."),
    ("trunkline_node_sessions_opened_total", "Sessions that were let in."),
    ("trunkline_node_sessions_closed_total", "Sessions that have ended."),
    (
        "trunkline_node_sessions_displaced_total",
        "Sessions that a newer login of the same user displaced, here or elsewhere.",
    ),
    (
        "trunkline_node_port_failures_total",
        "Calls on registry, directory, bus or store that failed; each has a log line.",
    ),
    ("trunkline_node_leases_lost_total", "Times that the node lost its lease and began another life."),
    ("trunkline_node_directory_outages_total", "Outages of the directory that are over."),
    ("trunkline_node_restores_total", "Times that all bindings were written again."),
    ("trunkline_node_boots_vanished_total", "Other nodes that were gone without having drained."),
    ("trunkline_node_boots_reaped_total", "Dead nodes whose remains were removed from the directory."),
    (
        "trunkline_node_fingerprints_differing_total",
        "Live nodes that must not be in this cluster: another store, device policy or wire version.",
    ),
    ("trunkline_node_names_taken_total", "Times that another process held this node's name; the node ends."),
    (
        "trunkline_node_messages_accepted_total",
        "Messages accepted from clients and over HTTP, repeated ones too.",
    ),
    (
        "trunkline_node_pushes_total",
        "Frames put on the send queues of sessions: one message to three sessions counts three.",
    ),
    ("trunkline_node_envelopes_posted_total", "Envelopes handed to the bus."),
    ("trunkline_node_envelopes_arrived_total", "Envelopes taken from the bus."),
    (
        "trunkline_node_envelopes_refused_total",
        "Bodies on the bus that were dropped: another service's, or not readable.",
    ),
    (
        "trunkline_node_envelopes_expired_total",
        "Envelopes that were too old to deliver; with a store, the message is read from there.",
    ),
    ("trunkline_node_envelopes_misplaced_total", "Envelopes for users who had moved to another node."),
    (
        "trunkline_node_inboxes_missing_total",
        "Envelopes for nodes that have no inbox open (RabbitMQ says so): they are gone, or on their way; with a store, their users are told later.",
    ),
    ("trunkline_node_repeats_dropped_total", "Repeated messages that were not shown again (`store: none`)."),
    ("trunkline_node_foreign_undeliverable_total", "Messages of other systems for users who are nowhere."),
    (
        "trunkline_node_classic_too_long_total",
        "Messages too long for classic clients, which were not written to them.",
    ),
    (
        "trunkline_node_heads_remembered_total",
        "Messages that were kept, but could not be posted at once; told later.",
    ),
    ("trunkline_node_inbox_outages_total", "Times that the node could hear nothing on the bus for a while."),
    (
        "trunkline_node_messages_caught_up_total",
        "Messages read from the store for sessions that lacked them.",
    ),
    ("trunkline_node_members_changes_total", "Changes of the members of groups."),
    ("trunkline_node_defects_total", "Defects of ours: something that cannot happen did."),
];

/// Metrics of a gateway.
const GATEWAY: [(&str, &str); 12] = [
    ("trunkline_gateway_draining", "Gauge: 1 while the gateway drains."),
    ("trunkline_gateway_instances", "Gauge: instances in the registry's latest list. Label `service`."),
    ("trunkline_gateway_lists_total", "Lists that the registry told. Label `service`."),
    ("trunkline_gateway_state_unread_total", "Starts that could not read the saved lists."),
    ("trunkline_gateway_state_unsaved_total", "Lists that could not be saved."),
    (
        "trunkline_gateway_refused_total",
        "Requests answered by the gateway itself with something else than 101. Label `status`.",
    ),
    (
        "trunkline_gateway_answered_total",
        "Requests to which a node said something else than 101. Labels `route`, `status`.",
    ),
    (
        "trunkline_gateway_instance_failures_total",
        "Instances that could not be reached, or did not answer as they should. Labels `instance`, `left_out`.",
    ),
    ("trunkline_gateway_tunnels_opened_total", "Connections that were opened. Label `route`."),
    ("trunkline_gateway_tunnels", "Gauge: connections that are open. Label `route`."),
    (
        "trunkline_gateway_tunnels_closed_total",
        "Connections that have ended. Labels `route`, `how`: `closed`, `broken`, `half_closed`, `stalled`, `cut`, `abandoned`.",
    ),
    ("trunkline_gateway_tunnels_cut_total", "Connections that a drain had to cut."),
];

/// Every metric and its sentence.
pub fn metrics() -> impl Iterator<Item = (&'static str, &'static str)> {
    NODE_GAUGES.into_iter().chain(NODE_COUNTERS).chain(GATEWAY)
}

/// The whole of `docs/metrics.md`.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    table(&mut page, "Gauges of a node", &NODE_GAUGES);
    events_table(&mut page);
    table(&mut page, "A gateway", &GATEWAY);
    page
}

fn table(page: &mut String, title: &str, rows: &[(&str, &str)]) {
    line(page, format_args!("\n## {title}\n\n| metric | what it says |\n| --- | --- |"));
    for (metric, sentence) in rows {
        line(page, format_args!("| `{metric}` | {sentence} |"));
    }
}

/// In the order of the events, which is that of a node's life.
fn events_table(page: &mut String) {
    line(
        page,
        format_args!(
            "\n## Counters of a node\n\n| metric | event in the log | what it counts |\n| --- | --- | --- |"
        ),
    );
    for (event, metric) in Event::TABLE {
        let sentence =
            NODE_COUNTERS.iter().find(|(name, _)| name == metric).map_or("", |(_, sentence)| sentence);
        line(page, format_args!("| `{metric}` | `{event}` | {sentence} |"));
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a text cannot fail.
    let _written = writeln!(page, "{text}");
}

const HEAD: &str = "# Metrics

<!-- Generated from crates/trunkline/src/metrics_page.rs by `cargo xtask docs`; a test compares the two. -->

`GET /metrics` gives Prometheus' text: of a node at `api.listen`, of a gateway at `gateway.api`, of `trunkline up` at the port after the gateway's.
It needs no key.
What happens is said in one way: an event gives one log line (the field `event`) and counts under one name.
A counter appears with its first count, so a missing one is 0.
In `trunkline up` all nodes of the process count together; gauges name their node.
";
