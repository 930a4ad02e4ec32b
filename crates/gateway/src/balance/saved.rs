//! The last good lists on disk, so that a gateway starts while the registry is away.
//!
//! A file that cannot be read is worth a line, never a reason not to start. Written as a whole and renamed, so that a crash leaves
//! the old one or the new one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::registry::Instance;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

/// The lists by service.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SavedLists {
    services: BTreeMap<String, Arc<[Instance]>>,
}

const FILE: &str = "gateway-instances.json";

#[derive(Serialize, Deserialize)]
struct FileJson {
    services: BTreeMap<String, Vec<InstanceJson>>,
}

#[derive(Serialize, Deserialize)]
struct InstanceJson {
    host: String,
    port: u16,
    weight: f64,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl SavedLists {
    /// Those of pools whose last list was not empty.
    pub(crate) fn of<'a>(lists: impl Iterator<Item = (&'a str, Arc<[Instance]>)>) -> SavedLists {
        let services = lists.filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), list));
        SavedLists { services: services.collect() }
    }

    pub(crate) fn list(&self, service: &str) -> Option<Arc<[Instance]>> {
        self.services.get(service).cloned()
    }

    /// Reads them from a folder; a folder or file that is not there holds none.
    pub(crate) async fn read(folder: &Path) -> io::Result<SavedLists> {
        let text = match tokio::fs::read(folder.join(FILE)).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SavedLists::default()),
            Err(error) => return Err(error),
        };
        let file: FileJson = serde_json::from_slice(&text)?;
        let services = file.services.into_iter().map(|(service, list)| {
            let list = list.into_iter().map(|json| json.instance(&service)).collect();
            (service, list)
        });
        Ok(SavedLists { services: services.collect() })
    }

    /// Writes them into a folder, which is made if need be. What the file knows of other services is kept: another gateway may share it.
    pub(crate) async fn write(&self, folder: &Path) -> io::Result<()> {
        tokio::fs::create_dir_all(folder).await?;
        // Whoever shares the folder may have saved since; what cannot be read is replaced.
        let mut all = SavedLists::read(folder).await.unwrap_or_default();
        all.services.extend(self.services.clone());
        let services = all
            .services
            .iter()
            .map(|(name, list)| (name.clone(), list.iter().map(InstanceJson::of).collect()));
        let text = serde_json::to_vec_pretty(&FileJson { services: services.collect() })?;
        let unfinished: PathBuf = folder.join(format!("{FILE}.{}", std::process::id()));
        let mut file = tokio::fs::File::create(&unfinished).await?;
        file.write_all(&text).await?;
        file.sync_all().await?;
        tokio::fs::rename(&unfinished, folder.join(FILE)).await
    }
}

impl InstanceJson {
    fn of(instance: &Instance) -> InstanceJson {
        let Instance { host, port, weight, metadata, .. } = instance.clone();
        InstanceJson { host, port, weight, metadata }
    }

    fn instance(self, service: &str) -> Instance {
        let InstanceJson { host, port, weight, metadata } = self;
        Instance { service: service.to_owned(), host, port, weight, metadata }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(service: &str, ports: &[u16]) -> SavedLists {
        let instance = |port: &u16| Instance {
            service: service.to_owned(),
            host: "10.0.0.5".to_owned(),
            port: *port,
            weight: 0.5,
            metadata: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        };
        SavedLists::of(std::iter::once((service, ports.iter().map(instance).collect())))
    }

    #[tokio::test]
    async fn what_was_saved_is_read_again_and_an_empty_list_overwrites_nothing() {
        let scratch = testkit::scratch::folder("saved-lists");
        let folder = scratch.path().join("deep").join("er");
        assert_eq!(SavedLists::read(&folder).await.expect("read"), SavedLists::default());
        lists("a", &[1, 2]).write(&folder).await.expect("written");
        lists("b", &[3]).write(&folder).await.expect("written");
        lists("a", &[]).write(&folder).await.expect("written");
        let read = SavedLists::read(&folder).await.expect("read");
        assert_eq!(read.list("a"), lists("a", &[1, 2]).list("a"));
        assert_eq!(read.list("b"), lists("b", &[3]).list("b"));
        assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 1, "no unfinished file is left");
    }

    #[tokio::test]
    async fn a_file_that_is_no_list_is_an_error_and_is_replaced() {
        let scratch = testkit::scratch::folder("saved-lists");
        std::fs::write(scratch.path().join(FILE), "{ half a fi").expect("written");
        assert!(SavedLists::read(scratch.path()).await.is_err());
        lists("a", &[1]).write(scratch.path()).await.expect("written");
        assert_eq!(SavedLists::read(scratch.path()).await.expect("read"), lists("a", &[1]));
    }
}
