//! Layer 2: keys and sealed things. One random key of the sandbox, sealed under a 32-byte root key; everything else is derived from
//! it, or random and wrapped.
//!
//! `keys/root.key` is the root (unless the caller keeps it elsewhere), `keys/sandbox.key` the sealed key, `keys/epoch-ID.key` a wrapped epoch key,
//! `keys/sign.key` the sealed key that signs the log. A key of tokens, shared or blind, is a file of the parties, never
//! of a sandbox.

mod auditor;
mod blind_token;
mod keyring;
mod root;
mod seal;
mod sign;
mod token;

pub use auditor::{AuditorKey, AuditorPublicKey};
pub use blind_token::BlindTokenKey;
pub use keyring::{Keyring, RootNumber, random_secret};
pub use root::{KeyProvider, RootKey};
pub use seal::{SealError, open, seal, seal_padded};
pub use sign::SigningKey;

use crate::storage::StorageError;
use std::path::PathBuf;

/// Why a key cannot be had; never holds key bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is not there: never made, or destroyed.
    #[error("there is no key `{0}`")]
    Absent(String),
    /// A key would be overwritten.
    #[error("there is already a key `{0}`")]
    Exists(String),
    /// The file cannot be read or written.
    #[error("cannot use the key file `{}`", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// Others may read the file.
    #[error("the key file `{}` has mode {mode:03o}: only its owner may have access (chmod 600)", .path.display())]
    LooseMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The text is not a key.
    #[error("`{place}` is not a key: it should be {wanted}")]
    Malformed {
        /// The file or variable, never its content.
        place: String,
        /// What a key looks like.
        wanted: &'static str,
    },
    /// The provider of the root key did not give it.
    #[error("the root key was not provided")]
    Provider(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// A sealed key does not open: another root key or sandbox, or changed bytes.
    #[error("the key `{place}` does not open under this root key")]
    Sealed {
        /// The file.
        place: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// The folder failed.
    #[error("the keys of the folder cannot be used")]
    Storage(#[from] StorageError),
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn to_hex(bytes: &[u8; 32]) -> zeroize::Zeroizing<String> {
    let mut text = String::with_capacity(64);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(HEX.get(usize::from(digit)).copied().map_or('0', char::from));
        }
    }
    text.into()
}

/// The 32 bytes that 64 lowercase or uppercase hexadecimal digits spell.
fn from_hex(text: &[u8]) -> Option<crate::types::Secret> {
    let digits: &[u8; 64] = text.try_into().ok()?;
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            let value = char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())?;
            *byte = (*byte << 4) | value;
        }
    }
    Some(crate::types::Secret::new(*bytes))
}

/// Writes a secret to a new file outside the sandbox that only its owner can read: a first word, 64 digits, a line end.
fn write_private_file(
    path: &std::path::Path,
    header: &str,
    secret: &crate::types::Secret,
) -> Result<(), KeyError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| KeyError::File(path.to_owned(), source);
    let mut file = match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(KeyError::Exists(path.display().to_string()));
        }
        other => other.map_err(failed)?,
    };
    let digits = to_hex(secret.expose());
    let line = zeroize::Zeroizing::new([header, &digits, "\n"].concat());
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// The 32 bytes in a key file outside the sandbox that [`write_private_file`] wrote under `header`; `wanted` says what that is.
fn read_seed(
    path: &std::path::Path,
    header: &str,
    wanted: &'static str,
) -> Result<crate::types::Secret, KeyError> {
    let text = read_private_file(path)?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let seed = line.strip_prefix(header.as_bytes()).and_then(from_hex);
    seed.ok_or_else(|| KeyError::Malformed { place: path.display().to_string(), wanted })
}

/// The text of a small key file outside the sandbox, after checking that it is one and only its owner has access.
fn read_private_file(path: &std::path::Path) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyError> {
    use std::io::{Error, ErrorKind, Read};
    use std::os::unix::fs::PermissionsExt;
    let failed = |source| KeyError::File(path.to_owned(), source);
    // Opening a pipe would wait for ever, so the kind is looked at first, and again on the open file.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(Error::new(ErrorKind::InvalidInput, "not a file")));
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::LooseMode { path: path.to_owned(), mode });
    }
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(256));
    file.take(256).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}
