//! What a client can be told: addresses, time-outs, limits.  Every value has a default that suits a broker near by.

use std::time::Duration;

use crate::Error;

/// Settings of a [`crate::Client`].
///
/// ```
/// let mut config = rocketmq::Config::new(["10.0.0.4:9876", "10.0.0.5:9876"]);
/// config.producer_group = "orders".to_owned();
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    /// Name servers, each `host:port`.
    /// They are asked in turn: the one that answered last stays the first choice.
    pub name_servers: Vec<String>,
    /// The group under which this client sends; it is shown by the broker's tools.
    pub producer_group: String,
    /// The name under which the broker's tools list this client.
    /// `None`: one is made that no other process has.
    pub client_id: Option<String>,
    /// Longest time to open one TCP connection.
    pub connect_timeout: Duration,
    /// Longest time of one request, the wait for a connection included.
    pub request_timeout: Duration,
    /// Shortest and longest pause before a broken connection is tried again; the real one is random in between.
    pub reconnect_pause: (Duration, Duration),
    /// How often brokers are told that this client lives; they close connections that are silent for 120 s.
    pub heartbeat_every: Duration,
    /// How often the routes of topics in use are asked for again; errors ask for them at once.
    pub route_refresh_every: Duration,
    /// How long the broker holds a pull that finds nothing.
    pub poll_suspend: Duration,
    /// A [`crate::Follower`] that did not hear a queue for this long says so.
    pub deaf_after: Duration,
    /// Requests without an answer on one connection (pulls that wait at the broker not counted); more wait for their turn.
    pub in_flight_max: usize,
    /// Items that a [`crate::Follower`] holds ready for its reader; when full, it stops pulling.
    pub follow_buffer_items_max: usize,
    /// The largest frame that is read; the server's own default limit is 16 MiB.
    pub frame_bytes_max: usize,
    /// The largest body, or batch of bodies, that is sent; the broker's own default limit is 4 MiB.
    pub body_bytes_max: usize,
    /// The largest body that a compressed message may inflate to.
    pub inflated_bytes_max: usize,
}

impl Config {
    /// The default settings with these name servers.
    pub fn new(name_servers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name_servers: name_servers.into_iter().map(Into::into).collect(),
            producer_group: "rocketmq-rust".to_owned(),
            client_id: None,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(3),
            reconnect_pause: (Duration::from_millis(50), Duration::from_millis(100)),
            heartbeat_every: Duration::from_secs(30),
            route_refresh_every: Duration::from_secs(30),
            poll_suspend: Duration::from_secs(15),
            deaf_after: Duration::from_secs(1),
            in_flight_max: 1_024,
            follow_buffer_items_max: 256,
            frame_bytes_max: 16 << 20,
            body_bytes_max: 4 << 20,
            inflated_bytes_max: 4 << 20,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.name_servers.is_empty() {
            return Err(Error::invalid("no name server is configured"));
        }
        for address in &self.name_servers {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
            if port.is_none_or(|port| port.parse::<u16>().is_err()) {
                return Err(Error::invalid(format!("name server `{address}` is not `host:port`")));
            }
        }
        crate::name::check_group(&self.producer_group)?;
        if self.reconnect_pause.0 > self.reconnect_pause.1 {
            return Err(Error::invalid("reconnect_pause: the shortest pause is longer than the longest"));
        }
        for (name, value) in [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
            ("heartbeat_every", self.heartbeat_every),
            ("route_refresh_every", self.route_refresh_every),
            ("poll_suspend", self.poll_suspend),
        ] {
            if value.is_zero() {
                return Err(Error::invalid(format!("{name} is zero")));
            }
        }
        for (name, value) in [
            ("in_flight_max", self.in_flight_max),
            ("follow_buffer_items_max", self.follow_buffer_items_max),
            ("frame_bytes_max", self.frame_bytes_max),
        ] {
            if value == 0 {
                return Err(Error::invalid(format!("{name} is zero")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_without_a_port_is_refused_before_anything_starts() {
        for wrong in ["", "localhost", ":9876", "localhost:", "localhost:99999", "localhost:http"] {
            let error = Config::new([wrong]).check().expect_err(wrong);
            assert!(matches!(error, Error::Invalid { .. }), "{wrong}: {error}");
        }
        assert!(Config::new(Vec::<String>::new()).check().is_err());
        assert!(Config::new(["localhost:9876", "[::1]:9876"]).check().is_ok());
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        let mut config = Config::new(["localhost:9876"]);
        config.in_flight_max = 0;
        assert!(config.check().is_err());
    }
}
