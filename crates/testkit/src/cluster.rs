//! The built binary, run as the processes of a cluster.
//!
//! The caller gives the path: tests beside the binary pass `env!("CARGO_BIN_EXE_trunkline")`.
//! Nothing here knows a setting: a configuration is the text that the test wrote.

mod instance;
mod up;

pub use instance::Instance;
pub use up::Up;
