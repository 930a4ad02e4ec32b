//! `trunkline check`: what a file means, and what in it is wrong.
//!
//! Promises: every problem found is one line, and the process ends with 64 where there is one; a key, a token or a password is never
//! printed. Reaches no server; it only tries whether the ports are free.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener},
};

use crate::{
    cli::CheckArgs,
    config::{Config, Environment, Loaded, Problem, Role, Spelled, understand},
    describe,
    exit::Exit,
};

/// Checks a file and says so on `out`.
pub fn run(arguments: &CheckArgs, environment: &dyn Environment, out: &mut dyn Write) -> io::Result<Exit> {
    let request = arguments.request(Role::Node);
    let spelled = match Spelled::read(request.file.as_deref(), &request.flags, environment) {
        Ok(spelled) => spelled,
        Err(problems) => {
            writeln!(out, "{problems}")?;
            return Ok(Exit::Usage);
        }
    };
    let roles = arguments.asked_role().map(|role| vec![role]).unwrap_or_else(|| spelled.roles());
    let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
    writeln!(out, "{}: read for a {}", arguments.config.display(), names.join(" and a "))?;
    let mut problems: Vec<String> = Vec::new();
    let (mut ports, mut ignored) = (Vec::new(), Vec::new());
    for role in roles {
        match understand(spelled.clone(), &arguments.request(role), environment) {
            Ok(loaded) => {
                say(&loaded, role, out)?;
                ports.extend(listeners(&loaded.config, role));
                ignored = loaded.ignored;
            }
            Err(found) => problems.extend(found.iter().map(Problem::to_string)),
        }
    }
    if !ignored.is_empty() {
        writeln!(out, "ignored: keys of others: {}", ignored.join(", "))?;
    }
    problems.extend(ports.into_iter().filter_map(|(key, address)| taken(key, address)));
    let mut said: Vec<String> = Vec::new();
    for problem in problems {
        if !said.contains(&problem) {
            writeln!(out, "wrong: {problem}")?;
            said.push(problem);
        }
    }
    match said.len() {
        0 => writeln!(out, "nothing is wrong")?,
        1 => writeln!(out, "1 thing is wrong")?,
        n => writeln!(out, "{n} things are wrong")?,
    }
    Ok(if said.is_empty() { Exit::Done } else { Exit::Usage })
}

fn say(loaded: &Loaded, role: Role, out: &mut dyn Write) -> io::Result<()> {
    for (what, meaning) in describe::lines(&loaded.config, role) {
        writeln!(out, "  {what:<10} {meaning}")?;
    }
    for warning in &loaded.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    for unread in loaded.unread.iter().filter(|_| role == Role::Gateway) {
        writeln!(out, "ignored: {unread}")?;
    }
    Ok(())
}

fn listeners(config: &Config, role: Role) -> Vec<(&'static str, SocketAddr)> {
    match role {
        Role::Gateway => {
            vec![("gateway.listen", config.gateway.listen.0), ("gateway.api", config.gateway.api.0)]
        }
        Role::Node | Role::Up => {
            vec![
                ("ws.port", SocketAddr::new(config.ws.host.0, config.ws.port.0)),
                ("api.listen", config.api.listen.0),
            ]
        }
    }
}

/// What hinders listening there, in one line.
fn taken(key: &str, address: SocketAddr) -> Option<String> {
    let error = TcpListener::bind(address).err()?;
    Some(match error.kind() {
        io::ErrorKind::AddrInUse => format!("{key}: {address} is in use: another process listens there"),
        io::ErrorKind::AddrNotAvailable => format!("{key}: {} is no address of this machine", address.ip()),
        io::ErrorKind::PermissionDenied => format!("{key}: {address} may not be listened at by this user"),
        _ => format!("{key}: {address} cannot be listened at: {error}"),
    })
}
