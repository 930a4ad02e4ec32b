//! The two parts of `ws://host:port/path?query` or `http://…` that a test client needs.

/// Splits into `host:port` and the path with its query (`/` where there is none).
///
/// # Panics
///
/// When the scheme is neither `ws` nor `http`, or the port is missing.
pub(crate) fn split(url: &str) -> (&str, &str) {
    let Some(rest) = url.strip_prefix("ws://").or_else(|| url.strip_prefix("http://")) else {
        panic!("{url:?} begins neither with ws:// nor with http://");
    };
    let path_at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(path_at);
    assert!(host.contains(':'), "{url:?} has no port");
    (host, if path.is_empty() { "/" } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_keeps_its_escapes_and_its_query() {
        assert_eq!(split("ws://127.0.0.1:80/ws/%40?a=b/c"), ("127.0.0.1:80", "/ws/%40?a=b/c"));
        assert_eq!(split("http://localhost:1"), ("localhost:1", "/"));
    }
}
