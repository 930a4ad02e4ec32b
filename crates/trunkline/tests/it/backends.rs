//! A back end that is named wrongly, is away, or refuses: one clear line, the right exit code, and never a password.
//!
//! A port that is taken, and a file that another process holds, are with second processes.
//! What is read off a process is its exit code and everything that it printed; log lines are JSON here, and the clear line is not.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use testkit::process::{Process, Program, Stream};
use testkit::servers::{Nacos, NacosOptions, Redis};
use testkit::{poll, ports, scratch};
use tokio::time::Instant;

use crate::deployment::TRUNKLINE;

/// In every URL here where a password may stand.
const PASSWORD: &str = "hunter2-never-shown";
/// What the servers here ask for.
const RIGHT: &str = "right-and-never-shown";
/// From the start of a process that must not go on to its end.
const END_DEADLINE: Duration = Duration::from_secs(30);
/// "At once", for a process that may wait a minute for what is away.
const AT_ONCE: Duration = Duration::from_secs(10);
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// A process that was started to fail, and what it was started with.
struct Attempt {
    process: Process,
    began: Instant,
    _folder: TempDir,
}

/// How it ended.
struct Ended {
    code: i32,
    line: String,
    took: Duration,
}

impl Attempt {
    /// A node with this file; the ports are free ones.
    fn node(file: &str, more: &[&str]) -> Attempt {
        let (ws, api) = (ports::free(), ports::free());
        let file = format!("ws: {{ port: {ws} }}\napi: {{ listen: \"127.0.0.1:{api}\" }}\n{file}");
        Attempt::start("node", &file, more, &[])
    }

    /// A gateway with this file.
    fn gateway(file: &str) -> Attempt {
        let (port, api) = (ports::free(), ports::free());
        let listen = format!(
            "gateway: {{ listen: \"127.0.0.1:{port}\", api: \"127.0.0.1:{api}\", state: instances }}\n"
        );
        Attempt::start("gateway", &format!("{listen}{file}"), &[], &[])
    }

    fn start(verb: &str, file: &str, more: &[&str], env: &[(&str, &str)]) -> Attempt {
        let folder = scratch::folder("backends");
        std::fs::write(folder.path().join("trunkline.yml"), file).unwrap();
        let mut program = Program::new(TRUNKLINE).arg(verb).args(["-c", "trunkline.yml"]).args(more);
        for (name, value) in env {
            program = program.env(*name, *value);
        }
        let process = program.folder(folder.path()).start();
        Attempt { process, began: Instant::now(), _folder: folder }
    }

    /// Waits for its end, holds what it printed against the promise, and gives its line.
    async fn ended(self) -> Ended {
        let code = self.process.exit_code(END_DEADLINE).await;
        let took = self.began.elapsed();
        self.shows_no_password();
        let said = self.process.lines(Stream::Err);
        let clear: Vec<String> = said.into_iter().filter(|line| !line.starts_with('{')).collect();
        let [line] = clear.as_slice() else {
            panic!("one clear line, not {clear:#?}\n{}", self.process.tail())
        };
        assert!(line.starts_with("trunkline: "), "{line}");
        assert!(self.process.lines(Stream::Out).is_empty(), "{}", self.process.tail());
        Ended { code, line: line.clone(), took }
    }

    fn shows_no_password(&self) {
        for stream in [Stream::Out, Stream::Err] {
            for line in self.process.lines(stream) {
                assert!(!line.contains(PASSWORD) && !line.contains(RIGHT), "{line}");
            }
        }
    }
}

impl Ended {
    /// The exit code, and what the line names.
    fn is(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}", self.line);
        for word in words {
            assert!(self.line.contains(word), "{word:?} is not in {:?}", self.line);
        }
    }
}

/// A port that nobody listens at.
fn nobody() -> String {
    format!("127.0.0.1:{}", ports::free())
}

#[tokio::test]
async fn a_url_that_cannot_be_right_is_64_and_names_its_seam() {
    #[rustfmt::skip] // A case is a line.
    let cases = [
        // Wrong schemes.
        ("registry", format!("zookeeper://u:{PASSWORD}@h"), "unknown scheme `zookeeper:`"),
        ("registry", format!("redis://u:{PASSWORD}@h"), "not supported yet"),
        ("directory", format!("redsi://u:{PASSWORD}@h"), "unknown scheme `redsi:`"),
        ("directory", format!("rediss://u:{PASSWORD}@h"), "not supported yet"),
        ("directory", format!("nacos://u:{PASSWORD}@h"), "unknown scheme `nacos:`"),
        ("bus", format!("kafka://u:{PASSWORD}@h"), "unknown scheme `kafka:`"),
        ("bus", format!("amqps://u:{PASSWORD}@h"), "not supported yet"),
        ("bus", format!("amqp://:{PASSWORD}@h"), "user and password go together"),
        ("store", format!("mysql://u:{PASSWORD}@h/db"), "not supported yet"),
        ("store", format!("postgres://u:{PASSWORD}@h/db?sslmode=require"), "TLS is not supported yet"),
        ("store", format!("postgres://:{PASSWORD}@h/db"), "a user is missing"),
        ("store", format!("oracle://u:{PASSWORD}@h/db"), "unknown scheme `oracle:`"),
        ("store", PASSWORD.to_owned(), "is no back end"),
        // Unknown parameters.
        ("registry", format!("nacos://u:{PASSWORD}@h?name_space=x"), "unknown parameter `name_space`"),
        ("directory", format!("redis://u:{PASSWORD}@h?db=2"), "unknown parameter `db`"),
        ("bus", "rocketmq://h?topic=x".to_owned(), "unknown parameter `topic`"),
        ("store", "sqlite:a.db?mode=ro".to_owned(), "takes no parameters"),
        // Hosts, ports and logins that cannot be.
        ("registry", format!("nacos://u:{PASSWORD}@"), "a host is missing"),
        ("directory", format!("redis://u:{PASSWORD}@h:99999"), "a port is not a number"),
        ("directory", format!("redis://u:{PASSWORD}/x@h"), "percent-encode"),
        ("directory", format!("redis://u:{PASSWORD}@h/two"), "not the number of a database"),
        ("bus", format!("rocketmq://u:{PASSWORD}@h"), "is not supported yet"),
    ];
    for (seam, url, words) in cases {
        let ended = Attempt::node(&format!("{seam}: \"{url}\"\n"), &[]).ended().await;
        ended.is(64, &[&format!("{seam}: "), words, "trunkline.yml:3:"]);
    }
}

#[tokio::test]
async fn a_wrong_url_is_named_and_not_shown_wherever_it_was_written() {
    let url = format!("redsi://u:{PASSWORD}@h");
    let set = format!("directory={url}");
    let unset: &[(&str, &str)] = &[];
    let variable: &[(&str, &str)] = &[("TRUNKLINE__DIRECTORY", &url)];
    let placeholder: &[(&str, &str)] = &[("DIRECTORY_URL", &url)];
    for (file, more, env) in [
        ("", vec!["--directory", &url], unset),
        ("", vec!["--set", &set], unset),
        ("", vec![], variable),
        ("directory: \"${DIRECTORY_URL}\"\n", vec![], placeholder),
    ] {
        let ended = Attempt::start("node", file, &more, env).ended().await;
        ended.is(64, &["directory", "unknown scheme `redsi:`"]);
    }
}

/// Where nothing is kept and nobody else is asked, but for what a test changes.
fn on(directory: &str, bus: &str) -> String {
    format!("directory: \"{directory}\"\nbus: \"{bus}\"\nstore: none\n")
}

#[tokio::test]
async fn a_back_end_that_never_comes_up_is_69_after_start_wait() {
    let redis = Redis::start().await;
    let (nobody_there, no_rocketmq) = (nobody(), format!("rocketmq://{}", redis.address()));
    let away = format!("redis://u:{PASSWORD}@{nobody_there}");
    let unknown_host = format!("redis://u:{PASSWORD}@no-such-host.invalid");
    let bus_away = format!("rocketmq://{}", nobody());
    #[rustfmt::skip] // A case is a line.
    let cases = [
        ("directory", on(&away, "rocketmq://127.0.0.1:1"), nobody_there.as_str()),
        ("directory", on(&unknown_host, "rocketmq://127.0.0.1:1"), "no-such-host.invalid"),
        ("bus", on(&redis.url(), &bus_away), bus_away.trim_start_matches("rocketmq://")),
        ("bus", on(&redis.url(), &no_rocketmq), ""),
    ];
    for (seam, file, words) in cases {
        let ended = Attempt::node(&file, &["--set", "start_wait=1s"]).ended().await;
        ended.is(69, &[&format!("trunkline: {seam}: could not "), words]);
        assert!(ended.took >= Duration::from_secs(1), "{seam} was not waited for: {:?}", ended.took);
    }
}

#[tokio::test]
async fn a_directory_that_refuses_us_is_69_at_once() {
    let redis = Redis::start_with(&[("requirepass", RIGHT)]).await;
    let plain = Redis::start().await;
    let (locked, open) = (redis.address(), plain.address());
    #[rustfmt::skip] // A case is a line.
    let cases = [
        (format!("redis://:{PASSWORD}@{locked}"), "refuses the user or the password"),
        (format!("redis://nobody:{PASSWORD}@{locked}"), "refuses the user or the password"),
        (format!("redis://{locked}"), "NOAUTH"),
        (format!("redis://:{PASSWORD}@{open}"), "has no password"),
        (format!("redis://{open}/99"), "no such database"),
    ];
    for (url, words) in cases {
        let ended = Attempt::node(&on(&url, "rocketmq://127.0.0.1:1"), &[]).ended().await;
        ended.is(69, &["trunkline: directory: could not ", words]);
        assert!(ended.took < AT_ONCE, "{url} was waited for: {:?}", ended.took);
    }
}

/// A Nacos that asks for a user; set up, so that it knows him.
async fn locked_nacos() -> Nacos {
    let login = Some(("nacos".to_owned(), RIGHT.to_owned()));
    let nacos = Nacos::start_with(NacosOptions { login, ..NacosOptions::default() }).await;
    let http = testkit::http::Http::at(&format!("http://{}", nacos.address()));
    let form = format!("username=nacos&password={RIGHT}");
    poll::until("the user is set up", END_DEADLINE, async || {
        let body = ("application/x-www-form-urlencoded", form.as_bytes());
        let answer = http.try_request("POST", "/nacos/v1/auth/login", Some(body)).await;
        match answer {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    nacos
}

#[tokio::test]
async fn a_registry_that_refuses_us_is_69_at_once_for_node_gateway_and_up() {
    let nacos = locked_nacos().await;
    let redis = Redis::start().await;
    let wrong = format!("nacos://nacos:{PASSWORD}@{}", nacos.address());
    let nobody = format!("nacos://{}", nacos.address());
    // The bus is away: a registry's refusal does not wait for anything else.
    let rest = on(&redis.url(), &format!("rocketmq://{}", self::nobody()));
    for (url, words) in [(&wrong, "refuses user `nacos` or its password"), (&nobody, "asks for a user")] {
        let file = format!("registry: \"{url}\"\n{rest}");
        let gateway = format!("registry: \"{url}\"\n");
        let up_port = ports::free_with(&[1]).to_string();
        let up = Attempt::start("up", &file, &["--port", &up_port, "--nodes", "1"], &[]);
        for (verb, attempt) in
            [("node", Attempt::node(&file, &[])), ("gateway", Attempt::gateway(&gateway)), ("up", up)]
        {
            let ended = attempt.ended().await;
            ended.is(69, &["trunkline: registry: could not log in at Nacos", words]);
            assert!(ended.took < AT_ONCE, "{verb} with {url}: {:?}", ended.took);
        }
    }
}

#[tokio::test]
async fn a_registry_that_is_away_is_not_waited_for_and_is_said() {
    let (away, api) = (nobody(), ports::free());
    let file = format!("registry: \"nacos://nacos:{PASSWORD}@{away}\"\n");
    let listen = format!(
        "gateway: {{ listen: \"127.0.0.1:{}\", api: \"127.0.0.1:{api}\", state: instances }}\n",
        ports::free()
    );
    let attempt = Attempt::start("gateway", &format!("{listen}{file}"), &[], &[]);
    let line = attempt.process.wait_for_line("going on without the registry", READY_DEADLINE).await;
    assert!(line.contains(&away) && line.contains("registry: could not"), "{line}");
    let http = testkit::http::Http::at(&format!("http://127.0.0.1:{api}"));
    poll::until("the gateway is alive", READY_DEADLINE, async || {
        http.try_request("GET", "/healthz", None).await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    // Again and again, until somebody looks.
    let seen = attempt.process.line_count();
    attempt.process.wait_for_line_from(seen, "going on without the registry", READY_DEADLINE).await;
    attempt.process.signal(testkit::process::Signal::Term);
    assert_eq!(attempt.process.exit_code(END_DEADLINE).await, 0);
    attempt.shows_no_password();
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_69_at_once_and_says_what_to_do() {
    let ended = Attempt::node("store: sqlite:/proc/nowhere/trunkline.db\n", &[]).ended().await;
    ended.is(69, &["trunkline: store: could not "]);
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);

    let folder = scratch::folder("store");
    std::fs::write(folder.path().join("text.db"), "this is no database, however long it is; ".repeat(100))
        .unwrap();
    let ended = Attempt::node(
        &format!("store: \"sqlite:{}\"\n", path(folder.path(), "text.db")),
        &["--set", "start_wait=1s"],
    )
    .ended()
    .await;
    ended.is(69, &["trunkline: store: could not "]);
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[tokio::test]
async fn check_says_each_mistake_in_one_line_and_reaches_no_server() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_port = taken.local_addr().unwrap().port();
    let in_use = format!("ws: {{ port: {taken_port} }}\n");
    let wrong_scheme = format!("directory: \"redsi://u:{PASSWORD}@h\"\n");
    #[rustfmt::skip] // A case is a line.
    let cases = [
        ("limits: { helo_timeout: 5s }\n", "wrong: trunkline.yml:2:11: limits.helo_timeout: unknown key; did you mean `limits.hello_timeout`?"),
        ("directory: { lease: 14s }\n", "wrong: trunkline.yml:2:21: directory.lease: 14s is shorter than three renewals of 5s; set at least 15s, or a smaller directory.renew"),
        ("auth: { keys: [{ algorithm: HS256, key: \"file:/nowhere/jwt\" }] }\n", "wrong: trunkline.yml:2:15: auth.keys[0].key: the file /nowhere/jwt cannot be read: No such file or directory (os error 2)"),
        (&wrong_scheme, "wrong: trunkline.yml:2:12: directory: unknown scheme `redsi:`; write memory or redis://HOST:6379"),
        (&in_use, "is in use: another process listens there"),
        // A server that is away is none of a file's mistakes.
        ("registry: nacos://127.0.0.1:1\ndirectory: redis://127.0.0.1:1\nbus: rocketmq://127.0.0.1:1\nstore: none\n", "nothing is wrong"),
    ];
    for (file, expected) in cases {
        let ws = if file.starts_with("ws:") {
            String::new()
        } else {
            format!("ws: {{ port: {} }}\n", ports::free())
        };
        let file = format!("{ws}{file}api: {{ listen: \"{}\" }}\n", nobody());
        let attempt = Attempt::start("check", &file, &[], &[]);
        let code = attempt.process.exit_code(END_DEADLINE).await;
        attempt.shows_no_password();
        let said = attempt.process.lines(Stream::Out);
        let wrong: Vec<&String> = said.iter().filter(|line| line.contains("wrong")).collect();
        if expected == "nothing is wrong" {
            assert_eq!((code, wrong.as_slice()), (0, [&expected.to_owned()].as_slice()), "{said:#?}");
            continue;
        }
        assert_eq!(code, 64, "{said:#?}");
        let [line, count] = wrong.as_slice() else { panic!("one line and its count: {said:#?}") };
        assert!(line.contains(expected), "{line:?} is not {expected:?}");
        assert_eq!(*count, "1 thing is wrong");
        assert!(attempt.process.lines(Stream::Err).is_empty());
    }
}
