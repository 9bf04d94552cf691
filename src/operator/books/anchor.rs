//! The anchor that a sandbox was made with: `sandbox.toml` has its path, and the `init` entry the hash of it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::audit::{Entry, Log};
use crate::operator::OperatorError;
use crate::operator::sandbox::{SANDBOX, SandboxFile};
use crate::storage::{AnchorFile, StorageError};

/// The field of the `init` entry that holds [`path_hash`].
pub(in crate::operator) const FIELD: &str = "anchor";

/// `path` as `sandbox.toml` is to hold it.
pub(in crate::operator) fn absolute(path: &Path) -> Result<PathBuf, OperatorError> {
    let path = std::path::absolute(path).ok().filter(|path| path.to_str().is_some());
    path.ok_or_else(|| OperatorError::Invalid("the anchor has no absolute path in UTF-8".into()))
}

/// `blake3:` and the hexadecimal digits of the hash of the path as `sandbox.toml` holds it; `None` for one that it cannot hold.
pub(in crate::operator) fn path_hash(path: &Path) -> Option<String> {
    Some(format!("blake3:{}", blake3::hash(path.to_str()?.as_bytes()).to_hex()))
}

/// `path` is the one that the `init` entry names. An entry that was written before it named one allows any.
pub(in crate::operator) fn check_path(init: &Entry, path: &Path) -> Result<(), OperatorError> {
    let Some(named) = init.body.get(FIELD) else { return Ok(()) };
    if path_hash(path).as_deref() == named.as_str() && named.is_string() {
        return Ok(());
    }
    Err(OperatorError::damaged(SANDBOX, "names another anchor than the one of init"))
}

/// The path of an anchor, and what lies there.
pub(in crate::operator) struct Anchored {
    path: PathBuf,
    found: Result<(AnchorFile, Option<Vec<u8>>), StorageError>,
}

/// The anchor that `sandbox.toml` names. Read it before the log where another process writes.
pub(in crate::operator) fn read_anchor(file: &SandboxFile) -> Option<Anchored> {
    let path = file.anchor.clone()?;
    let read = || {
        let place = AnchorFile::new(&path)?;
        let content = place.read()?;
        Ok((place, content))
    };
    let found = read();
    Some(Anchored { path, found })
}

/// The anchor that the sandbox was made with, of which the log must not have lost anything.
///
/// # Errors
/// [`OperatorError::Damaged`] for `sandbox.toml` without it or with another one, and for a log that does not begin with its head.
pub(in crate::operator) fn anchor(
    anchored: Option<Anchored>,
    log: &Log,
) -> Result<Option<AnchorFile>, OperatorError> {
    let init = log.proven_entry(0)?;
    let wanted = init.body.get("anchored").and_then(Value::as_bool).unwrap_or(false);
    match anchored {
        None if wanted => {
            Err(OperatorError::damaged(SANDBOX, "names no anchor, and the sandbox was made with one"))
        }
        None => Ok(None),
        Some(Anchored { path, found }) => {
            // Before the file itself: the checkpoint of an earlier time, kept elsewhere, is a good one of this log.
            check_path(&init, &path)?;
            let (place, content) = found?;
            log.check_anchor(&place, content)?;
            Ok(Some(place))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::Kind;
    use crate::types::Timestamp;

    #[test]
    fn any_path_but_the_one_of_init_is_another_unless_init_names_none() {
        let mut init = Entry {
            kind: Kind::Init,
            at: Timestamp::from_seconds(0),
            ledger_seq: None,
            body: Default::default(),
        };
        assert!(check_path(&init, Path::new("/other/box.anchor")).is_ok());
        init.body.insert(FIELD.into(), json!(path_hash(Path::new("/mnt/box.anchor"))));
        assert!(check_path(&init, Path::new("/mnt/box.anchor")).is_ok());
        for other in ["/mnt/box.anchor2", "/mnt//box.anchor", "/mnt/x/../box.anchor", "mnt/box.anchor", ""] {
            assert!(check_path(&init, Path::new(other)).is_err_and(|found| found.is_damage()), "{other}");
        }
        init.body.insert(FIELD.into(), Value::Null);
        assert!(check_path(&init, Path::new("/mnt/box.anchor")).is_err());
    }
}
