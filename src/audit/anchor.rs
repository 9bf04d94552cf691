//! The anchor: the newest checkpoint, kept where a restore or a copy of the folder does not reach it.
//!
//! It only moves forward, by compare-and-swap, and only to a head of which its old one is a prefix. A folder that was put
//! back has a log that ends before the anchor; of two copies that went on, one has a log that the anchor is no prefix of.

use std::path::Path;

use super::checkpoint::Checkpoint;
use super::error::{AuditError, VerifyError, VerifyErrorKind};
use super::log::Log;
use super::note::{Note, NoteError, VerifierKey};
use crate::storage::AnchorFile;

impl Log {
    /// Makes `place`, which must be empty, the anchor of this log.
    ///
    /// # Errors
    /// [`AuditError::Exists`] when something is there; [`AuditError::Storage`].
    pub fn start_anchor(&self, place: &AnchorFile) -> Result<(), AuditError> {
        place.replace(|old| match old {
            None => Ok(Some(self.checkpoint().as_bytes().to_vec())),
            Some(_) => Err(AuditError::Exists),
        })
    }

    /// Checks that `content` of the anchor is a prefix of this log, and changes nothing. Where another process writes it is
    /// read before the log is opened: a log that was read before it may have ended earlier.
    ///
    /// # Errors
    /// [`AuditError::Damaged`] with both heads when it is not, or when the anchor is missing or not signed by the log.
    pub fn check_anchor(&self, place: &AnchorFile, content: Option<Vec<u8>>) -> Result<(), AuditError> {
        self.prefix(place, content).map(drop)
    }

    /// Moves the anchor to the head of this log; on return it is durable. The same head moves nothing.
    ///
    /// # Errors
    /// As [`Log::check_anchor`]; the anchor is as before.
    pub fn advance_anchor(&self, place: &AnchorFile) -> Result<(), AuditError> {
        place.replace(|old| {
            let old = self.prefix(place, old)?;
            Ok((old.size < self.head().0).then(|| self.checkpoint().as_bytes().to_vec()))
        })
    }

    /// The head that the anchor states, if this log begins with it.
    fn prefix(&self, place: &AnchorFile, content: Option<Vec<u8>>) -> Result<Checkpoint, AuditError> {
        let anchored = anchored(place.path(), content, self.key(), |size| self.key_before(size))?;
        let (size, root) = self.head();
        let begins = anchored.size <= size && self.root_at(anchored.size)? == anchored.root;
        if begins {
            return Ok(anchored);
        }
        let log = Checkpoint { origin: anchored.origin.clone(), size, root };
        Err(damaged(
            place.path(),
            VerifyErrorKind::Anchor { anchor: head_text(&anchored), log: head_text(&log) },
        ))
    }
}

/// The head that an anchor states. One that was left behind by a rotation is signed by the key that `before` gives for its
/// size.
///
/// # Errors
/// [`AuditError::Damaged`] when it is missing or not signed by the key in force at its size.
pub fn anchored(
    place: &Path,
    content: Option<Vec<u8>>,
    key: &VerifierKey,
    before: impl FnOnce(u64) -> Result<Option<VerifierKey>, AuditError>,
) -> Result<Checkpoint, AuditError> {
    let content = content.ok_or_else(|| damaged(place, VerifyErrorKind::Missing))?;
    let unsigned = |error| damaged(place, VerifyErrorKind::Checkpoint(error));
    let note = Note::parse(&content).map_err(unsigned)?;
    match (Checkpoint::open(&note, key), Checkpoint::stated(&note)) {
        (Err(error @ NoteError::Unsigned { .. }), Some(stated)) => match before(stated.size)? {
            Some(older) => Checkpoint::open(&note, &older).map_err(unsigned),
            None => Err(unsigned(error)),
        },
        (opened, _) => opened.map_err(unsigned),
    }
}

/// Size and root on one line.
pub fn head_text(head: &Checkpoint) -> String {
    let text = head.to_string();
    text.lines().skip(1).collect::<Vec<_>>().join(" ")
}

fn damaged(place: &Path, kind: VerifyErrorKind) -> AuditError {
    AuditError::of(VerifyError::new(place.display(), kind))
}
