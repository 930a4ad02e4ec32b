//! An SQLite file belongs to one process: a lock on a file beside it, which the system takes back when the process ends in whatever way.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ports::{PortError, Seam};

/// Held until released or dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    file: Mutex<Option<File>>,
}

impl FileLock {
    /// Locks the database at `path` by its `.lock` file.
    pub(super) fn take(path: &Path) -> Result<FileLock, PortError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let refused = |source: String| PortError::refused(Seam::Store, "lock the database", source);
        let opened = File::options().create(true).truncate(false).write(true).open(&name);
        let file = opened.map_err(|error| refused(format!("{}: {error}", Path::new(&name).display())))?;
        match file.try_lock() {
            Ok(()) => Ok(FileLock { file: Mutex::new(Some(file)) }),
            Err(TryLockError::WouldBlock) => Err(refused(format!(
                "{} is in use by another process, and nodes cannot share an SQLite file: \
                 end that process, or name another file (with `trunkline up`: --data DIR)",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => {
                Err(refused(format!("{}: {error}", Path::new(&name).display())))
            }
        }
    }

    /// Lets another process have the file.
    pub(super) fn release(&self) {
        let held = self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        // To close it would not be enough: a process that is being started at this moment has it open too, until it has begun.
        if let Some(Err(error)) = held.as_ref().map(File::unlock) {
            tracing::warn!(%error, "the database stays locked until this process ends");
        }
    }
}
