//! All users of a run, and the phases that they go through together.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use testkit::judge::Facts;
use testkit::poll;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::habits::{self, USERS};
use crate::session::{Heads, held};
use crate::user::User;
use crate::world::{Phase, Status, World};

/// Forty logins at once, in a debug build on two busy cores.
const ARRIVING_DEADLINE: Duration = Duration::from_secs(30);
/// From the end of the last fault until everything has an answer.
const FINISHING_DEADLINE: Duration = Duration::from_secs(60);
/// For everybody to come back and to hold everything.
const RECALLING_DEADLINE: Duration = Duration::from_secs(60);

/// The users at work.
pub(crate) struct Workload {
    phase: watch::Sender<Phase>,
    everybody: Vec<Arc<Status>>,
    users: JoinSet<()>,
    world: World,
}

impl Workload {
    /// Logs everybody in.
    pub(crate) async fn start(run: &str, seed: u64, cluster: &Cluster, facts: &Arc<Facts>) -> Self {
        let (phase, phases) = watch::channel(Phase::Arriving);
        let world = World {
            run: run.to_owned(),
            doors: (0..cluster.gateways.len()).map(|nth| cluster.links.door(nth)).collect(),
            facts: Arc::clone(facts),
            heads: Arc::new(Heads::default()),
            phase: phases,
        };
        let (mut everybody, mut users) = (Vec::new(), JoinSet::new());
        for nth in 0..USERS {
            let (user, status) = User::new(nth, seed, world.clone());
            users.spawn(user.live());
            everybody.push(status);
        }
        let mut workload = Self { phase, everybody, users, world };
        let all_online = workload.wait(ARRIVING_DEADLINE, |status| match status.online.load(Relaxed) {
            true => None,
            false => Some("is not logged in".to_owned()),
        });
        all_online.await.unwrap_or_else(|seen| panic!("before any fault: {seen}"));
        workload
    }

    /// What the users share.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// They do what people do.
    pub(crate) fn begin(&self) {
        self.phase.send_replace(Phase::Traffic);
    }

    /// Nobody does anything new; waits until nobody waits for an answer.
    pub(crate) async fn finish(&mut self) -> Result<(), String> {
        self.phase.send_replace(Phase::Finishing);
        self.wait(FINISHING_DEADLINE, |status| match status.waiting.load(Relaxed) {
            0 => None,
            waiting => Some(format!("waits for {waiting} answers")),
        })
        .await
    }

    /// Waits until everybody holds everything, on the sessions that are there.
    pub(crate) async fn settle(&mut self, within: Duration) -> Result<(), String> {
        self.all_hold_everything(within).await
    }

    /// Everybody logs in once more; waits until all have come back and hold everything.
    pub(crate) async fn recall(&mut self) -> Result<(), String> {
        self.phase.send_replace(Phase::Recalling);
        self.wait(RECALLING_DEADLINE, |status| match status.caught_up.load(Relaxed) {
            true => None,
            false => Some("has not come back".to_owned()),
        })
        .await?;
        self.all_hold_everything(RECALLING_DEADLINE).await
    }

    /// Everybody leaves.
    pub(crate) async fn leave(mut self) {
        self.phase.send_replace(Phase::Leaving);
        while let Some(ended) = self.users.join_next().await {
            if let Err(failed) = ended {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
    }

    /// A user who panicked has found what cannot be; going on would only hide it.
    pub(crate) fn check(&mut self) {
        match self.users.try_join_next() {
            None => {}
            Some(Ok(())) => panic!("a user has left too early"),
            Some(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    async fn all_hold_everything(&mut self, within: Duration) -> Result<(), String> {
        let heads = self.world.heads.all();
        let concerned = |user: &str| {
            let concerns = |name: &String| habits::holders(name).iter().any(|holder| holder == user);
            heads.iter().filter(|(name, _)| concerns(name)).collect::<Vec<_>>()
        };
        let owed: Vec<_> = self.everybody.iter().map(|status| concerned(&status.user)).collect();
        let mut owed_to =
            self.everybody.iter().map(|status| status.user.clone()).zip(owed).collect::<Vec<_>>();
        owed_to.retain(|(_, owed)| !owed.is_empty());
        self.wait(within, |status| {
            let (_, owed) = owed_to.iter().find(|(user, _)| *user == status.user)?;
            let have = held(&status.have);
            let missing = owed.iter().find(|(name, head)| have.upto(name) < **head)?;
            Some(format!("holds {} up to {} of {}", missing.0, have.upto(missing.0), missing.1))
        })
        .await
    }

    /// Waits until nobody lacks anything; who lacks what when it does not come.
    async fn wait(
        &mut self,
        deadline: Duration,
        lacks: impl Fn(&Status) -> Option<String>,
    ) -> Result<(), String> {
        poll::try_until(deadline, async || {
            self.check();
            let lacking = self.everybody.iter().find_map(|status| Some((&status.user, lacks(status)?)));
            match lacking {
                None => Ok(()),
                Some((user, what)) => Err(format!("{user} {what}")),
            }
        })
        .await
    }
}
