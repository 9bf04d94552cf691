//! The file of an agreed key of tokens, outside every sandbox.

use std::path::Path;

use super::{KeyError, random_secret, read_seed, write_private_file};
use crate::deidentify::TokenKey;

/// The first word of a key file, so that no other 64 digits are taken for a key of tokens.
const HEADER: &str = "hushtag-token-1 ";
const WANTED: &str = "`hushtag-token-1`, a space, 64 hexadecimal digits and a line end";

impl TokenKey {
    /// Makes a fresh key of tokens in a new file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when something has that name, or the system gives no randomness or storage.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let agreed = random_secret()?;
        write_private_file(path, HEADER, &agreed)?;
        Ok(Self::new(&agreed))
    }

    /// Reads the file of a key of tokens.
    ///
    /// # Errors
    /// [`KeyError`] when it is not a file, readable by others, or not 64 digits.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Ok(Self::new(&read_seed(path, HEADER, WANTED)?))
    }
}
