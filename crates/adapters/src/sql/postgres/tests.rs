//! What cannot be seen from outside: plans, what is prepared, what the database refuses.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use ports::Store;
use ports::store::{Denied, Draft, StoreError};
use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, Row as _};
use testkit::servers::Postgres;
use wire::Target;

use super::*;
use crate::sql::ground::Ground;
use crate::sql::rosters::Rosters;
use crate::sql::statements;
use crate::sql::writes::{Mark, Question};

/// The parts of the URL of a test server that lets everybody in.
fn options(server: &Postgres) -> PostgresOptions {
    PostgresOptions {
        hosts: vec![("127.0.0.1".to_owned(), server.port())],
        user: "trunkline".to_owned(),
        password: None,
        database: "trunkline".to_owned(),
    }
}

/// A draft to one of many.
fn draft(id: usize, to: usize, content: &str) -> Draft {
    let ambient = Ambient::system();
    Draft {
        from: "0".parse().unwrap(),
        id: format!("id-{id}").parse().unwrap(),
        listed: false,
        to: Target::User(format!("to{to}").parse().unwrap()),
        content: RawValue::from_string(content.to_owned()).unwrap().into(),
        message_id: ambient.message_id(),
        time_ms: ambient.clock.unix_ms(),
        members_only: true,
    }
}

/// How a statement is worked off for whatever values, as a line a step.
async fn plan(link: &mut PgConnection, name: &str, text: &str) -> Vec<String> {
    let prepared = AssertSqlSafe(format!("PREPARE {name} AS {text}"));
    sqlx::raw_sql(prepared).execute(&mut *link).await.unwrap();
    let parameters = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = $1";
    let row = sqlx::query(parameters).bind(name).fetch_one(&mut *link).await.unwrap();
    let nothing = vec!["NULL"; usize::try_from(row.get::<i32, _>(0)).unwrap()];
    let values = if nothing.is_empty() { String::new() } else { format!(" ({})", nothing.join(", ")) };
    let explained = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE {name}{values}"));
    let rows = sqlx::raw_sql(explained).fetch_all(link).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0).trim().to_owned()).collect()
}

/// Once while the tables are as new and nothing is known of them, and once when they are full.
#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index_in_new_and_in_full_tables() {
    let server = Postgres::start().await;
    let store = PostgresStore::open(options(&server), &Ambient::system()).await.unwrap();
    for fill in ["SELECT 1", FILL] {
        server.execute(fill).await;
        let (mut link, _) = store.backend.connect().await.unwrap();
        let found = statements::POSTGRES.found_by_key().into_iter();
        let found = found.map(|(name, text)| (name, text.to_owned()));
        let inserts = statements::POSTGRES.inserts().into_iter();
        let inserts = inserts.map(|(name, insert)| (name, insert.of_lists(1)));
        for (name, text) in found.chain(inserts) {
            let plan = plan(&mut link, name, &text).await;
            let shown = plan.join("\n");
            for bad in ["Seq Scan", "Hash Join", "Merge Join", "Join Filter"] {
                assert!(!shown.contains(bad), "{name}: {shown}");
            }
            // A scan is as good as its condition: an index that is read from end to end has none.
            let scans =
                plan.iter().enumerate().filter(|(_, step)| step.contains("Index") && step.contains("Scan"));
            for (at, step) in scans {
                let condition = plan.get(at + 1).is_some_and(|next| next.starts_with("Index Cond"));
                assert!(condition, "{name}: {step} reads everything: {shown}");
            }
            let removes = name.starts_with("remove");
            let by_both =
                plan.iter().any(|step| step.contains("user_id = ") && step.contains("conversation = "));
            assert!(!removes || by_both, "{name} goes through all of a user's or a group's rows: {shown}");
        }
    }
    store.close().await;
}

/// A few thousand of everything.
const FILL: &str = "
    INSERT INTO conversations SELECT 'd:0:' || n, 10, 1, 1, 0, 1 FROM generate_series(1, 3000) n;
    INSERT INTO messages SELECT 'd:0:' || n, s, '0', n || '-' || s, '', 'm', 1, NULL, 1, '1'
        FROM generate_series(1, 3000) n, generate_series(1, 10) s;
    INSERT INTO places SELECT u::TEXT, 'd:0:' || n, 0, 0, 0 FROM generate_series(1, 3000) n, generate_series(1, 5) u;
    INSERT INTO own_messages SELECT '0', 'd:0:' || n, 1 FROM generate_series(1, 3000) n;
    ANALYZE;";

/// However many rows there are: a statement that is another text for another number would be planned again each time.
#[tokio::test]
async fn a_batch_of_any_size_is_the_same_few_prepared_statements() {
    let server = Postgres::start().await;
    let store = PostgresStore::open(options(&server), &Ambient::system()).await.unwrap();
    let (mut link, _) = store.backend.connect().await.unwrap();
    let rosters = Rosters::default();
    let mut counts = Vec::new();
    let mut sent = 0;
    for size in [1, 1, 2, 17, 64] {
        let drafts: Vec<Draft> = (0..size).map(|to| draft(sent + to, to, "1")).collect();
        sent += size;
        let drafts: Vec<&Draft> = drafts.iter().collect();
        let names: BTreeMap<_, _> = drafts.iter().map(|draft| (draft.conversation(), true)).collect();
        let mut ground = Ground::default();
        ground.take(&mut link, &names).await.unwrap();
        let answers = Draft::apply(&mut link, &rosters, &mut ground, &drafts).await.unwrap();
        assert!(answers.iter().all(Result::is_ok));
        let marks: Vec<Mark> = (0..size)
            .map(|to| Mark {
                user: format!("to{to}").parse().unwrap(),
                conversation: drafts[to].conversation(),
                seq: 1,
            })
            .collect();
        Mark::apply(&mut link, &rosters, &mut ground, &marks.iter().collect::<Vec<_>>()).await.unwrap();
        link.run("COMMIT", vec![]).await.unwrap();
        let count = "SELECT count(*), count(DISTINCT statement), sum(custom_plans)::BIGINT FROM pg_prepared_statements WHERE NOT from_sql";
        let row = link.rows(count, vec![]).await.unwrap().pop().unwrap();
        assert_eq!(row.number(0).unwrap(), row.number(1).unwrap(), "each text is prepared once");
        assert_eq!(row.number(2).unwrap(), 0, "and planned once");
        counts.push(row.number(0).unwrap());
    }
    assert!(counts.windows(2).skip(1).all(|pair| pair[0] == pair[1]), "{counts:?}");
    assert!(counts[1] < 16, "{counts:?}");
    store.close().await;
}

#[tokio::test]
async fn a_draft_that_the_database_refuses_fails_alone() {
    let server = Postgres::start().await;
    let store = PostgresStore::open(options(&server), &Ambient::system()).await.unwrap();
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE EXCEPTION 'cursed' USING ERRCODE = 'check_violation'; END $$; \
        CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.content = '\"cursed\"') EXECUTE FUNCTION refuse()";
    server.execute(refuse).await;
    // All are under way before a writer gets to work, so those of one writer share a transaction.
    let content = |id: usize| if id % 7 == 3 { "\"cursed\"" } else { "\"fine\"" };
    let sends = (0..60).map(|id| store.append(draft(id, id % 5, content(id))));
    let results = join_all(sends).await;
    for (id, result) in results.iter().enumerate() {
        match result {
            Ok(_) => assert_eq!(content(id), "\"fine\""),
            Err(StoreError::Denied(Denied::Unacceptable)) => assert_eq!(content(id), "\"cursed\""),
            Err(error) => panic!("{id}: {error}"),
        }
    }
    let fine = (0..60).filter(|id| content(*id) == "\"fine\"").count();
    assert_eq!(server.execute("SELECT count(*) FROM messages").await, fine.to_string());
    let holes = "SELECT count(*) FROM conversations c WHERE head <> (SELECT count(*) FROM messages m WHERE m.conversation = c.conversation)";
    assert_eq!(server.execute(holes).await, "0");
    assert!(store.state().up, "a refusal is no outage");
    store.close().await;
}

/// Every setting of ours is known to a server of today, and in force where it is to be.
#[tokio::test]
async fn a_connection_has_our_settings_and_ids_are_compared_byte_for_byte() {
    let server = Postgres::start().await;
    let store = PostgresStore::open(options(&server), &Ambient::system()).await.unwrap();
    let (mut link, _) = store.backend.connect().await.unwrap();
    for (name, value) in connect::SETTINGS {
        let asked = "SELECT setting FROM pg_settings WHERE name = $1";
        let row = link.rows(asked, vec![(*name).into()]).await.unwrap().pop().unwrap();
        assert_eq!(row.text(0).unwrap(), *value, "{name}");
    }
    let ids = "SELECT table_name || '.' || column_name FROM information_schema.columns \
        WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' AND table_name <> '_sqlx_migrations'";
    assert_eq!(server.execute(ids).await, "messages.content", "ids are ordered as Rust orders them");
    store.close().await;
}
