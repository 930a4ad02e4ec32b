//! The binary: hands the command line to what does it, and turns how that ended into an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ports::Clock;
use trunkline::{
    check,
    cli::{Cli, Command, ConfigArgs, TokenArgs},
    config::{self, ProcessEnvironment},
    exit::Exit,
    metrics_page, run, token,
};

/// It gives back what a storm of sessions took, which the C library's does not. How long it waits with that is said in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let exit = match Cli::parse_or_exit(std::env::args_os()) {
        Ok(cli) => perform(cli.command),
        Err(exit) => exit,
    };
    exit.into()
}

fn perform(command: Command) -> Exit {
    let mut out = io::stdout().lock();
    let ended = match command {
        Command::Check(arguments) => check::run(&arguments, &ProcessEnvironment, &mut out),
        Command::Config(arguments) => print_settings(&arguments, &mut out),
        Command::Up(arguments) => return run::up::up(&arguments),
        Command::Node(arguments) => return run::node::node(&arguments),
        Command::Gateway(arguments) => return run::gateway::gateway(&arguments),
        Command::Send(arguments) => return run::talk::send(&arguments),
        Command::Tail(arguments) => return run::talk::tail(&arguments),
        Command::Token(arguments) => print_token(&arguments, &mut out),
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
    let page = match arguments {
        ConfigArgs { metrics: true, .. } => metrics_page::page(),
        ConfigArgs { markdown: true, .. } => config::configuration_page(),
        ConfigArgs { all, .. } => config::settings_list(*all),
    };
    out.write_all(page.as_bytes())?;
    Ok(Exit::Done)
}

fn print_token(arguments: &TokenArgs, out: &mut dyn Write) -> io::Result<Exit> {
    let now_seconds = Clock::System.unix_ms() / 1_000;
    match token::make(arguments, &ProcessEnvironment, now_seconds) {
        Ok(token) => writeln!(out, "{token}").map(|()| Exit::Done),
        Err(problems) => Ok(run::Failure::from(problems).print()),
    }
}
