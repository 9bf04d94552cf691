//! The file of an agreed key of tokens: 64 hexadecimal digits, outside every sandbox.

use std::path::Path;

use zeroize::Zeroizing;

use super::{KeyError, create_private_file, from_hex, random_secret, read_private_file, to_hex};
use crate::deidentify::TokenKey;

const WANTED: &str = "64 hexadecimal digits and a line end";

/// Makes a fresh key of tokens in a new file that only its owner can read.
///
/// # Errors
/// [`KeyError::Exists`] when something has that name, or the system gives no randomness or storage.
pub fn new_token_key(path: &Path) -> Result<TokenKey, KeyError> {
    let agreed = random_secret()?;
    let text = Zeroizing::new([to_hex(agreed.expose()).as_str(), "\n"].concat());
    create_private_file(path, text.as_bytes())?;
    Ok(TokenKey::new(&agreed))
}

/// Reads the file of a key of tokens.
///
/// # Errors
/// [`KeyError`] when it is not a file, readable by others, or not 64 digits.
pub fn load_token_key(path: &Path) -> Result<TokenKey, KeyError> {
    let text = read_private_file(path)?;
    let agreed = from_hex(text.strip_suffix(b"\n").unwrap_or(&text));
    let malformed = || KeyError::Malformed { place: path.display().to_string(), wanted: WANTED };
    Ok(TokenKey::new(&agreed.ok_or_else(malformed)?))
}
