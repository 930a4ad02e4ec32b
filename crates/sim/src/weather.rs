//! What the servers behind the seams are like at the moment, and what becomes of each call on them.
//!
//! Every call draws its fate here: it passes with some latency, it fails before or after it was carried out, or it hangs.
//! What is under way when a node crashes stays under way: it belongs to the network, not to the node.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ports::{PortError, Seam};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::dice::Dice;
use crate::fault::Fault;

/// The latency of most calls, there and back, in milliseconds: two machines in one room.
const USUAL_MS: (u64, u64) = (0, 2);
/// The latency of one call in a hundred.
const RARE_MS: (u64, u64) = (20, 300);
/// The latency of calls on something that is slow.
const SLOW_MS: (u64, u64) = (50, 1_500);
/// A directory's caller gives up after this, as [`ports::directory::CALL_LIMIT`] says.
const DIRECTORY_PATIENCE: Duration = ports::directory::CALL_LIMIT;
/// A store's caller gives up after this; longer, and a commit could come later than [`ports::store::COMMIT_LAG_MS_MAX`] allows.
const STORE_PATIENCE: Duration = Duration::from_secs(6);

/// The weather over all seams. Clones are the same.
#[derive(Debug, Clone)]
pub struct Weather(Arc<Sky>);

#[derive(Debug)]
struct Sky {
    dice: Dice,
    holds: Mutex<BTreeMap<usize, Fault>>,
    changed: Notify,
    /// Calls that wait for the end of a hang, in their order.
    hung: Mutex<Vec<oneshot::Sender<()>>>,
    under_way: TaskTracker,
    calls: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

/// What becomes of a call.
enum Fate {
    Passes { before: Duration, after: Duration },
    FailsBefore { after: Duration },
    AnswerLost { after: Duration },
    Hangs { arrives: bool },
}

/// What becomes of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriage {
    /// It arrives.
    Arrives,
    /// It is taken and never arrives.
    Lost,
    /// It arrives now, and once more after this long.
    Twice(Duration),
    /// It arrives after this long.
    Late(Duration),
    /// It arrives, and the bus says that it was not taken.
    Denied,
}

impl Weather {
    /// Fair weather; what it draws, it draws from the seed.
    pub fn of(seed: u64) -> Weather {
        Weather(Arc::new(Sky {
            dice: Dice::of(seed, "weather"),
            holds: Mutex::default(),
            changed: Notify::new(),
            hung: Mutex::default(),
            under_way: TaskTracker::new(),
            calls: Mutex::default(),
        }))
    }

    /// A fault holds from now on; `number` is what it is called when it ends.
    pub fn begin(&self, number: usize, fault: Fault) {
        lock(&self.0.holds).insert(number, fault);
        self.0.changed.notify_waiters();
    }

    /// A fault no longer holds.
    pub fn end(&self, number: usize) {
        let ended = lock(&self.0.holds).remove(&number);
        self.0.changed.notify_waiters();
        if matches!(ended, Some(Fault::DirectoryHangs { .. } | Fault::StoreHangs)) {
            for waiting in lock(&self.0.hung).drain(..) {
                // Whoever asked may have ended with the run.
                let _gone = waiting.send(());
            }
        }
    }

    /// Calls so far, by seam and name.
    pub fn calls(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        lock(&self.0.calls).clone()
    }

    /// Waits until a fault begins or ends.
    pub fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.0.changed.notified()
    }

    /// True while a node hears nothing of the bus.
    pub fn is_deaf(&self, node: usize) -> bool {
        self.any(|fault| matches!(fault, Fault::BusAway) || *fault == Fault::InboxDead { node })
    }

    /// True while the bus takes nothing from a node.
    pub fn is_mute(&self, node: usize) -> bool {
        self.any(|fault| matches!(fault, Fault::BusAway) || *fault == Fault::BusRefuses { node })
    }

    /// Counts a call.
    pub fn count(&self, seam: Seam, during: &'static str, times: usize) {
        *lock(&self.0.calls).entry((seam.as_str(), during)).or_default() += times as u64;
    }

    /// The time that something takes on its way.
    pub async fn way(&self) {
        pause(self.usual()).await;
    }

    /// Runs something that is under way whatever becomes of the node that began it.
    pub fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.under_way.spawn(work);
    }

    /// Draws what becomes of an envelope.
    pub fn carriage(&self) -> Carriage {
        let dice = &self.0.dice;
        let mut carriage = Carriage::Arrives;
        for fault in lock(&self.0.holds).values() {
            carriage = match fault {
                Fault::BusLoses { percent } if dice.percent(*percent) => Carriage::Lost,
                Fault::BusRepeats { percent } if dice.percent(*percent) => match dice.below(3) {
                    0 => Carriage::Denied,
                    _ => Carriage::Twice(dice.ms(0, 3_000)),
                },
                Fault::BusDelays { percent } if dice.percent(*percent) => {
                    Carriage::Late(match dice.below(20) {
                        0 => dice.secs(25, 45),
                        1..=3 => dice.ms(500, 8_000),
                        _ => dice.ms(1, 400),
                    })
                }
                _ => carriage,
            };
        }
        carriage
    }

    /// Carries out one call of a node on a seam, or not, as the weather has it.
    pub async fn call<T, W>(
        &self,
        seam: Seam,
        during: &'static str,
        node: usize,
        work: W,
    ) -> Result<T, PortError>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        self.count(seam, during, 1);
        match self.fate(seam, node) {
            Fate::Passes { before, after } => {
                pause(before).await;
                let answer = work.await;
                pause(after).await;
                Ok(answer)
            }
            Fate::FailsBefore { after } => {
                pause(after).await;
                Err(PortError::outage(seam, during, "it was not carried out"))
            }
            Fate::AnswerLost { after } => {
                let _lost = work.await;
                pause(after).await;
                Err(PortError::outage(seam, during, "the answer was lost"))
            }
            Fate::Hangs { arrives } => self.hang(seam, during, arrives, work).await,
        }
    }

    /// What is asked waits for the end of the hang, in order, however long the caller waits.
    async fn hang<T, W>(
        &self,
        seam: Seam,
        during: &'static str,
        arrives: bool,
        work: W,
    ) -> Result<T, PortError>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let patience = if seam == Seam::Directory { DIRECTORY_PATIENCE } else { STORE_PATIENCE };
        // Where it does not arrive, the sender waits here in vain with the caller.
        let (answer, answered) = oneshot::channel();
        if arrives {
            let (over, is_over) = oneshot::channel();
            lock(&self.0.hung).push(over);
            let asked = Instant::now();
            self.run(async move {
                // A store's statement does not outlive the patience of its connection; a directory's commands lie in its socket.
                if is_over.await.is_ok() && (seam == Seam::Directory || asked.elapsed() <= STORE_PATIENCE) {
                    // Whoever asked may have given up.
                    let _unheard = answer.send(work.await);
                }
            });
        }
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(PortError::outage(seam, during, "the connection was lost")),
            Err(_) => Err(PortError::timed_out(seam, during, patience)),
        }
    }

    fn fate(&self, seam: Seam, node: usize) -> Fate {
        let dice = &self.0.dice;
        let holds = lock(&self.0.holds);
        let before = if seam == Seam::Store { Duration::ZERO } else { self.usual() };
        let mut fate = Fate::Passes { before, after: self.usual() };
        for fault in holds.values() {
            let here = |at: &Option<usize>| at.is_none_or(|at| at == node);
            match (seam, fault) {
                (Seam::Directory, Fault::DirectoryHangs { node: at }) if here(at) => {
                    return Fate::Hangs { arrives: dice.percent(70) };
                }
                (Seam::Directory, Fault::DirectoryAway { node: at }) if here(at) => {
                    return Fate::FailsBefore { after: self.usual() };
                }
                (Seam::Store, Fault::StoreHangs) => return Fate::Hangs { arrives: dice.percent(70) },
                (Seam::Store, Fault::StoreAway) => return Fate::FailsBefore { after: self.usual() },
                (Seam::Directory, Fault::DirectoryFlaky { percent })
                | (Seam::Store, Fault::StoreFlaky { percent })
                    if dice.percent(*percent) =>
                {
                    let after = dice.ms(0, 50);
                    fate = match dice.below(3) {
                        0 => Fate::FailsBefore { after },
                        1 => Fate::AnswerLost { after },
                        _ => Fate::Passes { before: self.slow(seam), after },
                    };
                }
                (Seam::Store, Fault::StoreSlow) => {
                    fate = Fate::Passes { before: Duration::ZERO, after: dice.ms(SLOW_MS.0, SLOW_MS.1) };
                }
                _ => {}
            }
        }
        fate
    }

    /// A wait before a call is carried out. None for a store: what one caller asks of a conversation is carried out in its order.
    fn slow(&self, seam: Seam) -> Duration {
        if seam == Seam::Store { Duration::ZERO } else { self.0.dice.ms(SLOW_MS.0, SLOW_MS.1) }
    }

    fn usual(&self) -> Duration {
        let dice = &self.0.dice;
        if dice.percent(1) { dice.ms(RARE_MS.0, RARE_MS.1) } else { dice.ms(USUAL_MS.0, USUAL_MS.1) }
    }

    fn any(&self, holds: impl Fn(&Fault) -> bool) -> bool {
        lock(&self.0.holds).values().any(holds)
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
