//! What cannot be seen from outside: plans, a full disk, drafts that the database refuses, what a message costs.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use ports::store::{Denied, Draft, PageQuery, Reader, StoreError};
use ports::{Retry, Store};
use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, Row as _};
use wire::Target;
use wire::frame::Range;
use wire::id::{ConversationId, GroupId, UserId};

use super::*;
use crate::sql::rows::{Conversation, conversation_values};
use crate::sql::statements;

fn user(number: usize) -> UserId {
    number.to_string().parse().unwrap()
}

fn draft(id: usize, to: Target, content: &str) -> Draft {
    let ambient = Ambient::system();
    Draft {
        from: user(1),
        id: format!("id-{id}").parse().unwrap(),
        listed: false,
        to,
        content: RawValue::from_string(content.to_owned()).unwrap().into(),
        message_id: ambient.message_id(),
        time_ms: ambient.clock.unix_ms(),
        members_only: true,
    }
}

/// How many messages `1` and `2` have said, after a check that there is no hole.
async fn whole_log(store: &SqliteStore) -> usize {
    let conversation = "d:1:2".parse().unwrap();
    let (items_max, bytes_max) = (100_000, usize::MAX);
    let query = PageQuery { conversation, reader: Reader::All, range: Range::Latest, items_max, bytes_max };
    let page = store.pages(&[query]).await.unwrap().pop().unwrap().unwrap();
    let seqs: Vec<u64> = page.messages.iter().filter_map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=page.head).collect::<Vec<_>>());
    seqs.len()
}

/// A connection of somebody else's to the file.
async fn stranger(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let folder = testkit::scratch::folder("sqlite-plans");
    let path = folder.path().join("plans.db");
    let store = SqliteStore::open(&path, &Ambient::system()).await.unwrap();
    let mut link = stranger(&path).await;
    let tables = ["m", "p", "c", "messages", "places", "conversations", "own_messages"];
    let mut plans = Vec::new();
    let found_by_key = statements::SQLITE.found_by_key().into_iter();
    let found_by_key = found_by_key.map(|(name, statement)| (name, statement.to_owned()));
    let inserts = statements::SQLITE.inserts().into_iter();
    let inserts = inserts.map(|(name, insert)| (name, insert.of_values(2).text.into_owned()));
    for (name, statement) in found_by_key.chain(inserts) {
        let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        for row in sqlx::query(explained).fetch_all(&mut link).await.unwrap() {
            let step: String = row.get("detail");
            let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            assert!(!scanned.is_some_and(|table| tables.contains(&table)), "{name}: {step}");
            plans.push(format!("{name}: {step}"));
        }
    }
    for expected in [
        "pages: SEARCH m USING INDEX sqlite_autoindex_messages_1 (conversation=? AND seq>? AND seq<?)",
        "said_before: SEARCH m USING INDEX sqlite_autoindex_messages_1 (conversation=? AND seq=?)",
        "members: SEARCH p USING COVERING INDEX places_by_conversation (conversation=?)",
        "groups: SEARCH p USING PRIMARY KEY (user_id=? AND conversation>? AND conversation<?)",
    ] {
        assert!(plans.iter().any(|step| step == expected), "{expected} is not among {plans:#?}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_commit_waits_for_the_disk_and_the_log_is_written_ahead() {
    let folder = testkit::scratch::folder("sqlite-pragmas");
    let store = SqliteStore::open(folder.path().join("p.db"), &Ambient::system()).await.unwrap();
    let (mut link, _) = store.backend.connect().await.unwrap();
    for (pragma, expected) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1)] {
        let rows = link.rows(pragma, vec![]).await.unwrap();
        assert_eq!(rows.first().unwrap().number(0).unwrap(), expected, "{pragma}");
    }
    let rows = link.rows("PRAGMA journal_mode", vec![]).await.unwrap();
    assert_eq!(rows.first().unwrap().text(0).unwrap(), "wal");
    store.close().await;
}

/// However many rows there are: to prepare a statement takes as long as to run it.
#[tokio::test]
async fn an_insert_of_any_size_is_made_of_the_same_few_prepared_statements() {
    let folder = testkit::scratch::folder("sqlite-pieces");
    let store = SqliteStore::open(folder.path().join("p.db"), &Ambient::system()).await.unwrap();
    let (mut link, _) = store.backend.connect().await.unwrap();
    let mut prepared = Vec::new();
    let mut names = 0..;
    for size in [255, 1, 2, 3, 77, 128, 254, 256, 1_000] {
        let rows = names.by_ref().take(size).map(|name| {
            let name: ConversationId = format!("d:0:{name}").parse().unwrap();
            let conversation = Conversation::unsaid(&name);
            (name, conversation)
        });
        let rows: Vec<(ConversationId, Conversation)> = rows.collect();
        let rows = rows.iter().map(|(name, conversation)| (name, conversation));
        link.insert(vec![conversation_values(statements::SQLITE.put_conversations, rows)]).await.unwrap();
        prepared.push(link.cached_statements_size());
    }
    assert!(prepared.iter().all(|count| *count == prepared[0]), "{prepared:?}");
    let rows = link.rows("SELECT count(*) FROM conversations", vec![]).await.unwrap();
    assert_eq!(rows[0].number(0).unwrap(), names.start, "each row once");
    store.close().await;
}

/// The writer remembers places between its transactions, and no group change may pass it by.
#[tokio::test]
async fn who_was_removed_from_a_group_may_speak_there_again_only_as_a_new_member() {
    let folder = testkit::scratch::folder("sqlite-remembered");
    let store = SqliteStore::open(folder.path().join("r.db"), &Ambient::system()).await.unwrap();
    let group: GroupId = "g".parse().unwrap();
    let to = || Target::Group(group.clone());
    let unread = async || store.arrive(&[user(1)], 10).await.unwrap().pop().unwrap().items;
    store.put_group(&group, Some(&[user(1), user(2)])).await.unwrap();
    store.append(draft(1, to(), "1")).await.unwrap();
    store.remove_members(&group, &[user(1)]).await.unwrap();
    let refused = store.append(draft(2, to(), "1")).await;
    assert!(matches!(refused, Err(StoreError::Denied(Denied::Forbidden))), "{refused:?}");
    let other = Draft { from: user(2), ..draft(3, to(), "1") };
    store.append(other).await.unwrap();
    store.add_members(&group, &[user(1)], false).await.unwrap();
    assert_eq!(unread().await, [], "what was said before is not a new member's to read");
    assert_eq!(store.append(draft(4, to(), "1")).await.unwrap().message.seq, Some(3));
    assert_eq!(unread().await, []);
    store.close().await;
}

/// Sends are taken for fresh ones until the insert says otherwise; all of these are under way at once.
#[tokio::test]
async fn a_send_that_was_kept_before_is_kept_once_among_fresh_ones_of_the_same_transaction() {
    let folder = testkit::scratch::folder("sqlite-repeats");
    let store = SqliteStore::open(folder.path().join("r.db"), &Ambient::system()).await.unwrap();
    let send = |id: usize, content| store.append(draft(id, Target::User(user(2)), content));
    let first = send(7, "7").await.unwrap();
    let (again, other, fresh) =
        tokio::join!(send(7, "7"), send(7, "8"), join_all((10..30).map(|id| send(id, "1"))));
    let again = again.unwrap();
    assert!(!again.fresh && again.message.message_id == first.message.message_id, "{again:?}");
    assert!(matches!(other, Err(StoreError::Denied(Denied::Conflict))), "{other:?}");
    assert!(fresh.iter().all(|sent| sent.as_ref().is_ok_and(|sent| sent.fresh)), "{fresh:?}");
    assert_eq!(whole_log(&store).await, 21);
    store.close().await;
}

#[tokio::test]
async fn one_who_may_no_longer_speak_is_still_told_what_became_of_a_send() {
    let folder = testkit::scratch::folder("sqlite-denied");
    let store = SqliteStore::open(folder.path().join("d.db"), &Ambient::system()).await.unwrap();
    let group: GroupId = "g".parse().unwrap();
    let to = || Target::Group(group.clone());
    store.put_group(&group, Some(&[user(1), user(2)])).await.unwrap();
    let first = store.append(draft(1, to(), "1")).await.unwrap();
    store.remove_members(&group, &[user(1)]).await.unwrap();
    let again = store.append(draft(1, to(), "1")).await.unwrap();
    assert!(!again.fresh && again.message.seq == first.message.seq, "{again:?}");
    let other = store.append(draft(2, to(), "1")).await;
    assert!(matches!(other, Err(StoreError::Denied(Denied::Forbidden))), "{other:?}");
    store.close().await;
}

/// A limit on pages stands for the disk: SQLite says the same.
#[tokio::test]
async fn a_full_disk_refuses_sends_and_heals_when_there_is_room_again() {
    const PAGES_MAX: u32 = 60;
    let folder = testkit::scratch::folder("sqlite-full");
    let path = folder.path().join("full.db");
    let store = SqliteStore::open_with(&path, &Ambient::system(), PAGES_MAX).await.unwrap();
    let content = format!("\"{}\"", "x".repeat(9_000));
    let to = || Target::User(user(2));
    let mut kept = 0;
    let error = loop {
        match store.append(draft(kept, to(), &content)).await {
            Ok(_) => kept += 1,
            Err(StoreError::Port(error)) => break error,
            Err(StoreError::Denied(denied)) => panic!("{denied}"),
        }
        assert!(kept < 1_000, "the disk is never full");
    };
    assert!(kept > 5, "{kept}");
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
    assert!(error.chain().contains("full"), "{}", error.chain());
    assert!(!store.state().up);
    assert_eq!(whole_log(&store).await, kept, "what was kept can be read meanwhile, and nothing else");
    assert!(store.append(draft(kept, to(), &content)).await.is_err(), "still full");

    store.backend.pages_max.store(0, Ordering::Relaxed);
    let down = async || store.state().up;
    testkit::poll::until("the store notices by itself", Duration::from_secs(10), down).await;
    let appended = store.append(draft(kept, to(), &content)).await.unwrap();
    assert_eq!((appended.fresh, appended.message.seq), (true, Some(kept as u64 + 1)));
    assert_eq!(whole_log(&store).await, kept + 1);
    store.close().await;
}

#[tokio::test]
async fn a_draft_that_the_database_refuses_fails_alone() {
    let folder = testkit::scratch::folder("sqlite-refused");
    let path = folder.path().join("refused.db");
    let store = SqliteStore::open(&path, &Ambient::system()).await.unwrap();
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN NEW.content = '\"cursed\"' \
        BEGIN SELECT RAISE(ABORT, 'cursed'); END";
    stranger(&path).await.run(trigger, vec![]).await.unwrap();
    // All are under way before the writer gets to work, so they share a transaction.
    let content = |id: usize| if id % 7 == 3 { "\"cursed\"" } else { "\"fine\"" };
    let sends = (0..50).map(|id| store.append(draft(id, Target::User(user(2)), content(id))));
    let results = join_all(sends).await;
    for (id, result) in results.iter().enumerate() {
        match result {
            Ok(_) => assert_eq!(content(id), "\"fine\""),
            Err(StoreError::Denied(Denied::Unacceptable)) => assert_eq!(content(id), "\"cursed\""),
            Err(error) => panic!("{id}: {error}"),
        }
    }
    assert_eq!(whole_log(&store).await, 43);
    assert!(store.state().up, "a refusal is no outage");
    store.close().await;
}

#[tokio::test]
async fn a_closed_store_finishes_what_waits_and_takes_nothing_more() {
    let folder = testkit::scratch::folder("sqlite-close");
    let path = folder.path().join("close.db");
    let store = SqliteStore::open(&path, &Ambient::system()).await.unwrap();
    // More than the queue and a transaction hold.
    let sends = join_all((0..2_000).map(|id| store.append(draft(id, Target::User(user(2)), "1"))));
    let (results, ()) = tokio::join!(sends, store.close());
    assert!(results.iter().all(Result::is_ok));
    let late = store.append(draft(9_999, Target::User(user(2)), "1")).await;
    assert!(matches!(late, Err(StoreError::Port(_))));
    let again = SqliteStore::open(&path, &Ambient::system()).await.unwrap();
    assert_eq!(whole_log(&again).await, 2_000);
    again.close().await;
}

#[tokio::test]
async fn a_group_message_writes_no_row_per_member() {
    let folder = testkit::scratch::folder("sqlite-fan-out");
    let path = folder.path().join("group.db");
    let store = SqliteStore::open(&path, &Ambient::system()).await.unwrap();
    let group: GroupId = "g".parse().unwrap();
    let members: Vec<UserId> = (1..=3_000).map(user).collect();
    store.put_group(&group, Some(&members)).await.unwrap();
    let mut link = stranger(&path).await;
    let mut rows = async || -> BTreeSet<String> {
        let places = "SELECT user_id || ' ' || read_seq || ' ' || own_above FROM places";
        let found = link.rows(places, vec![]).await.unwrap();
        found.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
    };
    let before = rows().await;
    for id in 0..3 {
        store.append(draft(id, Target::Group(group.clone()), "1")).await.unwrap();
    }
    let after = rows().await;
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), ["1 3 0"], "only the sender's cursor moves");
    store.close().await;
}

#[tokio::test]
async fn a_file_of_a_newer_or_another_kind_is_refused_at_once() {
    let folder = testkit::scratch::folder("sqlite-other");
    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "this is a letter, not a database, and it is long enough to be read as one. ".repeat(50),
    )
    .unwrap();
    let newer = folder.path().join("newer.db");
    SqliteStore::open(&newer, &Ambient::system()).await.unwrap().close().await;
    stranger(&newer).await.run("UPDATE _sqlx_migrations SET version = 999", vec![]).await.unwrap();
    for path in [text, newer, folder.path().to_owned()] {
        let error = SqliteStore::open(&path, &Ambient::system()).await.err().unwrap();
        assert_eq!(error.retry, Retry::Never, "{}", error.chain());
        assert!(error.chain().contains(&path.display().to_string()), "{}", error.chain());
    }
}
