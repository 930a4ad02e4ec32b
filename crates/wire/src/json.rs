//! Checks on JSON text that is carried as it was written: depth, and surrogates that would break some readers for ever.
//!
//! Syntax is serde_json's affair; whoever calls these has a [`RawValue`] or is about to parse the text.

use serde_json::value::RawValue;

/// Why a JSON text cannot be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadJson {
    /// Arrays and objects nest deeper than the limit.
    #[error("nested deeper than {max}")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// An escape names half of a character.
    #[error("a lone surrogate escape")]
    LoneSurrogate,
}

/// True when arrays and objects nest at most `max` deep. Looks at brackets outside strings only; the text need not be valid JSON.
pub fn is_shallow(text: &str, max: usize) -> bool {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// True when a JSON text is an object. Whoever is given a list would otherwise read it as the object's fields in their order.
pub fn is_object(text: &str) -> bool {
    text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{')
}

/// Checks a value that is to be kept and handed on as it stands.
pub fn check_carried(value: &RawValue, depth_max: usize) -> Result<(), BadJson> {
    let text = value.get();
    if !is_shallow(text, depth_max) {
        return Err(BadJson::TooDeep { max: depth_max });
    }
    if has_lone_surrogate(text) {
        return Err(BadJson::LoneSurrogate);
    }
    Ok(())
}

/// True when a `\uD800` to `\uDFFF` escape stands without its other half. The text must be valid JSON.
fn has_lone_surrogate(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == b'\\')) {
        let escape = at + found;
        let Some(unit) = unicode_escape(bytes, escape) else {
            at = escape + 2;
            continue;
        };
        at = escape + 6;
        match unit {
            0xd800..=0xdbff => match unicode_escape(bytes, at) {
                Some(0xdc00..=0xdfff) => at += 6,
                _ => return true,
            },
            0xdc00..=0xdfff => return true,
            _ => {}
        }
    }
    false
}

/// The UTF-16 unit of a `\uXXXX` escape that starts at `at`.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let hex = escape.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

/// Appends `text` as a JSON string, quotes included.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX.get(usize::from(byte >> 4)).copied().unwrap_or(b'0'));
                out.push(HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0'));
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends a decimal number.
pub fn push_number(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    use std::io::Write;
    // Writing to a vector does not fail.
    let _written = write!(out, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn half_a_character_is_refused_and_a_whole_one_is_not() {
        assert_eq!(check_carried(&raw(r#""\ud83d\ude00""#), 16), Ok(()));
        assert_eq!(check_carried(&raw(r#""\\ud83d""#), 16), Ok(()), "an escaped backslash is no escape");
        for bad in
            [r#""\ud83d""#, r#""\ude00""#, r#""\ud83dx""#, r#"{"\uDC00":1}"#, r#""\ud83d\ud83d\ude00""#]
        {
            assert_eq!(check_carried(&raw(bad), 16), Err(BadJson::LoneSurrogate), "{bad}");
        }
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert!(is_shallow(r#"["[[[[", "\"[["]"#, 1));
        assert!(!is_shallow("[[1]]", 1));
        assert!(is_shallow(&format!("{}{}", "[".repeat(16), "]".repeat(16)), 16));
    }

    #[test]
    fn strings_are_escaped_as_json_reads_them() {
        let mut out = Vec::new();
        push_string(&mut out, "a\"b\\c\nd\u{1}é");
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), "a\"b\\c\nd\u{1}é");
    }
}
