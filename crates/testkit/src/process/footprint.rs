//! What a process holds, as the kernel counts it.

use std::path::Path;

/// Memory and file descriptors of one process at one moment. What the kernel keeps for its sockets is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// What is its own: heap and stacks (`RssAnon`).
    pub own_bytes: u64,
    /// The most that was ever resident since it began, pages of the program included (`VmHWM`); no moment is missed.
    pub peak_bytes: u64,
    /// Open file descriptors.
    pub descriptors: usize,
}

impl Footprint {
    /// Reads `/proc`.
    ///
    /// # Panics
    ///
    /// When there is no such process, or no such kernel.
    pub(super) fn of(pid: u32) -> Self {
        let folder = Path::new("/proc").join(pid.to_string());
        let read = |name: &str| folder.join(name);
        let status = std::fs::read_to_string(read("status"));
        let status = status.unwrap_or_else(|error| panic!("the status of process {pid}: {error}"));
        let descriptors = std::fs::read_dir(read("fd"));
        let descriptors =
            descriptors.unwrap_or_else(|error| panic!("the descriptors of process {pid}: {error}"));
        Self {
            own_bytes: bytes_of(&status, "RssAnon:"),
            peak_bytes: bytes_of(&status, "VmHWM:"),
            descriptors: descriptors.count(),
        }
    }
}

/// A line such as `VmHWM:	   51324 kB`.
fn bytes_of(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("no {name} in {status}")) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_seen_and_what_is_given_back_is_not_and_the_peak_stays() {
        // Far above what the allocator keeps for itself.
        const BYTES: usize = 64 * 1024 * 1024;
        let here = || Footprint::of(std::process::id());
        let before = here();
        let taken = vec![1u8; BYTES];
        let with = here();
        assert!(with.own_bytes > before.own_bytes + taken.len() as u64 / 2, "{before:?} {with:?}");
        drop(taken);
        let after = here();
        assert!(after.own_bytes < with.own_bytes - BYTES as u64 / 2, "{with:?} {after:?}");
        assert!(after.peak_bytes >= with.own_bytes, "{with:?} {after:?}");
    }
}
