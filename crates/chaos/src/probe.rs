//! When all is over: a fresh message from every node to every node, by users whom nobody has seen before.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use testkit::judge::{Fact, Payload};
use testkit::poll;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::habits;
use crate::have::Have;
use crate::session::{Command, News, Opening, held};
use crate::world::World;

/// For two logins and a message on a healthy cluster, in a debug build on two busy cores.
const PROBE_DEADLINE: Duration = Duration::from_secs(10);
/// One login and its end.
const QUEUE: usize = 16;

/// Somebody who is there for one message.
struct Prober {
    name: String,
    session: String,
    have: Arc<Mutex<Have>>,
    commands: mpsc::Sender<Command>,
    news: mpsc::Receiver<(u64, News)>,
}

/// Probes all pairs of nodes, one after the other; the first that does not work is an `Err`.
pub(crate) async fn all_pairs(world: &World, cluster: &Cluster) -> Result<(), String> {
    let mut sessions = JoinSet::new();
    let nodes: Vec<SocketAddr> =
        cluster.links.nodes.iter().map(|links| (links.ip, links.port).into()).collect();
    for (from, at) in nodes.iter().enumerate() {
        for (to, other) in nodes.iter().enumerate() {
            let pair = format!("node-{} to node-{}", from + 1, to + 1);
            let names = (format!("p{from}{to}a"), format!("p{from}{to}b"));
            let conversation = habits::direct(&names.0, &names.1);
            let mut sender = Prober::open(world, *at, &names.0, &conversation, &mut sessions);
            let mut reader = Prober::open(world, *other, &names.1, &conversation, &mut sessions);
            sender.is_open().await.map_err(|seen| format!("{pair}: {seen}"))?;
            reader.is_open().await.map_err(|seen| format!("{pair}: {seen}"))?;
            sender.write(world, &reader.name, &conversation).await;
            for prober in [&sender, &reader] {
                prober.holds(&conversation).await.map_err(|seen| format!("{pair}: {seen}"))?;
                world.facts.record(Fact::CaughtUp { user: prober.name.clone() });
            }
        }
    }
    // What has not been told is that they leave; their tasks end with their senders.
    while let Some(ended) = sessions.join_next().await {
        if let Err(failed) = ended {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
    Ok(())
}

impl Prober {
    fn open(
        world: &World,
        door: SocketAddr,
        name: &str,
        conversation: &str,
        sessions: &mut JoinSet<()>,
    ) -> Self {
        let (commands, told) = mpsc::channel(QUEUE);
        let (sender, news) = mpsc::channel(QUEUE);
        let have = Arc::new(Mutex::new(Have::of([conversation.to_owned()])));
        let opening = Opening {
            key: 0,
            user: name.to_owned(),
            device: "web",
            door,
            have: Some(Arc::clone(&have)),
            facts: Arc::clone(&world.facts),
            heads: Arc::clone(&world.heads),
            news: sender,
            commands: told,
        };
        sessions.spawn(opening.live());
        Self { name: name.to_owned(), session: String::new(), have, commands, news }
    }

    async fn is_open(&mut self) -> Result<(), String> {
        match self.news.recv().await {
            Some((_, News::Opened { session })) => {
                self.session = session;
                Ok(())
            }
            other => Err(format!("{} cannot log in: {other:?}", self.name)),
        }
    }

    async fn write(&self, world: &World, to: &str, conversation: &str) {
        let payload = Payload::new(&world.run, &self.name, 1);
        let (id, content) = (payload.id(), payload.to_json());
        world.facts.record(Fact::Try {
            user: self.name.clone(),
            session: self.session.clone(),
            id: id.clone(),
            conversation: conversation.to_owned(),
            attempt: 1,
        });
        let to = json!({ "user": to });
        let frame = format!(r#"{{"type":"send","id":"{id}","to":{to},"content":{content}}}"#);
        // A session that is gone shows in what does not come.
        self.commands.send(Command::Say(frame)).await.ok();
    }

    async fn holds(&self, conversation: &str) -> Result<(), String> {
        let held = async || match held(&self.have).upto(conversation) {
            1 => Ok(()),
            upto => Err(format!("{} holds {upto} of 1", self.name)),
        };
        poll::try_until(PROBE_DEADLINE, held).await
    }
}
