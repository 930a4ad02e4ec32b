//! The command line: what may be typed, and its help.
//!
//! Promises: a wrong argument is one clear line and exit code 64; what was typed becomes typed values, and nothing else happens here.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, error::ErrorKind};

use crate::{
    config::{Flags, Request, Role, Secret},
    exit::Exit,
};

/// A clustered WebSocket messaging server.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, about = ABOUT, long_about = LONG_ABOUT)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const ABOUT: &str = "A clustered WebSocket messaging server: begin with `trunkline up`.";

// Broken by hand, for terminals of 80 columns.
const LONG_ABOUT: &str = "A clustered WebSocket messaging server: a message to a user goes straight to the
node that holds that user.

`trunkline up` runs a whole cluster on this machine, with nothing to configure.
`trunkline node -c FILE` and `trunkline gateway -c FILE` run one of each for real;
`trunkline check -c FILE` says beforehand what a file means, and what is wrong.

Exit codes: 0 drained or done; 64 a bad configuration or argument; 69 something
needed never came up or said no, or a port is taken; 1 a defect of Trunkline;
130 ended by a second signal.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole cluster in this process: nodes, a gateway and the chat page, on loopback
    Up(UpArgs),
    /// Run one node
    Node(NodeArgs),
    /// Run one gateway
    Gateway(GatewayArgs),
    /// Say what a file means, and what in it is wrong, without starting anything
    Check(CheckArgs),
    /// List the settings with default, unit and meaning
    Config(ConfigArgs),
    /// Make a token for trying things out
    Token(TokenArgs),
    /// Send one message to a user or a group
    Send(SendArgs),
    /// Follow a user's messages, one frame a line; evicts nobody
    Tail(TailArgs),
}

/// What lies over the file.
#[derive(Debug, Clone, Default, Args)]
pub struct Overrides {
    /// Set one key, over file and environment: --set limits.sends_per_second=0
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<Secret>,
    /// Where nodes are found: memory, nacos://HOST:8848, fixed:SERVICE=IP:PORT,...
    #[arg(long, value_name = "URL")]
    pub registry: Option<Secret>,
    /// Where sessions are found: memory, redis://HOST:6379
    #[arg(long, value_name = "URL")]
    pub directory: Option<Secret>,
    /// How nodes talk: memory, amqp://HOST:5672, rocketmq://HOST:9876
    #[arg(long, value_name = "URL")]
    pub bus: Option<Secret>,
    /// Where messages are kept: postgres://USER:PASSWORD@HOST/DATABASE, sqlite:FILE, memory, none
    #[arg(long, value_name = "URL")]
    pub store: Option<Secret>,
}

impl Overrides {
    fn flags(&self) -> Flags {
        Flags {
            set: self.set.clone(),
            registry: self.registry.clone(),
            directory: self.directory.clone(),
            bus: self.bus.clone(),
            store: self.store.clone(),
        }
    }
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// How many nodes
    #[arg(long, value_name = "N", default_value = "3", value_parser = node_count)]
    pub nodes: NonZeroUsize,
    /// The gateway's port; the HTTP interface is on the next one
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..=65534))]
    pub port: u16,
    /// Where messages are kept
    #[arg(long, value_name = "DIR", default_value = "trunkline-data")]
    pub data: PathBuf,
    /// Settings for all nodes and the gateway
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What lies over them.
    #[command(flatten)]
    pub overrides: Overrides,
}

/// Arguments of `node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The configuration
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Serve off loopback although nobody proves who he is
    #[arg(long)]
    pub insecure: bool,
    /// What lies over it.
    #[command(flatten)]
    pub overrides: Overrides,
}

/// Arguments of `gateway`.
#[derive(Debug, Args)]
pub struct GatewayArgs {
    /// The configuration; it may hold Spring Cloud Gateway's own routes
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What lies over it.
    #[command(flatten)]
    pub overrides: Overrides,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: PathBuf,
    /// For whom the file is read; by default for whom it seems to be written
    #[arg(long = "for", value_name = "ROLE")]
    pub role: Option<CheckedRole>,
    /// As if the node were started with --insecure
    #[arg(long)]
    pub insecure: bool,
    /// What lies over it.
    #[command(flatten)]
    pub overrides: Overrides,
}

/// For whom `check` reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckedRole {
    /// A node.
    Node,
    /// A gateway.
    Gateway,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Every setting, not only those that most deployments look at
    #[arg(long)]
    pub all: bool,
    /// Print the page docs/configuration.md
    #[arg(long, conflicts_with = "all")]
    pub markdown: bool,
    /// As the page docs/metrics.md
    #[arg(long, hide = true, conflicts_with_all = ["all", "markdown"])]
    pub metrics: bool,
}

/// Arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Whose token
    #[arg(long)]
    pub user: String,
    /// The configuration whose first HS256, HS384 or HS512 key signs it
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The key that signs it instead: file:PATH, base64:... or the text itself; a private key (PEM) for RS*, ES256 and EdDSA
    #[arg(long, value_name = "KEY")]
    pub key: Option<Secret>,
    /// How it is signed; with -c alone, the algorithm of the key in the file
    #[arg(long)]
    pub algorithm: Option<String>,
    /// The name of the key, for servers that have several
    #[arg(long)]
    pub kid: Option<String>,
    /// For how long it is valid
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub expires: String,
    /// What it is meant for; with -c alone, the file's auth.audience
    #[arg(long)]
    pub audience: Option<String>,
}

/// Arguments of `send`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").args(["to", "group"]).required(true))]
pub struct SendArgs {
    /// Who sends
    #[arg(long)]
    pub user: String,
    /// To whom
    #[arg(long, value_name = "USER")]
    pub to: Option<String>,
    /// To which group
    #[arg(long)]
    pub group: Option<String>,
    /// Where the cluster is
    #[command(flatten)]
    pub target: Target,
    /// What to say; it is sent as {"text":TEXT}
    pub text: String,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Whose messages
    #[arg(long)]
    pub user: String,
    /// Where the cluster is
    #[command(flatten)]
    pub target: Target,
}

/// Where a cluster is, for `send` and `tail`.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The WebSocket address, without the user
    #[arg(long, default_value = "ws://127.0.0.1:8080/ws")]
    pub url: String,
    /// The user's token
    #[arg(long)]
    pub token: Option<Secret>,
}

fn node_count(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a cluster has one node or more")
}

impl Cli {
    /// Parses arguments; help, version and errors are printed, and are how the process ends.
    pub fn parse_or_exit(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
        Cli::try_parse_from(arguments).map_err(|error| {
            // A closed terminal must not turn an exit code into another.
            drop(error.print());
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
                _ => Exit::Usage,
            }
        })
    }
}

impl UpArgs {
    /// The configuration that is asked for.
    pub fn request(&self) -> Request {
        Request {
            role: Role::Up,
            file: self.config.clone(),
            flags: self.overrides.flags(),
            insecure: false,
            data: Some(self.data.clone()),
        }
    }
}

impl NodeArgs {
    /// The configuration that is asked for.
    pub fn request(&self) -> Request {
        let flags = self.overrides.flags();
        Request { role: Role::Node, file: self.config.clone(), flags, insecure: self.insecure, data: None }
    }
}

impl GatewayArgs {
    /// The configuration that is asked for.
    pub fn request(&self) -> Request {
        Request {
            role: Role::Gateway,
            file: self.config.clone(),
            flags: self.overrides.flags(),
            insecure: false,
            data: None,
        }
    }
}

impl CheckArgs {
    /// The configuration that is asked for, for one role.
    pub fn request(&self, role: Role) -> Request {
        let file = Some(self.config.clone());
        Request { role, file, flags: self.overrides.flags(), insecure: self.insecure, data: None }
    }

    /// The role that was asked for, where one was.
    pub fn asked_role(&self) -> Option<Role> {
        self.role.map(|role| match role {
            CheckedRole::Node => Role::Node,
            CheckedRole::Gateway => Role::Gateway,
        })
    }
}
