//! What a tokenised file says of itself, in the metadata of its schema.

use arrow_schema::Metadata;

use super::ReadError;
use crate::deidentify::TokenKeyId;

/// The version of tokens and treatments: `1` for tokens under a shared key, `2` for blind tokens.
const VERSION: &str = "hushtag.tokens";
const KEY: &str = "hushtag.key-id";
const STUDY: &str = "hushtag.study";
const DATASET: &str = "hushtag.dataset";
const SESSION: &str = "hushtag.session";
const SESSION_IDS: &str = "hushtag.session-ids";

/// Where a tokenised file comes from. Everything in it is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenised {
    /// The key of its tokens, or the two keys of blind ones.
    pub key: TokenKeyId,
    /// `blake3:` and the hash of the study whose treatments were applied.
    pub study: String,
    /// The dataset, or `consents`.
    pub dataset: String,
    /// In which session its blind tokens were made; `None` for tokens under a shared key.
    pub blind: Option<BlindSession>,
}

/// A session of blind tokens, as both platforms and the sandbox know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct BlindSession {
    /// Its name: 32 digits.
    pub session: String,
    /// The ids that the other platform evaluated in it, padding included.
    pub ids: u64,
}

impl Tokenised {
    /// As key-value metadata.
    #[must_use]
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let version = if self.blind.is_some() { "2" } else { "1" };
        let mut all = vec![
            (VERSION, version.to_owned()),
            (KEY, self.key.to_string()),
            (STUDY, self.study.clone()),
            (DATASET, self.dataset.clone()),
        ];
        if let Some(BlindSession { session, ids }) = &self.blind {
            all.extend([(SESSION, session.clone()), (SESSION_IDS, ids.to_string())]);
        }
        all
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
        let text = |key: &str| get(key).unwrap_or_default().chars().take(100).collect();
        let is_name = |text: &&str| text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let session = || {
            let session = get(SESSION).filter(is_name)?.to_owned();
            Some(BlindSession { session, ids: get(SESSION_IDS)?.parse().ok()? })
        };
        let blind = match get(VERSION) {
            Some("1") => Some(None),
            Some("2") => session().map(Some),
            _ => None,
        };
        let found = get(KEY).and_then(TokenKeyId::parse).zip(blind);
        let found = found.map(|(key, blind)| Self { key, study: text(STUDY), dataset: text(DATASET), blind });
        found.map(Some).ok_or_else(|| ReadError::UnknownTokens { file: file.to_owned() })
    }
}
