//! Pages that restate code are written by it: this writes them again. Tests compare them.

use crate::code_map;
use crate::shell::{Done, Problem, cargo_program, root};

/// Generated pages, and the arguments of the binary that print each.
const PAGES: [(&str, &[&str]); 2] =
    [("docs/configuration.md", &["config", "--markdown"]), ("docs/metrics.md", &["config", "--metrics"])];

/// Writes the pages.
pub fn run() -> Done {
    for (page, arguments) in PAGES {
        let mut command = cargo_program(&["run", "--quiet", "--package", "trunkline", "--"]);
        let output = command.args(arguments).output().map_err(|error| Problem(format!("{page}: {error}")))?;
        if !output.status.success() {
            return Err(Problem(format!("{page}: {}", String::from_utf8_lossy(&output.stderr))));
        }
        std::fs::write(root().join(page), output.stdout)
            .map_err(|error| Problem(format!("{page}: {error}")))?;
    }
    code_map::write()
}
