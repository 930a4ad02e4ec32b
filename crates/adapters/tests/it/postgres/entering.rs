//! Who may not enter is told so at once, without a word of the password; who cannot reach anybody may wait.

use adapters::sql::{PostgresOptions, PostgresStore};
use ports::{Ambient, PortError, Retry, Store};
use testkit::servers::Postgres;

use super::setup::{fresh_database, log, options, server, user};
use crate::sqlite::draft;

async fn refused(options: PostgresOptions) -> PortError {
    PostgresStore::open(options, &Ambient::system()).await.err().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_ends_a_start_and_is_not_said() {
    let right = "right%20 'secret'";
    let server = Postgres::start_with_password(right).await;
    let url = format!("postgres://trunkline@127.0.0.1:{}/trunkline", server.port());
    for password in [None, Some("wrong-secret".to_owned())] {
        let error = refused(PostgresOptions { password, ..options(&url) }).await;
        assert_eq!(error.retry, Retry::Never, "{}", error.chain());
        assert!(error.chain().contains("password"), "{}", error.chain());
        assert!(!error.chain().contains("secret") && !format!("{error:?}").contains("secret"), "{error:?}");
    }
    let entering = PostgresOptions { password: Some(right.to_owned()), ..options(&url) };
    let node = PostgresStore::open(entering, &Ambient::system()).await.unwrap();
    node.append(draft("1", user("2"), "first", 1)).await.unwrap();
    assert_eq!(log(&*node, "d:1:2").await.len(), 1);
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_must_mend_is_told_apart_from_what_may_pass() {
    let url = fresh_database("entering").await;
    let database = url.rsplit('/').next().unwrap().to_owned();
    let missing = refused(PostgresOptions { database: "nowhere".to_owned(), ..options(&url) }).await;
    assert_eq!(missing.retry, Retry::Never);
    assert!(missing.chain().contains("nowhere"), "{}", missing.chain());

    server().await.execute("CREATE USER reader").await;
    let reader = refused(PostgresOptions { user: "reader".to_owned(), ..options(&url) }).await;
    assert_eq!(reader.retry, Retry::Never, "may make no tables: {}", reader.chain());

    let hosts = vec![("127.0.0.1".to_owned(), testkit::ports::free())];
    let away = refused(PostgresOptions { hosts, ..options(&url) }).await;
    assert!(matches!(away.retry, Retry::After(_)), "{}", away.chain());

    server()
        .await
        .execute("CREATE DATABASE latin ENCODING LATIN1 LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
        .await;
    let latin = refused(PostgresOptions { database: "latin".to_owned(), ..options(&url) }).await;
    assert_eq!(latin.retry, Retry::Never);
    assert!(latin.chain().contains("LATIN1"), "{}", latin.chain());

    PostgresStore::open(options(&url), &Ambient::system()).await.unwrap().close().await;
    server().await.execute_in(&database, "UPDATE _sqlx_migrations SET version = 999").await;
    let newer = refused(options(&url)).await;
    assert_eq!(newer.retry, Retry::Never, "{}", newer.chain());
}
