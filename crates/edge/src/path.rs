//! Reading a request path: the part below a base, and one segment decoded once.

use percent_encoding::percent_decode_str;

/// Why a segment of a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSegment {
    /// `%` without two hexadecimal digits.
    #[error("a broken percent-escape")]
    BrokenEscape,
    /// An escape that stands for `/`.
    #[error("an escape hides `/`")]
    HiddenSlash,
    /// A control character, escaped or not.
    #[error("a control character")]
    Control,
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
}

/// What stands below `base` in a raw path: `1` in `/ws/1` below `/ws`. `None` when the path is elsewhere, or `base` itself.
/// Compares bytes; nothing is decoded or normalised.
pub fn below<'a>(raw: &'a str, base: &str) -> Option<&'a str> {
    let rest = raw.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/')?;
    (!rest.is_empty()).then_some(rest)
}

/// Decodes one segment of a raw path, once: `%40` becomes `@`, `%2540` becomes `%40`.
pub fn segment(raw: &str) -> Result<String, BadSegment> {
    let text = decoded(raw)?;
    if text.contains('/') {
        return Err(BadSegment::HiddenSlash);
    }
    if text.chars().any(char::is_control) {
        return Err(BadSegment::Control);
    }
    Ok(text)
}

/// Percent-decodes once; a broken escape is an error, not a literal `%`.
pub(crate) fn decoded(raw: &str) -> Result<String, BadSegment> {
    let mut escapes = raw.split('%');
    // What stands before the first `%`.
    escapes.next();
    let whole =
        |escape: &str| escape.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !escapes.all(whole) {
        return Err(BadSegment::BrokenEscape);
    }
    Ok(percent_decode_str(raw).decode_utf8().map_err(|_| BadSegment::NotUtf8)?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_decoded_once() {
        assert_eq!(segment("a%40b.c").as_deref(), Ok("a@b.c"));
        assert_eq!(segment("a%2540b").as_deref(), Ok("a%40b"));
        assert_eq!(segment("%E5%BC%A0").as_deref(), Ok("张"));
        assert_eq!(segment("").as_deref(), Ok(""));
    }

    #[test]
    fn what_hides_something_is_refused() {
        assert_eq!(segment("1%2F..%2F2"), Err(BadSegment::HiddenSlash));
        assert_eq!(segment("1%2f2"), Err(BadSegment::HiddenSlash));
        assert_eq!(segment("1%0a"), Err(BadSegment::Control));
        assert_eq!(segment("1%00"), Err(BadSegment::Control));
        assert_eq!(segment("%C2%85"), Err(BadSegment::Control));
        assert_eq!(segment("%FF"), Err(BadSegment::NotUtf8));
        for broken in ["%", "1%4", "%zz", "%4g1", "a%b%20", "%%40"] {
            assert_eq!(segment(broken), Err(BadSegment::BrokenEscape), "{broken}");
        }
    }

    #[test]
    fn below_a_base_compares_whole_segments() {
        assert_eq!(below("/ws/1", "/ws"), Some("1"));
        assert_eq!(below("/ws/1/2", "/ws/"), Some("1/2"));
        assert_eq!(below("/1", "/"), Some("1"));
        assert_eq!(below("/ws", "/ws"), None);
        assert_eq!(below("/ws/", "/ws"), None);
        assert_eq!(below("/wsx/1", "/ws"), None);
        assert_eq!(below("/%77s/1", "/ws"), None);
    }
}
