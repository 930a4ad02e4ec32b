//! The machine that figures are of.

use std::fs;

use serde::Serialize;

/// What figures depend on besides the code.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// As the processor calls itself.
    pub(crate) cpu: String,
    /// How many cores this program may use.
    pub(crate) cores: usize,
    /// Linux' version.
    pub(crate) kernel: String,
}

impl Machine {
    /// This machine.
    pub(crate) fn read() -> Machine {
        let unknown = || "unknown".to_owned();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        Machine {
            cpu: model.map_or_else(unknown, |(_, model)| model.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.map_or_else(|_| unknown(), |kernel| kernel.trim().to_owned()),
        }
    }
}
