//! The login at a Nacos that asks for one: an `AuthPlugin` of our own.
//!
//! The one of the SDK puts the password into the URL, where servers log it, ends the process without a user, and keeps a token that the
//! server has forgotten for up to half an hour. This one posts a form, and logs in again as soon as a call was refused.
//! One login is shared by all clients of a registry. Neither password nor token is ever logged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hyper::StatusCode;
use nacos_sdk::api::plugin::{AuthContext, AuthPlugin, LoginIdentityContext, RequestResource};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::http;

/// The path that Nacos 2, Nacos 3 and rnacos all have.
const PATH: &str = "/nacos/v1/auth/login";
/// One attempt at one server; Nacos answers within tenths of a second.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(3);
/// After a refusal no sooner than this, so that nobody's account is locked by our trying.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// A token is renewed after this part of its life.
const LIFE_PART: u32 = 3;
/// No token lives longer than this for us, whatever the server says.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);

/// A user's login, and the token that came of it.
pub(super) struct Login {
    servers: Vec<String>,
    user: String,
    password: String,
    state: Mutex<State>,
    one_at_a_time: Semaphore,
}

struct State {
    token: Option<String>,
    renew_at: Instant,
    outcome: Outcome,
}

/// How the last attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// None has ended yet.
    NotYet,
    /// With a token.
    Accepted,
    /// With a no: only a person can help.
    Refused,
    /// Without an answer, or with one that is neither.
    Away(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    access_token: String,
    token_ttl: u64,
}

impl Login {
    pub(super) fn new(servers: Vec<String>, user: String, password: String) -> Login {
        let state = State { token: None, renew_at: Instant::now(), outcome: Outcome::NotYet };
        Login { servers, user, password, state: Mutex::new(state), one_at_a_time: Semaphore::new(1) }
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.state().outcome.clone()
    }

    /// For a call that was refused: the server may have forgotten the token.
    pub(super) async fn renew(&self) {
        if self.state().outcome != Outcome::Refused {
            self.state().renew_at = Instant::now();
        }
        self.log_in_if_due().await;
    }

    /// Logs in if the token is old or there is none; does nothing while another attempt is under way.
    pub(super) async fn log_in_if_due(&self) {
        let Ok(_permit) = self.one_at_a_time.try_acquire() else { return };
        if Instant::now() < self.state().renew_at {
            return;
        }
        let outcome = self.ask_servers().await;
        let mut state = self.state();
        match outcome {
            Ok(granted) => {
                let life = Duration::from_secs(granted.token_ttl).min(LIFE_MAX);
                state.token = Some(granted.access_token);
                state.renew_at = Instant::now() + life / LIFE_PART;
                state.outcome = Outcome::Accepted;
            }
            Err(outcome) => {
                if outcome == Outcome::Refused {
                    state.renew_at = Instant::now() + REFUSED_PAUSE;
                }
                state.outcome = outcome;
            }
        }
    }

    /// Asks one server after the other; a clear yes or no of any of them counts.
    async fn ask_servers(&self) -> Result<Granted, Outcome> {
        let mut last = Outcome::NotYet;
        for server in &self.servers {
            match timeout(ATTEMPT_LIMIT, self.ask(server)).await {
                Ok(Err(Outcome::Away(what))) => last = Outcome::Away(format!("{server}: {what}")),
                Ok(answered) => return answered,
                Err(_) => last = Outcome::Away(format!("{server}: no answer within {ATTEMPT_LIMIT:?}")),
            }
        }
        Err(last)
    }

    async fn ask(&self, server: &str) -> Result<Granted, Outcome> {
        let fields = [("username", self.user.as_str()), ("password", self.password.as_str())];
        let answer =
            http::post_form(server, PATH, &fields).await.map_err(|error| Outcome::Away(error.to_string()))?;
        match answer.status {
            StatusCode::OK => serde_json::from_slice(&answer.body)
                .map_err(|_| Outcome::Away("the answer to the login is not Nacos'".to_owned())),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !is_too_often(&answer.body) => {
                Err(Outcome::Refused)
            }
            status => Err(Outcome::Away(format!("the login is answered by {status}"))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// rnacos refuses the right password too when it was asked too often.
fn is_too_often(body: &[u8]) -> bool {
    body.starts_with(b"LOGIN_LIMIT")
}

/// The SDK calls [`AuthPlugin::login`] when it connects and then every 30 s.
#[async_trait]
impl AuthPlugin for Login {
    async fn login(&self, _servers: Arc<Vec<String>>, _context: Arc<AuthContext>) {
        self.log_in_if_due().await;
    }

    fn get_login_identity(&self, _resource: RequestResource) -> LoginIdentityContext {
        let identity = LoginIdentityContext::default();
        match &self.state().token {
            Some(token) => identity.add_context("accessToken", token.clone()),
            None => identity,
        }
    }
}
