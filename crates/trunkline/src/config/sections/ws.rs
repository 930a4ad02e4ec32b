//! Section `ws`.

use crate::config::{
    scalar::{ClassicGroup, Devices, Dialects, Host, Net, Origin, Path, Port, ServiceName, Text},
    settings::section,
};

section! {
    /// Where and how clients are let in.
    Ws in "ws" {
        /// The service's name: in the registry, in routes (`lb:ws://<name>`), in the directory's keys and in envelopes.
        main name: ServiceName = Is("trunkline");
        /// A client connects to this path and its user id: `/ws/42`.
        main path: Path = Is("/ws");
        /// The address to listen at; `0.0.0.0` is all of IPv4, `::` everything.
        main host: Host = Is("127.0.0.1");
        /// The port to listen at.
        main port: Port = Is("19998");
        /// `trunkline` speaks `trunkline.v1` alone; `classic` speaks the frames of the older Java service unless `trunkline.v1` is offered;
        /// `both` speaks `trunkline.v1` unless `classic` is offered.
        main dialect: Option<Dialects> = Said("`trunkline`; in `up`, `both`");
        /// Whom a new login ends: the user's only session, the one of the same device, or, with `many`, none up to `limits.devices_max`.
        main devices: Devices = Is("per_device");
        /// The pages that may connect. Empty: with keys or `--insecure` any; in development mode the node's own page and loopback.
        main origins: Vec<Origin> = Is("[]");
        /// The proxies whose `X-Forwarded-For` names the client.
        main trusted_proxies: Option<Vec<Net>> = Said("loopback, the private networks and 100.64.0.0/10");
        /// Whom a group message of the classic dialect reaches; `members` needs a store.
        fine classic_group: ClassicGroup = Is("everyone");
        /// Whether classic clients get a frame `{"error":{"code","reason"}}` where the Java original was silent.
        fine classic_errors: bool = Is("false");
        /// The text that a classic client gets before another login ends it.
        fine classic_note: Text = Is("在别处上线了，请在新的设备上查看消息！");
    }
}
