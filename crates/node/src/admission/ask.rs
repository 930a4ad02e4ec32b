//! What a handshake asks for: which user, on which device, in which dialect, with which token.

use edge::{Answer, Upgrade, path, query};
use http::{Request, header};
use wire::id::{DeviceId, UserId};
use wire::policy::{Dialect, DialectChoice};

use crate::config::Config;

/// The subprotocol of our own dialect.
pub(super) const V1: &str = "trunkline.v1";
/// The subprotocol of the older service's dialect.
pub(super) const CLASSIC: &str = "classic";
/// What stands before a token among the subprotocols.
const BEARER: &str = "bearer.";

/// A handshake, taken apart.
#[derive(Debug)]
pub(super) struct Ask {
    /// The user that the path names.
    pub(super) user: UserId,
    /// The device.
    pub(super) device: DeviceId,
    /// What the session will speak.
    pub(super) dialect: Dialect,
    /// The subprotocol to answer with; `None` when none was offered that we know.
    pub(super) answer: Option<&'static str>,
    /// True when the client wants to resume.
    pub(super) resume: bool,
    /// The token, wherever it stood.
    pub(super) token: Option<String>,
    /// True when it stood among the subprotocols, as only browsers do it.
    pub(super) token_in_protocol: bool,
}

impl Ask {
    /// Takes a handshake apart.
    ///
    /// # Errors
    /// 400 for an id or a device that is none, and for broken escapes; 404 for a path that goes on below the user.
    pub(super) fn parse<B>(request: &Request<B>, upgrade: &Upgrade, config: &Config) -> Result<Ask, Answer> {
        let below = path::below(request.uri().path(), &config.path)
            .ok_or_else(|| Answer::not_found("sessions are opened below the path of ws.path"))?;
        if below.contains('/') {
            return Err(Answer::not_found("there is nothing below a user's path"));
        }
        let user = path::segment(below).map_err(|error| Answer::bad_request(format!("user: {error}")))?;
        let user = user.parse().map_err(|error| Answer::bad_request(format!("{error}")))?;
        let parameter = |name: &str| {
            let value = query::value(request.uri().query(), name);
            value.map_err(|error| Answer::bad_request(format!("{name}: {error}")))
        };
        let device = match parameter("device")? {
            Some(device) => device.parse().map_err(|error| Answer::bad_request(format!("{error}")))?,
            None => DeviceId::default(),
        };
        let resume = parameter("resume")?.is_some_and(|value| value == "1");
        let (dialect, answer) = dialect(config.dialects, &upgrade.offered);
        let in_protocol = upgrade.offered.iter().find_map(|word| word.strip_prefix(BEARER));
        let token = match (bearer(request), in_protocol) {
            (Some(token), _) => Some(token),
            (None, Some(token)) => Some(token.to_owned()),
            (None, None) => parameter("token")?.filter(|token| !token.is_empty()),
        };
        let token_in_protocol = in_protocol.is_some();
        Ok(Ask { user, device, dialect, answer, resume, token, token_in_protocol })
    }

    /// True when a token may still come in a `hello`.
    pub(super) fn may_say_hello(&self) -> bool {
        self.dialect == Dialect::V1
    }
}

/// What the session speaks, and which of the offered subprotocols is answered.
fn dialect(choice: DialectChoice, offered: &[String]) -> (Dialect, Option<&'static str>) {
    let offers = |name: &str| offered.iter().any(|word| word == name);
    let v1 = offers(V1).then_some(V1);
    let classic = offers(CLASSIC).then_some(CLASSIC);
    match choice {
        DialectChoice::Trunkline => (Dialect::V1, v1),
        DialectChoice::Classic if v1.is_some() => (Dialect::V1, v1),
        DialectChoice::Classic => (Dialect::Classic, classic),
        DialectChoice::Both if v1.is_none() && classic.is_some() => (Dialect::Classic, classic),
        DialectChoice::Both => (Dialect::V1, v1),
    }
}

fn bearer<B>(request: &Request<B>) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(choice: DialectChoice, offered: &[&str]) -> (Dialect, Option<&'static str>) {
        let offered: Vec<String> = offered.iter().map(|&word| word.to_owned()).collect();
        dialect(choice, &offered)
    }

    #[test]
    fn the_dialect_follows_the_offer_where_the_deployment_knows_both() {
        use DialectChoice::{Both, Classic, Trunkline};
        assert_eq!(spoken(Trunkline, &[]), (Dialect::V1, None));
        assert_eq!(spoken(Trunkline, &["classic"]), (Dialect::V1, None));
        assert_eq!(spoken(Trunkline, &["x", "trunkline.v1"]), (Dialect::V1, Some(V1)));
        assert_eq!(spoken(Classic, &[]), (Dialect::Classic, None));
        assert_eq!(spoken(Classic, &["stomp"]), (Dialect::Classic, None));
        assert_eq!(spoken(Classic, &["trunkline.v1"]), (Dialect::V1, Some(V1)));
        assert_eq!(spoken(Both, &[]), (Dialect::V1, None));
        assert_eq!(spoken(Both, &["classic"]), (Dialect::Classic, Some(CLASSIC)));
        assert_eq!(spoken(Both, &["classic", "trunkline.v1"]), (Dialect::V1, Some(V1)));
    }
}
