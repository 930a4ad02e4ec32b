//! What every request must be, whatever it asks for: there is only one way to read it.
//!
//! Two readers that disagree about where a request ends or whom it is for are how requests are smuggled past a proxy;
//! so whatever can be read in two ways is refused here, before anyone looks at the path.

use http::{Request, Version, header};

use crate::Answer;

/// Refuses a request that another server could understand differently.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Answer> {
    let uri = request.uri();
    if uri.scheme().is_some() || uri.authority().is_some() || !uri.path().starts_with('/') {
        return Err(Answer::bad_request("the request target must be a path that starts with `/`"));
    }
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Err(Answer::bad_request("a request needs exactly one `Host` header"));
    }
    Ok(())
}

/// True when any of several header lines holds `token` in its comma-separated list, in whatever case.
pub(crate) fn has_token(headers: &http::HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().any(|line| {
        line.as_bytes()
            .split(|byte| *byte == b',')
            .any(|word| word.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}
