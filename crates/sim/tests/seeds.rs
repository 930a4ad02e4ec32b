//! What the simulator is for: many seeds that must keep their word, the same seed twice, broken rules that must be noticed, and
//! seeds that once found something.
//!
//! Run by `cargo xtask test` in the profile `sim`, with `--features whole`.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that goes wrong panics, and says what it saw, its own functions too"
)]

use std::collections::BTreeMap;
use std::ops::Range;

use node::sabotage::Sabotage;
use sim::fault::{Fault, Planned};
use sim::many::run_many;
use sim::plan::Plan;
use sim::run::{Outcome, run};
use sim::summary::Summary;
use sim::words::Words;

const MINUTES: u64 = 10;
const NODES: usize = 3;
/// Seeds of `cargo xtask test`.
const SEEDS: u64 = 200;
/// Of these, seeds in each of the other ways to run a cluster.
const OTHER_SEEDS: u64 = 20;
/// Seeds after which a broken rule must have been noticed.
const SABOTAGED_SEEDS_MAX: u64 = 20;

fn plan(seed: u64) -> Plan {
    Plan::of(seed, MINUTES, NODES)
}

fn told(seed: u64, outcome: &Outcome, command: &str) -> String {
    let verdict = outcome.verdict.clone().of_run(seed, command);
    format!("{verdict}{}", outcome.defects.join("\n"))
}

/// What came of seeds that were all to keep their word, run as the command line would with these words; each is looked at.
fn all_keep_their_word(words: &str, seeds: Range<u64>, mut look: impl FnMut(&Outcome)) -> Summary {
    let words = Words::read(words.split_whitespace().map(str::to_owned)).expect("words of the verb");
    let mut summary = Summary::default();
    let mut failures = Vec::new();
    run_many(
        seeds,
        |seed| words.plan(seed),
        |seed, outcome| {
            summary.add(seed, &outcome);
            look(&outcome);
            if !outcome.is_good() {
                failures.push(told(seed, &outcome, &words.command(seed)));
            }
            true
        },
    );
    println!("{summary}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    summary
}

#[test]
fn two_hundred_seeds_of_ten_minutes_keep_their_word_and_each_saw_enough() {
    let summary = all_keep_their_word("", 0..SEEDS, |_| {});
    // Over all runs, every kind of fault was there, and every road was taken.
    let counts = summary.counts();
    assert!(counts.old_receipts > 0 && counts.caught_up > 0, "{summary}");
    let kinds = [
        "crash",
        "crash-at",
        "drain",
        "stand-still",
        "directory-hangs",
        "directory-away",
        "directory-flaky",
        "directory-wiped",
        "directory-fails-over",
        "bus-away",
        "bus-refuses",
        "inbox-dead",
        "bus-loses",
        "bus-repeats",
        "bus-delays",
        "store-away",
        "store-hangs",
        "store-flaky",
        "store-slow",
    ];
    for kind in kinds {
        assert!(summary.faults(kind) > 0, "no {kind}: {summary}");
    }
    let events = [
        "caught_up",
        "head_remembered",
        "boot_vanished",
        "boot_reaped",
        "lease_lost",
        "bindings_restored",
        "sessions_displaced",
        "envelope_expired",
        "envelope_misplaced",
        "inbox_was_deaf",
        "directory_back",
        "crashed_at_a_point",
        "members_changed",
    ];
    for event in events {
        assert!(summary.said(event) > 0, "no {event}: {summary}");
    }
    let codes = [1000, 1001, 1006, 4001, 4500];
    for code in codes {
        assert!(counts.closed.contains_key(&code), "no session was closed with {code}: {summary}");
    }
}

#[test]
fn where_a_user_may_have_one_session_or_any_number_the_word_is_kept_too() {
    for (words, replaces) in [("--devices single", true), ("--devices many", false)] {
        let summary = all_keep_their_word(words, 0..OTHER_SEEDS, |_| {});
        assert_eq!(summary.counts().closed.contains_key(&4500), replaces, "{words}: {summary}");
    }
}

#[test]
fn where_the_messages_of_groups_go_to_every_node_the_word_is_kept_too() {
    all_keep_their_word("--broadcasts", 0..OTHER_SEEDS, |outcome| {
        let asked = outcome.calls.get(&("directory", "read interest"));
        assert_eq!(asked, None, "nobody is asked who has members");
    });
}

#[test]
fn the_same_seed_twice_gives_the_same_facts_byte_for_byte() {
    for seed in [0, 1, 2, 3, 1_000_003] {
        let (one, other) = (run(&plan(seed), None), run(&plan(seed), None));
        let (one, other) = (one.facts.to_ndjson(), other.facts.to_ndjson());
        let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert!(one == other, "seed {seed}: {differing:?}");
    }
}

/// Seeds beyond those above that once found something: with nodes that stand still, or without as it was before there were any; and what.
const FOUND: [(u64, Stands, &str); 4] = [
    (
        418,
        Stands::Never,
        "a session was shown the first message of a log, which it had sent itself before it was live",
    ),
    (
        2519,
        Stands::Never,
        "the judge took somebody for a member who joined in the moment in which a message was sent",
    ),
    (
        2373,
        Stands::Sometimes,
        "the judge did not know of a login that had waited long at a node that stood still",
    ),
    (
        3049,
        Stands::Sometimes,
        "the judge did not know of a login that still waited at a node that stood still",
    ),
];

/// Whether nodes stand still.
enum Stands {
    Never,
    Sometimes,
}

#[test]
fn seeds_that_once_found_something_keep_their_word() {
    for (seed, stands, found) in FOUND {
        println!("again, {found}?");
        let stays = |planned: &Planned| match stands {
            Stands::Never => !matches!(planned.fault, Fault::StandStill { .. }),
            Stands::Sometimes => true,
        };
        let faults = plan(seed).faults;
        let places = faults.iter().enumerate().filter(|(_, planned)| stays(planned));
        let places: Vec<String> = places.map(|(place, _)| place.to_string()).collect();
        all_keep_their_word(&format!("--only {}", places.join(",")), seed..seed + 1, |_| {});
    }
}

/// Runs seeds until the judge notices.
fn is_noticed(sabotage: Sabotage) {
    let (name, check) = (sabotage.name(), sabotage.caught_as());
    let broken = |seed| Plan { sabotage: Some(name.to_owned()), ..plan(seed) };
    let mut caught = BTreeMap::new();
    for seed in 0..SABOTAGED_SEEDS_MAX {
        let outcome = run(&broken(seed), None);
        for found in outcome.verdict.caught_by() {
            *caught.entry(found.name()).or_insert(0) += 1;
        }
        if caught.contains_key(check) {
            return;
        }
    }
    panic!("{name} was not noticed as {check} in {SABOTAGED_SEEDS_MAX} seeds, but as {caught:?}");
}

#[test]
fn a_receipt_before_the_commit_is_noticed() {
    is_noticed(Sabotage::ReceiptBeforeCommit);
}

#[test]
fn a_release_without_the_session_is_noticed() {
    is_noticed(Sabotage::ReleaseWithoutSession);
}

#[test]
fn a_missing_order_check_is_noticed() {
    is_noticed(Sabotage::NoOrderCheck);
}

#[test]
fn missing_deduplication_is_noticed() {
    is_noticed(Sabotage::NoDeduplication);
}

#[test]
fn a_post_without_catch_up_is_noticed() {
    is_noticed(Sabotage::PostWithoutCatchUp);
}

#[test]
fn an_eviction_by_user_is_noticed() {
    is_noticed(Sabotage::EvictByUser);
}
