//! Canonical JSON (RFC 8785) for the part of JSON that the books use: no floats, ASCII keys.

use serde_json::Value;

/// Why a text is not canonical JSON of the books.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON at all.
    #[error("the text is not JSON")]
    Syntax(#[source] serde_json::Error),
    /// Another spelling of the same value, a float, a large integer or a key outside ASCII.
    #[error("the text is not canonical JSON")]
    NotCanonical,
}

/// The largest integer that every JSON reader keeps exactly (2^53 - 1); larger amounts are written as text.
const EXACT: u64 = (1 << 53) - 1;

fn admissible(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => {
            number.as_u64().is_some_and(|n| n <= EXACT)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() <= EXACT)
        }
        Value::Array(items) => items.iter().all(admissible),
        Value::Object(map) => map.iter().all(|(key, item)| key.is_ascii() && admissible(item)),
    }
}

/// The canonical text of `value`.
///
/// # Errors
/// [`JsonError::NotCanonical`] for floats, integers above 2^53 - 1 and keys outside ASCII.
pub fn to_canonical(value: &Value) -> Result<String, JsonError> {
    if !admissible(value) {
        return Err(JsonError::NotCanonical);
    }
    // serde_json escapes strings as section 3.2.2.2 asks. Its objects are in byte order of their keys, which for ASCII is the order of
    // section 3.2.3, unless some crate of the build turns on its feature `preserve_order`: then they are sorted here.
    if is_sorted(value) {
        return Ok(value.to_string());
    }
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    Ok(sorted.to_string())
}

/// Whether the members of every object are in byte order of their keys.
fn is_sorted(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_sorted),
        Value::Object(map) => map.keys().is_sorted() && map.values().all(is_sorted),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Reads a text that must be canonical.
///
/// # Errors
/// [`JsonError`] when the text is not JSON or not in its canonical form.
pub fn from_canonical(text: &str) -> Result<Value, JsonError> {
    let value: Value = serde_json::from_str(text).map_err(JsonError::Syntax)?;
    if to_canonical(&value)? != text {
        return Err(JsonError::NotCanonical);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards that the order of keys is that of the text and not of the map: `tests/key_order` runs this with
    /// `serde_json/preserve_order`.
    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = serde_json::json!({ "b": [{ "z": 1, "y": { "d": 2, "c": 3 } }], "a": null, "B": "x" });
        let text = r#"{"B":"x","a":null,"b":[{"y":{"c":3,"d":2},"z":1}]}"#;
        assert_eq!(to_canonical(&value).unwrap(), text);
        assert_eq!(from_canonical(text).unwrap(), value);
        assert!(from_canonical(r#"{"b":[{"z":1,"y":2}]}"#).is_err());
    }

    #[test]
    fn another_spelling_is_refused() {
        assert!(from_canonical(r#"{"a":1,"b":[true,null,"x"]}"#).is_ok());
        for other in [
            r#"{"b":1,"a":2}"#,
            r#"{"a": 1}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1,"a":1}"#,
            r#""\u0041""#,
            "9007199254740992",
        ] {
            assert!(from_canonical(other).is_err(), "{other}");
        }
    }
}
