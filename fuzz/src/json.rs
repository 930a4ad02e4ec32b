//! JSON as somebody else reads it.

use serde_json::Value;
use serde_json::value::RawValue;

/// True when the text is one JSON value.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// An id as text, from a string or a whole number; the older Java service writes numbers.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// How deep arrays and objects nest.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Asserts that a JSON text can be handed on to any reader, whole characters and all.
///
/// # Panics
///
/// When it cannot.
pub(crate) fn assert_readable(text: &str, depth_max: usize) {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => assert!(depth(&value) <= depth_max, "too deep: {text}"),
        // A number beyond what an f64 holds is still JSON, and is carried as it was written.
        Err(error) => assert!(error.to_string().contains("number out of range"), "{error}: {text}"),
    }
}
