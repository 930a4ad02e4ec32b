//! One try to log in, at a server that may be away.

use testkit::client::{PATIENCE, RawClient, V1Client};

/// A welcomed session; `None` where the server cannot be reached, says 503, or is gone before `welcome`.
///
/// # Panics
///
/// When it answers anything else: a client would not come back after that.
pub(crate) async fn try_once(url: &str) -> Option<V1Client> {
    let opened = RawClient::try_open(url, |handshake| handshake.protocols("trunkline.v1")).await.ok()?;
    let raw = match opened {
        Ok((raw, _)) => raw,
        Err(answer) => {
            assert_eq!(answer.status, 503, "{url}: {answer:?}");
            return None;
        }
    };
    let mut client = V1Client::over(raw, url);
    client.welcome = client.try_next(PATIENCE).await.ok()?;
    if client.welcome["type"] == "bye" {
        return None;
    }
    assert_eq!(client.welcome["type"], "welcome", "{url}: {}", client.welcome);
    Some(client)
}
