//! One direction of one connection: reads, keeps what is under way, writes when the mode lets it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

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
            let mode = self.current_mode();
            let (step, pause) = match mode {
                Mode::Delay(by) => {
                    let due = chunk.read_at + by;
                    if Instant::now() < due {
                        tokio::select! {
                            () = sleep_until(due) => {}
                            changed = self.mode.changed() => {
                                changed.map_err(|_| Reset)?;
                                self.passed_in_mode = 0;
                            }
                        }
                        continue;
                    }
                    (rest.len(), Duration::ZERO)
                }
                Mode::Throttle(bytes_per_second) => {
                    let step = (bytes_per_second / THROTTLE_STEPS_PER_SECOND).max(1);
                    let step = step.min(rest.len() as u64);
                    (
                        step as usize,
                        Duration::from_secs(step)
                            / u32::try_from(bytes_per_second.max(1)).unwrap_or(u32::MAX),
                    )
                }
                Mode::DropAfter(bytes) => {
                    let left = bytes.saturating_sub(self.passed_in_mode);
                    if left == 0 {
                        return Err(Reset);
                    }
                    (left.min(rest.len() as u64) as usize, Duration::ZERO)
                }
                Mode::HalfClose => return Ok(()),
                Mode::Pass | Mode::Stall => (rest.len(), Duration::ZERO),
            };
            self.to.write_all(&rest[..step]).await.map_err(|_| Reset)?;
            self.count.fetch_add(step as u64, Relaxed);
            self.passed_in_mode += step as u64;
            rest = &rest[step..];
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
        if let Mode::DropAfter(bytes) = self.current_mode()
            && self.passed_in_mode >= bytes
        {
            return Err(Reset);
        }
        Ok(())
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
