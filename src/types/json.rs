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
    // serde_json keeps objects in byte order of their keys, which for ASCII is the order of RFC 8785, and escapes
    // strings as section 3.2.2.2 asks.
    Ok(value.to_string())
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
