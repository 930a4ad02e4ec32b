//! The client: what everything else hangs on.
//!
//! It promises that its tasks end with it: with [`Client::close`], or when its last clone is dropped.
//! Sending is in `send.rs`, reading by offset and creating in `admin.rs`, following in `follow/`.

use std::sync::Arc;

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Config, Error, TopicRoute,
    frame::{Frame, Request},
    heartbeat::Heartbeat,
    link::{Link, Patience},
    links::Links,
    name,
    name_servers::NameServers,
    pause,
    routes::Routes,
};

/// A client of one RocketMQ cluster.
///
/// Clones are cheap and share everything.
/// When the last clone is dropped, connections close and followers end; [`Client::close`] does it politely and waits.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) core: Arc<Core>,
    /// Dropped with the last clone; tasks hold `core` only.
    _stop_when_dropped: Arc<DropGuard>,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) routes: Routes,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) brokers: Links,
    /// Followers end first, while connections are still there to say good-bye on.
    pub(crate) followers: TaskTracker,
    pub(crate) stop_followers: CancellationToken,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Client {
    /// Starts a client; it connects when it is first used.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when a setting is wrong.
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let config = Arc::new(config);
        let client_id = config
            .client_id
            .clone()
            .unwrap_or_else(|| format!("rust@{}#{:016x}", std::process::id(), pause::random()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let links = || Links::new(Arc::clone(&config), tasks.clone(), stop.child_token());
        let core = Arc::new(Core {
            routes: Routes::new(NameServers::new(&config.name_servers, links())),
            heartbeat: Heartbeat::new(client_id, config.producer_group.clone()),
            brokers: links(),
            followers: TaskTracker::new(),
            stop_followers: stop.child_token(),
            tasks,
            stop: stop.clone(),
            config,
        });
        let fresh = Arc::clone(&core);
        core.tasks.spawn(async move {
            let every = fresh.config.route_refresh_every;
            let _: Option<()> =
                fresh.stop.run_until_cancelled(fresh.routes.keep_fresh(every, &fresh.brokers)).await;
        });
        let beating = Arc::clone(&core);
        core.tasks.spawn(async move {
            let every = beating.config.heartbeat_every;
            let _: Option<()> = beating
                .stop
                .run_until_cancelled(beating.heartbeat.keep_beating(every, &beating.brokers))
                .await;
        });
        Ok(Self { core, _stop_when_dropped: Arc::new(stop.drop_guard()) })
    }

    /// Where the queues of a topic are, as last known: asked once, then refreshed every 30 s and after errors.
    /// While no name server answers, or none knows the topic because its broker is away, the last good answer stays.
    ///
    /// Cancel-safe; cheap when the topic is known.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchTopic`], or why no name server could be asked.
    pub async fn topic_route(&self, topic: &str) -> Result<Arc<TopicRoute>, Error> {
        name::check_topic(topic)?;
        self.core.routes.of(topic).await
    }

    /// Where the queues of a topic are, as a name server says now.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// As [`Client::topic_route`].
    pub async fn topic_route_now(&self, topic: &str) -> Result<Arc<TopicRoute>, Error> {
        name::check_topic(topic)?;
        self.core.routes.ask(topic).await
    }

    /// Ends followers, says good-bye to the brokers, closes all connections, and waits for all of it (two seconds
    /// at most).
    /// Calls that are under way on clones end with an error.
    pub async fn close(self) {
        self.core.stop_followers.cancel();
        self.core.followers.close();
        self.core.followers.wait().await;
        self.core.heartbeat.unregister(None, &self.core.brokers).await;
        self.core.stop.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
    }
}

impl Core {
    /// The link to the broker that takes messages for this name.
    pub(crate) fn writer(&self, broker: &str) -> Result<Arc<Link>, Error> {
        let address = self.routes.master_of(broker).inspect_err(|_| self.routes.doubt())?;
        Ok(self.brokers.to(&address))
    }

    /// The link to the broker that gives messages for this name.
    pub(crate) fn reader(&self, broker: &str) -> Result<Arc<Link>, Error> {
        let address = self.routes.reader_of(broker).inspect_err(|_| self.routes.doubt())?;
        Ok(self.brokers.to(&address))
    }

    /// One request to a broker; a failure puts routes in doubt.
    pub(crate) async fn call(&self, link: &Link, request: &Request) -> Result<Frame, Error> {
        link.call(request, Patience::UntilDeadline).await.inspect_err(|_| self.routes.doubt())
    }
}
