//! A login that a gateway in front has checked: who may say who somebody is, through real processes.

use std::time::Duration;

use tempfile::TempDir;
use testkit::client::{RawClient, V1Client};
use testkit::http::Http;
use testkit::process::{Process, Program};
use testkit::{poll, ports, scratch};

use crate::deployment::TRUNKLINE;

const READY_DEADLINE: Duration = Duration::from_secs(30);

async fn start(verb: &str, file: &str, alive: u16) -> (Process, TempDir) {
    let folder = scratch::folder("forged");
    std::fs::write(folder.path().join("trunkline.yml"), file).unwrap();
    let process =
        Program::new(TRUNKLINE).arg(verb).args(["-c", "trunkline.yml"]).folder(folder.path()).start();
    let http = Http::at(&format!("http://127.0.0.1:{alive}"));
    poll::until("it is ready", READY_DEADLINE, async || {
        http.try_request("GET", "/readyz", None).await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    (process, folder)
}

#[tokio::test]
async fn a_stranger_cannot_name_himself_through_the_gateway_and_a_trusted_one_can() {
    let (ws, api) = (ports::free(), ports::free());
    let file = format!(
        "ws: {{ port: {ws}, trusted_proxies: [127.0.0.1] }}\napi: {{ listen: \"127.0.0.1:{api}\" }}\n\
         auth: {{ user_header: X-Login }}\nstore: memory\n"
    );
    let _node = start("node", &file, ws).await;
    for (proxies, is_let_in) in [("[]", false), ("[127.0.0.1]", true)] {
        let (front, inner) = (ports::free(), ports::free());
        let gateway = format!(
            "registry: fixed:trunkline=127.0.0.1:{ws}\nauth: {{ user_header: X-Login }}\n\
             gateway: {{ listen: \"127.0.0.1:{front}\", api: \"127.0.0.1:{inner}\", trusted_proxies: {proxies}, state: instances }}\n"
        );
        let _gateway = start("gateway", &gateway, inner).await;
        let url = format!("ws://127.0.0.1:{front}/ws/1");
        for header in ["X-Login", "x-login"] {
            let opened = V1Client::open(&url, |handshake| handshake.header(header, "1")).await;
            match opened {
                Ok(_) => assert!(is_let_in, "a stranger named himself by {header}"),
                Err(answer) => assert_eq!((answer.status, is_let_in), (401, false), "{header}: {answer:?}"),
            }
        }
        // Nobody is somebody without the header.
        assert_eq!(RawClient::open(&url, |handshake| handshake).await.unwrap_err().status, 401);
    }
}
