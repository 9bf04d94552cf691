//! Canonical JSON under `serde_json/preserve_order`: the tests of the file itself, and that the feature is on.

#[path = "../../../src/types/json.rs"]
pub mod json;

#[cfg(test)]
mod tests {
    #[test]
    fn objects_keep_the_order_in_which_they_were_written() {
        assert_eq!(serde_json::json!({ "b": 1, "a": 2 }).to_string(), r#"{"b":1,"a":2}"#);
    }
}
