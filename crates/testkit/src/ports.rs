//! Free TCP ports on loopback, for servers that cannot be told "port 0".
//!
//! A port is handed out once: to one caller on this machine, for as long as the process that asked lives, also while nothing listens on it.
//! So a server may be killed and restarted on its port, and two test runs at the same time do not take each other's.
//! The ports lie below the range from which Linux takes the local ports of outgoing connections.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The first port handed out.
const FIRST: u16 = 18_000;
/// One above the last; with an offset of 1,000 it stays below Linux's ephemeral ports, which begin at 32,768.
const END: u16 = 31_700;

/// The locks that make the ports ours, held until this process ends.
static TAKEN: Mutex<Taken> = Mutex::new(Taken { next: 0, locks: Vec::new() });

struct Taken {
    next: u16,
    locks: Vec<File>,
}

/// A port on which nobody listens.
pub fn free() -> u16 {
    free_with(&[])
}

/// A port `p` such that nobody listens on `p`, nor on `p + offset` for each offset.
///
/// # Panics
///
/// When no such port is left.
pub fn free_with(offsets: &[i32]) -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.next == 0 {
        // Another place for each process, so that they seldom have to step over each other's locks.
        taken.next = FIRST + (std::process::id().wrapping_mul(97) % u32::from(END - FIRST)) as u16;
    }
    for _ in FIRST..END {
        let port = taken.next;
        taken.next = if port + 1 == END { FIRST } else { port + 1 };
        let wanted = std::iter::once(0).chain(offsets.iter().copied());
        let locks: Option<Vec<File>> =
            wanted.map(|offset| lock(u16::try_from(i32::from(port) + offset).ok()?)).collect();
        if let Some(locks) = locks {
            taken.locks.extend(locks);
            return port;
        }
    }
    panic!("no free port with the offsets {offsets:?} between {FIRST} and {END}");
}

/// The lock on a port that nobody has locked and nobody listens on.
fn lock(port: u16) -> Option<File> {
    let path = folder().join(port.to_string());
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    file.try_lock().ok()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(file)
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join("trunkline-test-ports");
    std::fs::create_dir_all(&folder)
        .unwrap_or_else(|error| panic!("cannot create {}: {error}", folder.display()));
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_handed_out_once_even_when_nothing_listens_on_it() {
        let mut ports: Vec<u16> = (0..50).map(|_| free()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn a_port_on_which_somebody_listens_is_passed_over() {
        let port = free();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port + 1));
        assert_ne!(free(), port + 1);
    }

    #[test]
    fn offsets_are_free_too() {
        let port = free_with(&[-2, 1000]);
        for offset in [-2, 0, 1000] {
            let port = u16::try_from(i32::from(port) + offset).unwrap();
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
            assert!(lock(port).is_none(), "port {port} can be locked twice");
        }
    }
}
