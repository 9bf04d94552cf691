//! The OpenAPI document that is checked in is the one of the handlers; clients are made from it.

/// That of a platform that evaluates blind tokens; written anew by `hushtag-serve openapi --evaluation > services/serve/openapi-evaluation.json`.
const EVALUATION: &str = include_str!("../../openapi-evaluation.json");
/// Written anew by `hushtag-serve openapi > services/serve/openapi.json`.
const DOCUMENT: &str = include_str!("../../openapi.json");

#[test]
fn the_document_is_that_of_the_handlers() {
    let made = serde_json::to_string_pretty(&hushtag_serve::http::document()).unwrap();
    assert!(made.trim() == DOCUMENT.trim(), "run `hushtag-serve openapi > services/serve/openapi.json`");
    let value: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert!(value["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn the_document_of_a_platform_that_evaluates_is_that_of_its_handlers() {
    let made = serde_json::to_string_pretty(&hushtag_serve::http::evaluation_document()).unwrap();
    let command = "hushtag-serve openapi --evaluation > services/serve/openapi-evaluation.json";
    assert!(made.trim() == EVALUATION.trim(), "run `{command}`");
}
