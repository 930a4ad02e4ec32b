//! Two people who talk all the time, as an abused process lets them.
//!
//! They have a thread and a runtime of their own, so that what they wait for is the process, not the clients that abuse it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use testkit::client::V1Client;
use testkit::poll;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Between two messages. They take turns, so each stays below the default rate of sends, and nothing holds them up but the process.
const PAUSE: Duration = Duration::from_millis(30);

/// Who they are.
const NAMES: (&str, &str) = ("neighbour-1", "neighbour-2");

/// The two, until they are told to stop.
pub(crate) struct Neighbours {
    stop: CancellationToken,
    said: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Talk>>,
}

/// How it went.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    /// From each send to its arrival at the other one, ascending.
    waits: Vec<Duration>,
}

impl Neighbours {
    /// Logs both in; they talk from then on.
    pub(crate) async fn start(urls: [String; 2]) -> Neighbours {
        let stop = CancellationToken::new();
        let token = stop.clone();
        let said = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&said);
        let (ready, has_begun) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let one = V1Client::connect(&urls[0]).await;
                let two = V1Client::connect(&urls[1]).await;
                ready.send(()).expect("somebody waits");
                talk([one, two], &counter, &token).await
            })
        });
        has_begun.await.expect("both are let in");
        Neighbours { stop, said, thread: Some(thread) }
    }

    /// Waits until they have said so much in all: what is over in a moment says nothing about them.
    pub(crate) async fn have_said(&self, messages: usize, deadline: Duration) {
        poll::until("the neighbours talk", deadline, async || {
            let said = self.said.load(Ordering::Relaxed);
            if said >= messages { Ok(()) } else { Err(said) }
        })
        .await;
    }

    /// Ends the talk.
    ///
    /// # Panics
    ///
    /// When a message was lost, came out of order, or took longer than testkit's patience.
    pub(crate) fn stop(mut self) -> Talk {
        self.stop.cancel();
        let thread = self.thread.take().expect("there until it is stopped");
        thread.join().unwrap_or_else(|_| panic!("the neighbours were not served; see above"))
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One says a number, the other hears it and says the next, and so on.
async fn talk(mut people: [V1Client; 2], said: &AtomicUsize, stop: &CancellationToken) -> Talk {
    let mut waits = Vec::new();
    for number in 0.. {
        if stop.is_cancelled() {
            break;
        }
        let [speaker, listener] = &mut people;
        let (from, to) = if number % 2 == 0 { NAMES } else { (NAMES.1, NAMES.0) };
        let began = Instant::now();
        let id = speaker.send_to_user(to, number).await;
        let heard = listener.expect_type("message").await;
        waits.push(began.elapsed());
        assert_eq!(
            (&heard["from"], &heard["content"]),
            (&from.into(), &number.into()),
            "lost, or out of order"
        );
        assert_eq!(speaker.expect_answer(&id).await["seq"], heard["seq"]);
        said.fetch_add(1, Ordering::Relaxed);
        people.reverse();
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(PAUSE) => {}
        }
    }
    for person in people {
        person.close().await;
    }
    waits.sort_unstable();
    Talk { waits }
}

impl Talk {
    /// How many messages were said and heard.
    pub(crate) fn messages(&self) -> usize {
        self.waits.len()
    }

    /// What all but one in a hundred waited at most.
    pub(crate) fn p99(&self) -> Duration {
        let at = self.waits.len().saturating_sub(1) * 99 / 100;
        self.waits.get(at).copied().unwrap_or_default()
    }

    /// The longest wait.
    pub(crate) fn slowest(&self) -> Duration {
        self.waits.last().copied().unwrap_or_default()
    }
}
