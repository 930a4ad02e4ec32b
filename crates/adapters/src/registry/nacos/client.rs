//! A client of the SDK with what the SDK lacks: a limit on every call, a build that waits for the server, a new login when a call was refused.
//!
//! Dropping it ends nothing: the SDK keeps its connection, and what was registered over it, until it is deregistered or the relay ends.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use nacos_sdk::api::error::Error as SdkError;
use nacos_sdk::api::naming::{NamingEventListener, NamingService, NamingServiceBuilder, ServiceInstance};
use nacos_sdk::api::props::ClientProps;
use ports::registry::Instance;
use ports::{PortError, SeamState};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::health::{Health, View};
use super::listing;
use super::login::{Login, Outcome};
use super::relay::Relay;
use super::{NacosOptions, SEAM};

/// One call; a Nacos that is well answers within tenths of a second, and the SDK waits for ever.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(3);
/// A build that takes longer is reported, but waited for: each new one would leave the remains of the last behind.
const BUILD_LIMIT: Duration = Duration::from_secs(5);
/// Between two builds.
const BUILD_PAUSE: Duration = Duration::from_millis(500);

/// What all clients of a registry share.
pub(super) struct Shared {
    pub(super) options: NacosOptions,
    pub(super) login: Option<Arc<Login>>,
    pub(super) health: Health,
    relay_port: OnceCell<u16>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// One connection to Nacos.
pub(super) struct Client {
    shared: Arc<Shared>,
    naming: NamingService,
    // The SDK insists on a folder for lists that we do not read; one of its own for each client, or they disturb each other.
    _folder: Option<TempDir>,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("refused (403): {0}")]
    Forbidden(String),
    #[error("{0}")]
    Away(String),
}

impl Shared {
    /// Everything that is spawned ends with `stop`.
    pub(super) fn new(options: NacosOptions, stop: CancellationToken) -> Shared {
        let login = options.user.clone().map(|user| {
            let password = options.password.clone().unwrap_or_default();
            Arc::new(Login::new(options.servers.clone(), user, password))
        });
        let health = Health::new(options.addresses());
        Shared { options, login, health, relay_port: OnceCell::new(), tasks: TaskTracker::new(), stop }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(task).await });
    }

    /// The port on loopback that leads to Nacos.
    async fn relay_port(&self) -> std::io::Result<u16> {
        let open = || async {
            let relay = Relay::open(&self.options.servers).await?;
            let port = relay.port()?;
            self.spawn(relay.run());
            Ok(port)
        };
        self.relay_port.get_or_try_init(open).await.copied()
    }

    pub(super) fn state(&self) -> SeamState {
        match self.refusal() {
            Some(refusal) => SeamState::down(refusal),
            None => self.health.state(),
        }
    }

    /// What to tell a person when the user's login was refused; names no password.
    pub(super) fn refusal(&self) -> Option<String> {
        let login = self.login.as_ref().filter(|login| login.outcome() == Outcome::Refused)?;
        let (addresses, user) = (self.options.addresses(), login.user());
        Some(format!("Nacos at {addresses} refuses user `{user}` or its password"))
    }

    pub(super) fn error(&self, during: &'static str, why: impl Into<String>) -> PortError {
        match self.refusal() {
            Some(refusal) => PortError::refused(SEAM, during, refusal),
            None => PortError::outage(SEAM, during, why.into()),
        }
    }
}

impl Client {
    /// Builds one, however long the server is away.
    pub(super) async fn build(shared: &Arc<Shared>) -> Client {
        loop {
            match Client::try_build(shared).await {
                Ok(client) => return client,
                Err(why) => shared.health.note(View::Reading, Err(why)),
            }
            sleep(BUILD_PAUSE).await;
        }
    }

    async fn try_build(shared: &Arc<Shared>) -> Result<Client, String> {
        let port = shared.relay_port().await.map_err(|error| format!("no loopback port: {error}"))?;
        let folder = tempfile::Builder::new().prefix("trunkline-nacos-").tempdir().ok();
        let mut building = std::pin::pin!(builder(shared, port, folder.as_ref()).build());
        let built = match timeout(BUILD_LIMIT, &mut building).await {
            Ok(built) => built,
            Err(_) => {
                shared.health.note(View::Reading, Err(format!("no answer within {BUILD_LIMIT:?}")));
                building.await
            }
        };
        let naming = built.map_err(|error| one_line(&error))?;
        Ok(Client { shared: shared.clone(), naming, _folder: folder })
    }

    pub(super) async fn register(&self, instance: &Instance, weight: f64) -> Result<(), Failure> {
        let NacosOptions { group, cluster, .. } = &self.shared.options;
        let entry = listing::entry(instance, cluster, weight);
        let call = self.naming.register_instance(instance.service.clone(), Some(group.clone()), entry);
        self.limited(View::Writing, call).await
    }

    pub(super) async fn deregister(&self, instance: &Instance) -> Result<(), Failure> {
        let NacosOptions { group, cluster, .. } = &self.shared.options;
        let entry = listing::entry(instance, cluster, instance.weight);
        let call = self.naming.deregister_instance(instance.service.clone(), Some(group.clone()), entry);
        self.limited(View::Writing, call).await
    }

    /// What the server itself says now, past every cache of the SDK.
    pub(super) async fn list(&self, service: &str) -> Result<Vec<ServiceInstance>, Failure> {
        let group = Some(self.shared.options.group.clone());
        let call = self.naming.get_all_instances(service.to_owned(), group, Vec::new(), false);
        self.limited(View::Reading, call).await
    }

    /// Asks for pushes. The SDK says nothing of how that went, so nothing may depend on it.
    pub(super) async fn subscribe(&self, service: &str, listener: Arc<dyn NamingEventListener>) {
        let group = Some(self.shared.options.group.clone());
        let call = self.naming.subscribe(service.to_owned(), group, Vec::new(), listener);
        if timeout(CALL_LIMIT, call).await.is_err() {
            tracing::debug!(service, "a subscription is not confirmed yet");
        }
    }

    async fn limited<T>(
        &self,
        view: View,
        call: impl Future<Output = Result<T, SdkError>>,
    ) -> Result<T, Failure> {
        let outcome = match timeout(CALL_LIMIT, call).await {
            Ok(answered) => answered.map_err(|error| Failure::of(&error)),
            Err(_) => Err(Failure::Away(format!("no answer within {CALL_LIMIT:?}"))),
        };
        if let (Err(Failure::Forbidden(_)), Some(login)) = (&outcome, &self.shared.login) {
            login.renew().await;
        }
        self.shared.health.note(view, outcome.as_ref().map(|_| ()).map_err(|failure| self.explain(failure)));
        outcome
    }

    fn explain(&self, failure: &Failure) -> String {
        match (failure, &self.shared.login) {
            (Failure::Forbidden(_), None) => {
                "it asks for a user: write nacos://USER:PASSWORD@HOST:PORT".to_owned()
            }
            (Failure::Forbidden(_), Some(login)) => match login.outcome() {
                Outcome::Away(what) => format!("no login: {what}"),
                _ => format!("user `{}` may not do this", login.user()),
            },
            (Failure::Away(why), _) => why.clone(),
        }
    }
}

impl Failure {
    /// Java Nacos refuses a list with an answer that the SDK cannot read; other refusals carry the code in their text.
    fn of(error: &SdkError) -> Failure {
        let forbidden = match error {
            SdkError::ErrResponse(_, _, code, _) => *code == 403,
            SdkError::ErrResult(text) => text.contains("error_code=403"),
            SdkError::Serialization(error) => error.to_string().contains("serviceInfo"),
            _ => false,
        };
        if forbidden { Failure::Forbidden(one_line(error)) } else { Failure::Away(one_line(error)) }
    }
}

fn builder(shared: &Shared, port: u16, folder: Option<&TempDir>) -> NamingServiceBuilder {
    let options = &shared.options;
    let cache = folder
        .map_or_else(|| std::env::temp_dir().join("trunkline-nacos"), |folder| folder.path().to_owned());
    let props = ClientProps::new()
        // What the environment, or an .env file that the SDK reads into it, says of Nacos is not ours.
        .env_first(false)
        .server_addr(format!("127.0.0.1:{port}"))
        .remote_grpc_port(port)
        .namespace(options.namespace.clone())
        .app_name("trunkline")
        .cache_dir(cache)
        // A server that is away must not fail the start; the folder is new, so nothing old is loaded.
        .load_cache_at_start(true)
        // Its protection hides the end of the last instance for ever; the gateway has a grace of its own.
        .naming_push_empty_protection(false);
    let builder = NamingServiceBuilder::new(props);
    match &shared.login {
        Some(login) => builder.with_auth_plugin(login.clone()),
        None => builder,
    }
}

fn one_line(error: &SdkError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_an_outage_however_the_server_says_it() {
        let unreadable = serde_json::from_str::<ServiceInstance>("{}").unwrap_err();
        assert!(matches!(Failure::of(&SdkError::Serialization(unreadable)), Failure::Away(_)));
        let java = serde::de::Error::custom("missing field `serviceInfo`");
        for refusal in [
            SdkError::Serialization(java),
            SdkError::ErrResponse(None, 500, 403, None),
            SdkError::ErrResult("handle x failed: result_code=500, error_code=403, message=".to_owned()),
        ] {
            assert!(matches!(Failure::of(&refusal), Failure::Forbidden(_)), "{refusal}");
        }
    }
}
