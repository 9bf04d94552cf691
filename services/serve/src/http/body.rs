//! Bodies of requests: of limited size, within a limited time, UTF-8, and exactly the JSON that is expected.

use axum::body::{Body, HttpBody as _, to_bytes};
use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Problem, Shared};

/// In the OpenAPI document: bytes of a file, which a `Vec<u8>` would make an array of numbers.
pub(super) enum Octets {}

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).into()
    }
}

impl ToSchema for Octets {}

/// A query.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryRequest {
    /// In the language of the sandbox.
    #[schema(example = "SELECT region, COUNT(*) AS people FROM tags GROUP BY region")]
    pub(super) sql: String,
    /// Which epoch answers; without it the one of greatest as-of, sealed last, that answers.
    #[serde(default)]
    pub(super) epoch: Option<String>,
}

/// What may be said where no query is needed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EpochRequest {
    /// Which epoch answers.
    #[serde(default)]
    pub(super) epoch: Option<String>,
}

/// Reads a body of JSON; an empty one is `T`'s if `empty` gives it.
pub(super) async fn read<T: serde::de::DeserializeOwned>(
    service: &Shared,
    body: Body,
    empty: Option<T>,
) -> Result<T, Problem> {
    let limits = service.limits();
    let too_large = || Problem::too_large(limits.request_bytes.get());
    // What says beforehand that it is far too large is not waited for; a client that sends a little too much gets to read why.
    if body.size_hint().lower() > limits.request_bytes.get().saturating_mul(16) {
        return Err(too_large());
    }
    let bytes = tokio::time::timeout(limits.client_time(), to_bytes(body, limits.request_bytes.size()));
    let bytes = bytes.await.map_err(|_| Problem::too_slow())?;
    let bytes = bytes.map_err(|_| too_large())?;
    if let (true, Some(empty)) = (bytes.is_empty(), empty) {
        return Ok(empty);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Problem::request("the body is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| Problem::request(error.to_string()))
}
