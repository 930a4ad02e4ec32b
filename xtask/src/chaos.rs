//! A cluster on real servers, broken on a seeded schedule and judged: builds what that needs and starts it.

use crate::shell::{Done, cargo, root};

/// Runs it with these arguments: `--seed S --secs T --bus rocketmq|rabbitmq`, and `--binary PATH` for another build than the debug one.
pub fn run(arguments: &[String]) -> Done {
    let names = |flag: &str| arguments.iter().any(|argument| argument.split('=').next() == Some(flag));
    let mut command: Vec<String> = ["run", "--quiet", "--package", "chaos", "--"].map(str::to_owned).to_vec();
    command.extend(arguments.iter().cloned());
    let target = root().join("target");
    if !names("--binary") {
        cargo(&["build", "--quiet", "--package", "trunkline"])?;
        command.extend(["--binary".to_owned(), target.join("debug/trunkline").display().to_string()]);
    }
    if !names("--folder") {
        command.extend(["--folder".to_owned(), target.join("chaos").display().to_string()]);
    }
    cargo(&command.iter().map(String::as_str).collect::<Vec<_>>())
}
