//! How a Nacos is reached, and as what.

use std::fmt;
use std::time::Duration;

/// Settings of a [`super::NacosRegistry`].
#[derive(Clone)]
pub struct NacosOptions {
    /// Its servers, each `host:port` of the HTTP interface; at least one.
    pub servers: Vec<String>,
    /// The user, where it asks for one.
    pub user: Option<String>,
    /// The user's password; it is never printed.
    pub password: Option<String>,
    /// The namespace's id; empty is the public one.
    pub namespace: String,
    /// The group of the services.
    pub group: String,
    /// The cluster that our instances belong to; those of other clusters are not shown.
    pub cluster: String,
    /// How often an announced instance is looked up, to be written again when it is missing twice; 0 is never.
    pub self_check_every: Duration,
    /// How often the list of a watched service is asked for, beside what is pushed; 0 is never.
    pub poll_every: Duration,
}

impl NacosOptions {
    /// These servers with the defaults of Nacos and Spring: public namespace, `DEFAULT_GROUP`, `DEFAULT`, no user.
    pub fn new(servers: impl IntoIterator<Item = impl Into<String>>) -> NacosOptions {
        NacosOptions {
            servers: servers.into_iter().map(Into::into).collect(),
            user: None,
            password: None,
            namespace: String::new(),
            group: "DEFAULT_GROUP".to_owned(),
            cluster: super::listing::CLUSTER_DEFAULT.to_owned(),
            self_check_every: Duration::from_secs(5),
            poll_every: Duration::from_secs(10),
        }
    }

    /// Until the next look at our own entry.
    pub(super) fn self_check_pause(&self) -> Duration {
        or_never(self.self_check_every)
    }

    /// Until the next question for a list.
    pub(super) fn poll_pause(&self) -> Duration {
        or_never(self.poll_every)
    }

    /// The servers for people.
    pub(super) fn addresses(&self) -> String {
        self.servers.join(",")
    }
}

fn or_never(every: Duration) -> Duration {
    const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
    if every.is_zero() { NEVER } else { every }
}

impl fmt::Debug for NacosOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NacosOptions")
            .field("servers", &self.servers)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "..."))
            .field("namespace", &self.namespace)
            .field("group", &self.group)
            .field("cluster", &self.cluster)
            .field("self_check_every", &self.self_check_every)
            .field("poll_every", &self.poll_every)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_0_is_no_busy_loop() {
        let options = NacosOptions { self_check_every: Duration::ZERO, ..NacosOptions::new(["h:1"]) };
        assert!(options.self_check_pause() > Duration::from_secs(3600));
        assert_eq!(options.poll_pause(), Duration::from_secs(10));
    }

    #[test]
    fn a_password_is_never_printed() {
        let options = NacosOptions { password: Some("s3cret".to_owned()), ..NacosOptions::new(["h:1"]) };
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
