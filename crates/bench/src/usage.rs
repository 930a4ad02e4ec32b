//! What processes use, as the kernel counts it: CPU in nanoseconds, user and system together, and memory of their own.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// Nanoseconds of a tick of `/proc/stat`; Linux tells it in hundredths of a second on every machine.
const TICK_NS: u64 = 10_000_000;

/// Processes that are looked at as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// What they are called.
    pub name: String,
    /// Which they are.
    pub pids: Vec<u32>,
}

/// The CPU that some processes and the whole machine had used at one moment.
#[derive(Debug, Clone)]
pub struct Sample {
    /// By name, for each thread.
    watched: BTreeMap<String, BTreeMap<u32, u64>>,
    own: BTreeMap<u32, u64>,
    /// All that whoever started this process has started.
    family: u64,
    machine: u64,
}

/// The CPU that was used between two moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// By the watched.
    pub watched: BTreeMap<String, u64>,
    /// By this process.
    pub own: u64,
    /// By everybody but what was started together with this process.
    pub others: u64,
}

impl Sample {
    /// As it is now.
    ///
    /// # Errors
    ///
    /// When a process is gone, or the kernel does not tell.
    pub fn take(watched: &[Watched]) -> io::Result<Sample> {
        let each = watched.iter().map(|watched| {
            let mut threads = BTreeMap::new();
            for pid in &watched.pids {
                threads.extend(threads_of(&pid.to_string())?);
            }
            Ok((watched.name.clone(), threads))
        });
        Ok(Sample {
            watched: each.collect::<io::Result<_>>()?,
            own: threads_of("self")?,
            family: family(std::os::unix::process::parent_id())?,
            machine: machine()?,
        })
    }

    /// What was used since `earlier`. A thread that has ended in between counts as if it had done nothing.
    pub fn since(&self, earlier: &Sample) -> Used {
        let nothing = BTreeMap::new();
        let watched: BTreeMap<String, u64> = self
            .watched
            .iter()
            .map(|(name, now)| (name.clone(), grown(earlier.watched.get(name).unwrap_or(&nothing), now)))
            .collect();
        let own = grown(&earlier.own, &self.own);
        let family = self.family.saturating_sub(earlier.family);
        Used { watched, own, others: (self.machine - earlier.machine).saturating_sub(family) }
    }
}

fn grown(before: &BTreeMap<u32, u64>, now: &BTreeMap<u32, u64>) -> u64 {
    now.iter().map(|(thread, ns)| ns - before.get(thread).unwrap_or(&0).min(ns)).sum()
}

/// The CPU of each thread of a process.
fn threads_of(process: &str) -> io::Result<BTreeMap<u32, u64>> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let entry = entry?;
        // A thread may end between being listed and being read.
        let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let thread = entry.file_name().to_string_lossy().parse::<u32>().ok();
        let ns = text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok());
        if let (Some(thread), Some(ns)) = (thread, ns) {
            threads.insert(thread, ns);
        }
    }
    match threads.is_empty() {
        true => Err(io::Error::other(format!("the kernel does not tell the CPU of process {process}"))),
        false => Ok(threads),
    }
}

/// The CPU of a process and of all that descend from it.
fn family(head: u32) -> io::Result<u64> {
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // A process may end between being listed and being read.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name, in brackets, may hold blanks; after it: state, parent, and as 14th and 15th field user and system time.
        let fields = text.rsplit_once(')').map(|(_, fields)| fields.split_whitespace().collect::<Vec<_>>());
        let field = |nth: usize| fields.as_ref()?.get(nth)?.parse::<u64>().ok();
        if let (Some(parent), Some(user), Some(system)) = (field(1), field(11), field(12)) {
            processes.insert(pid, (parent as u32, (user + system) * TICK_NS));
        }
    }
    let is_of_it = |pid: u32| {
        let mut at = Some(pid);
        while let Some(pid) = at.filter(|pid| *pid != head) {
            at = processes.get(&pid).map(|(parent, _)| *parent);
        }
        at.is_some()
    };
    Ok(processes.iter().filter(|(pid, _)| is_of_it(**pid)).map(|(_, (_, ns))| ns).sum())
}

/// The CPU of all processes.
fn machine() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, then idle and waiting, then interrupts; what guests use is in user already, and what is stolen is nobody's here.
    let busy: u64 = [0, 1, 2, 5, 6].iter().filter_map(|field| ticks.get(*field)).sum();
    Ok(busy * TICK_NS)
}

/// Bytes of memory that the processes have made their own: heap and stacks, not the pages of files.
///
/// # Errors
///
/// When a process is gone.
pub fn own_bytes(watched: &[Watched]) -> io::Result<u64> {
    watched.iter().flat_map(|watched| &watched.pids).map(|pid| status_bytes(*pid, "RssAnon:")).sum()
}

/// All bytes of memory that a process has in use, the pages of its binary too.
///
/// # Errors
///
/// When the process is gone.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    status_bytes(pid, "VmRSS:")
}

fn status_bytes(pid: u32, field: &str) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1_024).ok_or_else(|| io::Error::other(format!("process {pid} has no {field}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn what_this_process_does_is_counted_as_its_own_and_as_what_is_watched() {
        let me = [Watched { name: "me".to_owned(), pids: vec![std::process::id()] }];
        let before = Sample::take(&me).unwrap();
        let begin = clock::now_ns();
        let mut turns = 0u64;
        while clock::now_ns() - begin < 50_000_000 {
            turns = std::hint::black_box(turns + 1);
        }
        let used = Sample::take(&me).unwrap().since(&before);
        // Looked at one after the other, while threads of other tests come and go.
        let (watched, own) = (used.watched["me"], used.own);
        assert!(watched > 1_000_000 && own > 1_000_000, "{turns} turns took {watched} ns, {own} ns");
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let me = [Watched { name: "me".to_owned(), pids: vec![std::process::id()] }];
        let own = own_bytes(&me).unwrap();
        assert!(own > 100_000 && own < resident_bytes(std::process::id()).unwrap());
    }
}
