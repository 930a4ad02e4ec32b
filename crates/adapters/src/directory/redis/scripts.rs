//! The Lua scripts: each touches one key, so that they run on a cluster as well, and is called by its hash.

use std::sync::LazyLock;

use ::redis::{Cmd, cmd};

/// A script and its hash.
pub(super) struct Script {
    text: String,
    hash: String,
}

/// All of them.
pub(super) struct Scripts {
    pub(super) claim: Script,
    pub(super) restore: Script,
    pub(super) release: Script,
    pub(super) forget: Script,
    pub(super) renew_lease: Script,
    pub(super) hold_name: Script,
    pub(super) give_back_name: Script,
    pub(super) push_evictions: Script,
    pub(super) drop_evictions: Script,
    pub(super) add_interest: Script,
    pub(super) drop_interest: Script,
    pub(super) settle_classic: Script,
}

/// The scripts of this build.
pub(super) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| {
    let on_user = |text: &str| Script::new(format!("{}\n{text}", include_str!("lua/user.lua")));
    let alone = |text: &str| Script::new(text.to_owned());
    Scripts {
        claim: on_user(include_str!("lua/claim.lua")),
        restore: on_user(include_str!("lua/restore.lua")),
        release: on_user(include_str!("lua/release.lua")),
        forget: on_user(include_str!("lua/forget.lua")),
        renew_lease: alone(include_str!("lua/renew_lease.lua")),
        hold_name: alone(include_str!("lua/hold_name.lua")),
        give_back_name: alone(include_str!("lua/give_back_name.lua")),
        push_evictions: alone(include_str!("lua/push_evictions.lua")),
        drop_evictions: alone(include_str!("lua/drop_evictions.lua")),
        add_interest: alone(include_str!("lua/add_interest.lua")),
        drop_interest: alone(include_str!("lua/drop_interest.lua")),
        settle_classic: alone(include_str!("lua/settle_classic.lua")),
    }
});

impl Script {
    fn new(text: String) -> Script {
        let hash = ::redis::Script::new(&text).get_hash().to_owned();
        Script { text, hash }
    }

    /// A call on one key; its arguments follow.
    pub(super) fn on(&self, key: &str) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(&self.hash).arg(1).arg(key);
        command
    }
}

impl Scripts {
    /// What makes them known to a server.
    pub(super) fn load(&self) -> Vec<Cmd> {
        let load = |script: &Script| {
            let mut command = cmd("SCRIPT");
            command.arg("LOAD").arg(&script.text);
            command
        };
        self.all().map(load).into()
    }

    fn all(&self) -> [&Script; 12] {
        [
            &self.claim,
            &self.restore,
            &self.release,
            &self.forget,
            &self.renew_lease,
            &self.hold_name,
            &self.give_back_name,
            &self.push_evictions,
            &self.drop_evictions,
            &self.add_interest,
            &self.drop_interest,
            &self.settle_classic,
        ]
    }
}
