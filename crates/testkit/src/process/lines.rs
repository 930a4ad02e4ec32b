//! What a process prints: kept up to a limit, searchable while it grows.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::watch;

/// Enough for the log of a node over a long test; the oldest go first.
const LINES_KEPT_MAX: usize = 20_000;
/// A child has a standard output and a standard error.
const STREAMS: usize = 2;

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The lines of one process.
#[derive(Debug)]
pub(crate) struct Lines {
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<(Stream, String)>,
    /// How many were printed before the first in `lines`.
    forgotten: u64,
    streams_ended: usize,
}

impl Lines {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), changed: watch::Sender::new(()) })
    }

    /// Reads `source` to its end on a thread of its own.
    pub(crate) fn follow(self: &Arc<Self>, stream: Stream, source: impl Read + Send + 'static) {
        let lines = Arc::clone(self);
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line);
                lines.add(stream, text.trim_end_matches(['\r', '\n']).to_owned());
                line.clear();
            }
            lines.kept().streams_ended += 1;
            lines.changed.send_replace(());
        });
    }

    /// The first line after the first `seen` that contains `part`; `None` when the process has closed both streams without one.
    pub(crate) async fn find(&self, seen: u64, part: &str) -> Option<String> {
        let mut changed = self.changed.subscribe();
        let mut looked_at = seen;
        loop {
            {
                let kept = self.kept();
                let skip = looked_at.saturating_sub(kept.forgotten);
                let mut rest = kept.lines.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
                if let Some((_, line)) = rest.find(|(_, line)| line.contains(part)) {
                    return Some(line.clone());
                }
                if kept.streams_ended == STREAMS {
                    return None;
                }
                looked_at = looked_at.max(kept.count());
            }
            changed.changed().await.ok()?;
        }
    }

    /// Waits until the process, and whoever it gave its streams to, has closed both.
    pub(crate) async fn ended(&self) {
        let mut changed = self.changed.subscribe();
        while self.kept().streams_ended < STREAMS && changed.changed().await.is_ok() {}
    }

    pub(crate) fn count(&self) -> u64 {
        self.kept().count()
    }

    pub(crate) fn of(&self, stream: Stream) -> Vec<String> {
        self.kept().lines.iter().filter(|(from, _)| *from == stream).map(|(_, line)| line.clone()).collect()
    }

    pub(crate) fn last(&self, count: usize) -> Vec<String> {
        let kept = self.kept();
        let skip = kept.lines.len().saturating_sub(count);
        kept.lines.iter().skip(skip).map(|(_, line)| line.clone()).collect()
    }

    fn add(&self, stream: Stream, line: String) {
        let mut kept = self.kept();
        kept.lines.push_back((stream, line));
        if kept.lines.len() > LINES_KEPT_MAX {
            kept.lines.pop_front();
            kept.forgotten += 1;
        }
        drop(kept);
        self.changed.send_replace(());
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn count(&self) -> u64 {
        self.forgotten + self.lines.len() as u64
    }
}
