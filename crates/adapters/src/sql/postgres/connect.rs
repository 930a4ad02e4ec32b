//! Connections to PostgreSQL: to the first host that takes writes, with the settings that our statements and our patience need.

use std::fmt;
use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection, Error};
use tokio::time::timeout;

use super::standing;
use crate::sql::link::Link;

/// For one host, from the first packet to a connection that is ready. A hanging server takes connections and says nothing.
const CONNECT_WAIT: Duration = Duration::from_millis(1_500);

/// What is set on every connection, where the server knows it; all in the units that PostgreSQL gives them.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    // Milliseconds. Nobody waits longer than five seconds for an answer; a row that another session holds is given up before the statement is,
    // and a node that stands still in a transaction loses it before others give up waiting for its rows.
    ("statement_timeout", "4500"),
    ("lock_timeout", "4000"),
    ("idle_in_transaction_session_timeout", "3000"),
    // A node that vanished without a word must not hold its rows for the two hours that the system waits by default. Seconds, and milliseconds.
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
    ("client_connection_check_interval", "1000"),
    // Every statement of ours finds its rows by an index. A plan made while the tables were small would be kept while they grow,
    // and one for these very values is never better.
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // Tables are joined in the order in which a statement names them: from the question to what it asks for.
    ("join_collapse_limit", "1"),
    ("jit", "off"),
];

/// Where the database is, and as whom it is entered.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Names or addresses, and ports; with several, the first that takes writes is used.
    pub hosts: Vec<(String, u16)>,
    /// The user.
    pub user: String,
    /// The user's password, where it is asked for one.
    pub password: Option<String>,
    /// The name of the database.
    pub database: String,
}

/// Without user and password, for errors and logs.
impl fmt::Display for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        write!(f, "{}/{}", hosts.join(","), self.database)
    }
}

/// A connection to the host that takes writes, and what a person should know of that server.
pub(super) async fn connect(options: &PostgresOptions) -> Result<(PgConnection, Option<String>), Error> {
    let mut last = Error::Configuration("there is no host".into());
    for (host, port) in &options.hosts {
        let connecting = async {
            let mut link = enter(options, host, *port).await?;
            link.rows(settings(), vec![]).await?;
            let note = standing::look(&mut link).await?;
            Ok((link, note))
        };
        match timeout(CONNECT_WAIT, connecting).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => last = error,
            Err(_) => {
                let told = format!("{host}:{port} does not answer within {CONNECT_WAIT:?}");
                last = io::Error::new(io::ErrorKind::TimedOut, told).into();
            }
        }
    }
    Err(last)
}

/// A connection for what may take long, such as changing tables.
pub(super) async fn connect_without_limits(options: &PostgresOptions) -> Result<PgConnection, Error> {
    let (mut link, _) = connect(options).await?;
    for setting in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
        link.rows("SELECT set_config($1, '0', false)", vec![setting.into()]).await?;
    }
    Ok(link)
}

async fn enter(options: &PostgresOptions, host: &str, port: u16) -> Result<PgConnection, Error> {
    // Everything is said, so that no variable of the environment says it.
    let entering = PgConnectOptions::new_without_pgpass()
        .host(host)
        .port(port)
        .username(&options.user)
        .password(options.password.as_deref().unwrap_or_default())
        .database(&options.database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("trunkline")
        .disable_statement_logging();
    PgConnection::connect_with(&entering).await
}

fn settings() -> String {
    let settings: Vec<String> =
        SETTINGS.iter().map(|(name, value)| format!("('{name}', '{value}')")).collect();
    // Older servers do not know all of them.
    format!(
        "SELECT set_config(s.name, w.value, false) FROM (VALUES {}) AS w (name, value) JOIN pg_settings s ON s.name = w.name",
        settings.join(", ")
    )
}
