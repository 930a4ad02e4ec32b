//! Temporary folders that tell whose they are.
//!
//! A folder is removed when its owner is dropped.
//! Folders that nobody removed (a test that was killed, a server shared by all tests of a program, logs kept after a failure) are swept
//! by a later test run, an hour after they were last written to and when their process is gone.

use std::fs;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "trunkline-test-";
/// Long enough to read the logs of a failure, short enough that they do not fill the disk.
const KEPT: Duration = Duration::from_secs(3600);

/// A new, empty temporary folder; `purpose` becomes part of its name.
///
/// # Panics
///
/// When it cannot be created.
pub fn folder(purpose: &str) -> TempDir {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-{purpose}-", std::process::id()))
        .tempdir()
        .unwrap_or_else(|error| panic!("cannot create a temporary folder for {purpose}: {error}"))
}

/// Removes what earlier runs left; a folder that cannot be read or removed is somebody else's and stays.
fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_ours(&name) && !owner_lives(&name) && is_old(&entry.path()) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn is_ours(name: &str) -> bool {
    owner(name).is_some()
}

fn owner_lives(name: &str) -> bool {
    owner(name).is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}

fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

fn is_old(path: &Path) -> bool {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age > KEPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_its_process_and_is_gone_with_its_owner() {
        let folder = folder("sample");
        let path = folder.path().to_owned();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(owner(&name), Some(std::process::id()));
        assert!(owner_lives(&name) && path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn folders_of_others_are_never_ours() {
        assert!(!is_ours("trunkline-test-ports") && !is_ours("something-1-else"));
    }
}
