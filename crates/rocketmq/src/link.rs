//! The way to one address: a connection that is opened when somebody needs it, and again after it broke.
//!
//! It promises that at most one connection to the address exists, that attempts are paced, and that callers wait no
//! longer than their deadline.
//! While nobody asks, nothing is tried.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{Notify, Semaphore, SemaphorePermit, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info};

use crate::{
    Config, Error,
    connection::{Connection, Failed},
    frame::{Frame, Request},
    pause,
};

/// The way to one address.
#[derive(Debug)]
pub(crate) struct Link {
    address: Arc<str>,
    state: watch::Receiver<State>,
    wanted: Arc<Wanted>,
    in_flight: Semaphore,
    request_timeout: Duration,
    /// Ends the task that keeps the connection.
    stop: CancellationToken,
}

/// How long to wait for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until the deadline, over several attempts.
    UntilDeadline,
    /// Only until the next attempt has failed: there are others to ask.
    OneAttempt,
}

#[derive(Debug, Clone)]
enum State {
    Down { failures: u64, last: Option<Arc<io::Error>> },
    Up(Connection),
}

/// Tells the task that keeps the connection whether anybody waits for it.
#[derive(Debug, Default)]
struct Wanted {
    by: AtomicUsize,
    changed: Notify,
}

/// What a link reports to whoever watches all of them.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    pub(crate) came_up: Arc<Notify>,
    pub(crate) went_down: Arc<Notify>,
}

impl Link {
    pub(crate) fn open(
        address: Arc<str>,
        config: &Config,
        tasks: &TaskTracker,
        stop: CancellationToken,
        watcher: Watcher,
    ) -> Arc<Self> {
        let (publish, state) = watch::channel(State::Down { failures: 0, last: None });
        let wanted = Arc::new(Wanted::default());
        let keeper = Keeper {
            address: Arc::clone(&address),
            publish,
            wanted: Arc::clone(&wanted),
            connect_timeout: config.connect_timeout,
            pause: config.reconnect_pause,
            frame_bytes_max: config.frame_bytes_max,
            watcher,
        };
        let stopped = stop.clone();
        tasks.spawn(async move {
            // `None` means that we were told to stop.
            let _: Option<()> = stopped.run_until_cancelled(keeper.run()).await;
        });
        let in_flight = Semaphore::new(config.in_flight_max);
        Arc::new(Self { address, state, wanted, in_flight, request_timeout: config.request_timeout, stop })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(&*self.state.borrow(), State::Up(connection) if !connection.is_closed())
    }

    pub(crate) fn close(&self) {
        self.stop.cancel();
    }

    /// One request and its answer, within the usual time-out; waits for its turn when too many are under way.
    pub(crate) async fn call(&self, request: &Request, patience: Patience) -> Result<Frame, Error> {
        self.call_within(request, patience, self.request_timeout).await
    }

    pub(crate) async fn call_within(
        &self,
        request: &Request,
        patience: Patience,
        within: Duration,
    ) -> Result<Frame, Error> {
        let deadline = Instant::now() + within;
        let _turn = self.turn(deadline).await?;
        self.exchange(request, patience, within, deadline).await
    }

    /// A pull that the server may hold; it takes nobody's turn.
    pub(crate) async fn call_held(&self, request: &Request, within: Duration) -> Result<Frame, Error> {
        self.exchange(request, Patience::UntilDeadline, within, Instant::now() + within).await
    }

    async fn exchange(
        &self,
        request: &Request,
        patience: Patience,
        within: Duration,
        deadline: Instant,
    ) -> Result<Frame, Error> {
        loop {
            let connection = self.connection(patience, deadline).await?;
            match connection.call(request, within, deadline).await {
                Ok(frame) => return Ok(frame),
                Err(Failed::Uncertain(error)) => return Err(error),
                Err(Failed::NotSent) if Instant::now() < deadline => {}
                Err(Failed::NotSent) => return Err(Error::Overloaded { address: self.address.to_string() }),
            }
        }
    }

    async fn turn(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Error> {
        match timeout_at(deadline, self.in_flight.acquire()).await {
            Ok(turn) => turn.map_err(|_| Error::Closed),
            Err(_) => Err(Error::Overloaded { address: self.address.to_string() }),
        }
    }

    async fn connection(&self, patience: Patience, deadline: Instant) -> Result<Connection, Error> {
        let mut state = self.state.clone();
        let _wanted = self.wanted.hold();
        let mut asked_at = None;
        let up = async {
            loop {
                match &*state.borrow_and_update() {
                    State::Up(connection) if !connection.is_closed() => return Ok(connection.clone()),
                    State::Up(_) => {}
                    State::Down { failures, last } => {
                        let failed = *asked_at.get_or_insert(*failures) < *failures;
                        if failed && patience == Patience::OneAttempt {
                            return Err(self.unreachable(last.clone()));
                        }
                    }
                }
                state.changed().await.map_err(|_| Error::Closed)?;
            }
        };
        if let Ok(answer) = timeout_at(deadline, up).await {
            return answer;
        }
        let last = match &*self.state.borrow() {
            State::Down { last, .. } => last.clone(),
            State::Up(_) => None,
        };
        Err(self.unreachable(last))
    }

    fn unreachable(&self, last: Option<Arc<io::Error>>) -> Error {
        let source = last.unwrap_or_else(|| Arc::new(io::ErrorKind::TimedOut.into()));
        Error::Unreachable { address: self.address.to_string(), source }
    }
}

impl Wanted {
    fn hold(&self) -> Held<'_> {
        self.by.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
        Held(self)
    }

    async fn wait(&self) {
        while self.by.load(Ordering::SeqCst) == 0 {
            self.changed.notified().await;
        }
    }
}

struct Held<'a>(&'a Wanted);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.by.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The task behind a link.
struct Keeper {
    address: Arc<str>,
    publish: watch::Sender<State>,
    wanted: Arc<Wanted>,
    connect_timeout: Duration,
    pause: (Duration, Duration),
    frame_bytes_max: usize,
    watcher: Watcher,
}

impl Keeper {
    async fn run(self) {
        let mut failures = 0;
        loop {
            self.wanted.wait().await;
            match self.connect().await {
                Ok(stream) => {
                    let (connection, driver) =
                        Connection::new(Arc::clone(&self.address), stream, self.frame_bytes_max);
                    debug!(address = %self.address, "connected");
                    self.publish.send_replace(State::Up(connection));
                    self.watcher.came_up.notify_one();
                    driver.run().await;
                    info!(address = %self.address, "RocketMQ: the connection ended");
                    self.publish.send_replace(State::Down { failures, last: None });
                }
                Err(error) => {
                    failures += 1;
                    debug!(address = %self.address, %error, "connecting failed");
                    self.publish.send_replace(State::Down { failures, last: Some(Arc::new(error)) });
                }
            }
            self.watcher.went_down.notify_one();
            sleep(pause::between(self.pause)).await;
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let connect = TcpStream::connect(&*self.address);
        let stream = timeout(self.connect_timeout, connect).await.map_err(io::Error::from)??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests;
