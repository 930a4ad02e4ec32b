//! One direction of one connection: reads, keeps what is under way, writes when the mode lets it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::Mode;
use super::connection::Reset;

/// One read.
const CHUNK_BYTES_MAX: usize = 4096;
/// Under way between read and write: 64 KiB, so that a slow reader is felt by the sender soon.
const CHUNKS_MAX: usize = 16;
/// A throttled direction moves this often, so that a low rate is a trickle and not a burst a second.
const THROTTLE_STEPS_PER_SECOND: u64 = 20;

struct Chunk {
    read_at: Instant,
    bytes: Vec<u8>,
}

/// Carries bytes until the sender has ended its side; `Err` when the connection must be reset.
pub(super) async fn carry(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    mode: watch::Receiver<Mode>,
    count: &AtomicU64,
) -> Result<(), Reset> {
    let (chunks, inbox) = mpsc::channel(CHUNKS_MAX);
    let pen = Pen { to, mode: mode.clone(), passed_in_mode: 0, count };
    tokio::try_join!(read(from, mode, chunks), pen.write(inbox)).map(|_| ())
}

async fn read(
    mut from: ReadHalf<'_>,
    mut mode: watch::Receiver<Mode>,
    chunks: mpsc::Sender<Chunk>,
) -> Result<(), Reset> {
    loop {
        // What is not read fills the kernel's buffers, and the sender notices: as with a network that stands still.
        mode.wait_for(|mode| *mode != Mode::Stall).await.map_err(|_| Reset)?;
        let mut bytes = vec![0; CHUNK_BYTES_MAX];
        let length = from.read(&mut bytes).await.map_err(|_| Reset)?;
        if length == 0 {
            return Ok(());
        }
        bytes.truncate(length);
        chunks.send(Chunk { read_at: Instant::now(), bytes }).await.map_err(|_| Reset)?;
    }
}

/// What to do next with bytes that wait.
enum Step {
    Write { bytes: usize, pause: Duration },
    Wait(Duration),
    ThrowAway,
    Reset,
}

/// The writing side.
struct Pen<'a> {
    to: WriteHalf<'a>,
    mode: watch::Receiver<Mode>,
    /// What this connection has passed since the mode was chosen.
    passed_in_mode: u64,
    count: &'a AtomicU64,
}

impl Pen<'_> {
    async fn write(mut self, mut inbox: mpsc::Receiver<Chunk>) -> Result<(), Reset> {
        let mut half_closed = false;
        loop {
            // A mode that acts without traffic must be noticed without traffic.
            let chunk = tokio::select! {
                chunk = inbox.recv() => chunk,
                () = self.half_close_asked_for(), if !half_closed => {
                    self.to.shutdown().await.map_err(|_| Reset)?;
                    half_closed = true;
                    continue;
                }
            };
            let Some(chunk) = chunk else { break };
            if !half_closed {
                self.pass(&chunk).await?;
            }
        }
        self.leave_stall().await?;
        if !half_closed {
            self.to.shutdown().await.map_err(|_| Reset)?;
        }
        Ok(())
    }

    async fn half_close_asked_for(&self) {
        let mut mode = self.mode.clone();
        if mode.wait_for(|mode| *mode == Mode::HalfClose).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Writes one chunk, in as many steps as the mode asks for; the mode may change in between.
    async fn pass(&mut self, chunk: &Chunk) -> Result<(), Reset> {
        let mut rest = chunk.bytes.as_slice();
        while !rest.is_empty() {
            self.leave_stall().await?;
            match self.next_step(chunk.read_at, rest.len()) {
                Step::Write { bytes, pause } => {
                    // First counted, then written: what was received has been counted.
                    self.count.fetch_add(bytes as u64, Relaxed);
                    self.to.write_all(&rest[..bytes]).await.map_err(|_| Reset)?;
                    self.passed_in_mode += bytes as u64;
                    rest = &rest[bytes..];
                    self.pause(pause).await?;
                }
                Step::Wait(time) => self.pause(time).await?,
                Step::ThrowAway => return Ok(()),
                Step::Reset => return Err(Reset),
            }
        }
        // The limit may be reached with the last byte of all, so it cannot wait for the next one.
        match self.next_step(chunk.read_at, 1) {
            Step::Reset => Err(Reset),
            _ => Ok(()),
        }
    }

    fn next_step(&mut self, read_at: Instant, length: usize) -> Step {
        let at_once = |bytes| Step::Write { bytes, pause: Duration::ZERO };
        match self.current_mode() {
            Mode::Pass | Mode::Stall => at_once(length),
            Mode::Delay(by) => match (read_at + by).checked_duration_since(Instant::now()) {
                Some(early) if !early.is_zero() => Step::Wait(early),
                _ => at_once(length),
            },
            Mode::Throttle(bytes_per_second) => {
                let rate = bytes_per_second.max(1);
                let bytes = (rate / THROTTLE_STEPS_PER_SECOND).clamp(1, length as u64);
                let pause = Duration::from_secs_f64(bytes as f64 / rate as f64);
                Step::Write { bytes: bytes as usize, pause }
            }
            Mode::DropAfter(bytes) => match bytes.saturating_sub(self.passed_in_mode) {
                0 => Step::Reset,
                left => at_once(length.min(usize::try_from(left).unwrap_or(length))),
            },
            Mode::HalfClose => Step::ThrowAway,
        }
    }

    /// Sleeps, but not longer than the mode stays as it is.
    async fn pause(&mut self, time: Duration) -> Result<(), Reset> {
        if time.is_zero() {
            return Ok(());
        }
        tokio::select! {
            () = sleep(time) => Ok(()),
            changed = self.mode.changed() => {
                self.passed_in_mode = 0;
                changed.map_err(|_| Reset)
            }
        }
    }

    fn current_mode(&mut self) -> Mode {
        if self.mode.has_changed().unwrap_or(false) {
            self.passed_in_mode = 0;
        }
        *self.mode.borrow_and_update()
    }

    async fn leave_stall(&mut self) -> Result<(), Reset> {
        if self.current_mode() == Mode::Stall {
            self.mode.wait_for(|mode| *mode != Mode::Stall).await.map_err(|_| Reset)?;
            self.passed_in_mode = 0;
        }
        Ok(())
    }
}
