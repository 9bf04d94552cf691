//! The file of tokens at rest: `tokens.toml`, mode 0600, replaced as a whole.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Role, TokenError, TokenHash};
use crate::sandbox::{StateFolder, StateStorage as _, StorageError};

/// How long a command waits for another one that changes the tokens.
const WAIT: Duration = Duration::from_secs(10);

/// Its name in the folder of the service.
pub(super) const FILE: &str = "tokens.toml";

/// A token as it is at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its public id, by which it is listed and revoked.
    pub id: String,
    /// What it lets its holder do.
    pub role: Role,
    /// Of which recipient, for analysts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Under which study, where several name the recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// When it was made, in seconds since 1970.
    pub made: i64,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
    /// The hash of its bits.
    pub hash: TokenHash,
}

/// All tokens that are in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// The tokens, oldest first.
    #[serde(default, rename = "token", skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Record>,
}

impl TokenFile {
    /// The file in `folder`; without one there are no tokens.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn read(folder: &StateFolder) -> Result<Self, TokenError> {
        let Some(bytes) = folder.read(FILE)? else { return Ok(Self::default()) };
        let text = String::from_utf8(bytes).map_err(|_| TokenError::NotText)?;
        toml::from_str(&text).map_err(|error| TokenError::Damaged(Box::new(error)))
    }

    /// Changes the file, while no other command does: what one of two revoked would come back with what the other one wrote.
    ///
    /// # Errors
    /// [`TokenError`]; then the file is as it was.
    pub fn change<T>(
        folder: &StateFolder,
        change: impl FnOnce(&mut Self) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let _alone = folder.lock(WAIT, "token")?;
        let mut file = Self::read(folder)?;
        let made = change(&mut file)?;
        file.write(folder)?;
        Ok(made)
    }

    /// Replaces the file as a whole. If we stop inside, the old one is still there: a token that was shown and is not in it opens
    /// nothing, and one that was being revoked is revoked by doing it again.
    ///
    /// # Errors
    /// [`TokenError`]
    fn write(&self, folder: &StateFolder) -> Result<(), TokenError> {
        Ok(folder.write_for_owner(FILE, toml::to_string(self)?.as_bytes())?)
    }

    /// Takes out the token of this id.
    ///
    /// # Errors
    /// [`TokenError::Unknown`]
    pub(super) fn revoke(&mut self, id: &str) -> Result<Record, TokenError> {
        let place = self.tokens.iter().position(|record| record.id == id);
        place.map(|place| self.tokens.remove(place)).ok_or_else(|| TokenError::Unknown(id.to_owned()))
    }
}

/// The folder of the service, made where there is none.
///
/// # Errors
/// [`StorageError`]
pub(super) fn folder(path: &std::path::Path) -> Result<StateFolder, StorageError> {
    // The socket of a service that was killed may be all that there is.
    let is_used = path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if is_used { StateFolder::open(path) } else { StateFolder::create(path) }
}
