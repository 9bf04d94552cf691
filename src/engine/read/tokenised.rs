//! What a tokenised file says of itself, in the metadata of its schema.

use arrow_schema::Metadata;

use super::ReadError;
use crate::deidentify::TokenKeyId;

/// The version of tokens and treatments.
const VERSION: &str = "hushtag.tokens";
const KEY: &str = "hushtag.key-id";
const STUDY: &str = "hushtag.study";
const DATASET: &str = "hushtag.dataset";

/// Where a tokenised file comes from. Everything in it is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenised {
    /// The key of its tokens.
    pub key: TokenKeyId,
    /// `blake3:` and the hash of the study whose treatments were applied.
    pub study: String,
    /// The dataset, or `consents`.
    pub dataset: String,
}

impl Tokenised {
    /// As key-value metadata.
    #[must_use]
    pub fn metadata(&self) -> [(&'static str, String); 4] {
        [
            (VERSION, "1".to_owned()),
            (KEY, self.key.to_string()),
            (STUDY, self.study.clone()),
            (DATASET, self.dataset.clone()),
        ]
    }

    /// Reads the metadata of a schema; `None` for a file of raw ids.
    ///
    /// # Errors
    /// [`ReadError::UnknownTokens`] for tokens of another version or without the id of their key.
    pub fn read(file: &str, metadata: &Metadata) -> Result<Option<Self>, ReadError> {
        if !metadata.keys().any(|key| key.starts_with("hushtag.")) {
            return Ok(None);
        }
        let get = |key: &str| metadata.get(key).map(String::as_str);
        let key = get(KEY).and_then(TokenKeyId::parse).filter(|_| get(VERSION) == Some("1"));
        let text = |key: &str| get(key).unwrap_or_default().chars().take(100).collect();
        let found = key.map(|key| Self { key, study: text(STUDY), dataset: text(DATASET) });
        found.map(Some).ok_or_else(|| ReadError::UnknownTokens { file: file.to_owned() })
    }
}
