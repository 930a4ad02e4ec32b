//! The binary: hands the command line to what does it, and turns how that ended into an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use trunkline::{
    check,
    cli::{Cli, Command, ConfigArgs},
    config::{self, ProcessEnvironment},
    exit::Exit,
};

fn main() -> ExitCode {
    let exit = match Cli::parse_or_exit(std::env::args_os()) {
        Ok(cli) => run(cli.command),
        Err(exit) => exit,
    };
    exit.into()
}

fn run(command: Command) -> Exit {
    let mut out = io::stdout().lock();
    let ended = match command {
        Command::Check(arguments) => check::run(&arguments, &ProcessEnvironment, &mut out),
        Command::Config(arguments) => print_settings(&arguments, &mut out),
        Command::Up(_)
        | Command::Node(_)
        | Command::Gateway(_)
        | Command::Token(_)
        | Command::Send(_)
        | Command::Tail(_) => Err(io::Error::other("not wired yet")),
    };
    ended.unwrap_or_else(|error| {
        // Whoever reads closed the pipe (`trunkline config --all | head`): nobody is left to be told.
        if error.kind() != io::ErrorKind::BrokenPipe {
            drop(writeln!(io::stderr(), "trunkline: {error}"));
        }
        Exit::Defect
    })
}

fn print_settings(arguments: &ConfigArgs, out: &mut dyn Write) -> io::Result<Exit> {
    let page =
        if arguments.markdown { config::configuration_page() } else { config::settings_list(arguments.all) };
    out.write_all(page.as_bytes())?;
    Ok(Exit::Done)
}
