//! What a process holds, as the kernel counts it: memory and sockets.

use std::fs::DirEntry;
use std::io;
use std::path::Path;

/// Memory and sockets of one process at one moment. What the kernel keeps for its sockets is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// What is its own: heap and stacks (`RssAnon`).
    pub own_bytes: u64,
    /// The most that was ever resident since it began, pages of the program included (`VmHWM`); no moment is missed.
    pub peak_bytes: u64,
    /// Open sockets. Files are not counted: a pool of database connections may have grown.
    pub sockets: usize,
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
            sockets: descriptors.filter(is_socket).count(),
        }
    }
}

/// The descriptor of a socket is a link to `socket:[inode]`; one that was closed meanwhile is none.
fn is_socket(entry: &io::Result<DirEntry>) -> bool {
    let target = entry.as_ref().ok().and_then(|entry| std::fs::read_link(entry.path()).ok());
    target.is_some_and(|target| target.to_string_lossy().starts_with("socket:"))
}

/// A line such as `VmHWM: 51324 kB`.
fn bytes_of(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("no {name} in {status}")) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_counted_and_files_are_not() {
        let here = || Footprint::of(std::process::id()).sockets;
        let before = here();
        let _file = std::fs::File::open("/proc/self/status").unwrap();
        // Other tests of this program may open and close some meanwhile.
        let sockets: Vec<_> = (0..100).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        assert!(here() >= before + 50, "{before}");
        drop(sockets);
        assert!(here() < before + 50, "{before}");
    }

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
