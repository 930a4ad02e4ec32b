//! What a Redis says of itself.

use std::sync::Arc;

use ::redis::{Cmd, Value, cmd};

/// What a Redis says of itself, as far as it matters here.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ServerInfo {
    /// Another one: another server, or another life of the same.
    pub(super) run_id: Option<Arc<str>>,
    /// Whether it takes no writes of ours.
    pub(super) is_replica: bool,
    maxmemory_policy: Option<String>,
}

impl ServerInfo {
    /// What to ask.
    pub(super) fn questions() -> [Cmd; 3] {
        ["server", "replication", "memory"].map(|section| {
            let mut command = cmd("INFO");
            command.arg(section);
            command
        })
    }

    /// Reads the answers, in any order; what was not answered is not known.
    pub(super) fn read(answers: impl IntoIterator<Item = Value>) -> ServerInfo {
        let mut info = ServerInfo::default();
        for answer in answers {
            let Ok(text) = ::redis::from_redis_value::<String>(answer) else { continue };
            for line in text.lines() {
                match line.trim_end().split_once(':') {
                    Some(("run_id", id)) => info.run_id = Some(id.into()),
                    Some(("role", role)) => info.is_replica = role != "master",
                    Some(("maxmemory_policy", policy)) => info.maxmemory_policy = Some(policy.to_owned()),
                    _ => {}
                }
            }
        }
        info
    }

    /// What a person should know.
    pub(super) fn warning(&self) -> Option<String> {
        let policy = self.maxmemory_policy.as_deref().filter(|policy| *policy != "noeviction")?;
        Some(format!(
            "redis may throw the directory's keys away when its memory is full: maxmemory-policy is {policy}, set it to noeviction"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_found_and_the_rest_is_skipped() {
        let answers = [
            "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n",
            "role:slave\r\n",
            "maxmemory_policy:allkeys-lru\r\n",
        ];
        let info = ServerInfo::read(answers.map(|text| Value::BulkString(text.into())));
        assert_eq!((info.run_id.as_deref(), info.is_replica), (Some("abc"), true));
        assert!(info.warning().unwrap().contains("allkeys-lru"));
        assert_eq!(ServerInfo::read([Value::Nil]), ServerInfo::default());
        assert_eq!(ServerInfo::default().warning(), None);
    }
}
