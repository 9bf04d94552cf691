//! Evidence of what an epoch was sealed from: commitments in the `seal` entry, and their openings in the epoch's folder, for the
//! operator under the epoch's key and for the auditor under theirs.

use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::audit::{Entry, FileDigest, InputForm, InputOpenings, InputTable, Kind, Log};
use crate::engine::InputRecords;
use crate::keys::{AuditorKey, Keyring, SealError, open, random_secret, seal};
use crate::operator::books::access::{Act, Role};
use crate::operator::public::Public;
use crate::operator::sandbox::{EpochFile, join_cubes, split_cube};
use crate::operator::shelf::figures::auditor;
use crate::operator::shelf::sealed::{found_at, sealed};
use crate::operator::{Adopted, Operator, OperatorError, Reader, SandboxState};
use crate::storage::{AnchorFile, Storage};
use crate::types::{EpochId, Secret};

/// What binds openings to their use.
const USE: &str = "hushtag 2026-11 v1 input openings";

/// The least bytes of a padded text; enough for some 300 files.
const LEAST: usize = 1 << 16;

/// As what a file was used in an epoch, if it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputUse {
    /// The epoch.
    pub epoch: EpochId,
    /// The entry of the log by which the epoch was sealed; it holds the commitments.
    pub seal: u64,
    /// The tables as which this very file was read; none if it was not.
    pub tables: Vec<(InputTable, InputForm)>,
    /// The entry of the log that says that someone looked; `None` where the log cannot be written.
    pub access: Option<u64>,
}

/// Where the openings of an epoch lie in its folder.
pub(in crate::operator) fn inputs_path(folder: &str) -> String {
    format!("{folder}/inputs.sealed")
}

/// What binds openings to their epoch.
fn binding(sandbox: &str, epoch: &EpochFile) -> Vec<u8> {
    format!("{USE}\n{sandbox}\n{}\n{}\n{}", epoch.epoch, epoch.as_of(), epoch.sealed_at()).into_bytes()
}

/// The text, followed by spaces up to a power of two. The size is the same for fewer than some 300 files.
fn padded(text: &str) -> Zeroizing<Vec<u8>> {
    let size = text.len().next_power_of_two().max(LEAST);
    let mut plain = Zeroizing::new(Vec::with_capacity(size));
    plain.extend_from_slice(text.as_bytes());
    plain.resize(size, b' ');
    plain
}

impl SandboxState {
    /// Writes the openings of the commitments to all inputs into a staged epoch. Gives the commitments and the hash of the written
    /// ciphertext, both of which may be public.
    pub(in crate::operator) fn write_inputs<'a>(
        &self,
        records: &InputRecords,
        studies: impl Iterator<Item = &'a Adopted>,
        file: &EpochFile,
        key: &Secret,
        folder: &str,
    ) -> Result<(Value, String), OperatorError> {
        let tables = studies.flat_map(|adopted| adopted.study.tables()).cloned().map(Some);
        let openings = InputOpenings::new(tables.chain([None]), records.digests()?, random_secret)?;
        let text = openings.to_text().ok_or(OperatorError::Bug("a file has a length of 64 bits"))?;
        let (plain, binding) = (padded(&text), binding(&self.id, file));
        let failed = |error: SealError| OperatorError::from(crate::release::ReleaseError::Seal(error));
        let mut parts = vec![seal(&key.derive(USE), &[&binding], &plain).map_err(failed)?];
        if let Some(auditor) = &self.law.auditor {
            parts.push(auditor.seal(&binding, &plain).map_err(failed)?);
        }
        let sealed = join_cubes(&parts);
        // If we stop after it, the epoch is not sealed, and the next open removes its folder.
        self.storage.write(&inputs_path(folder), &sealed)?;
        Ok((openings.commitments(), blake3::hash(&sealed).to_hex().to_string()))
    }
}

impl Operator {
    /// Whether a file with this digest is one of those that an epoch was sealed from; logged before the answer is returned.
    ///
    /// With the auditor's key the auditor's copy of the openings is read, else the operator's.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`] for an epoch that there is not; [`OperatorError::Invalid`] for one that is retired, or that was sealed
    /// by a version without commitments; [`OperatorError::Figures`] for a key of another auditor; [`OperatorError::Damaged`].
    ///
    /// # Privacy
    /// Says of one file whether it was used, and nothing of any other. Source: PIPL art. 69.
    pub fn open_input(
        &self,
        epoch: &EpochId,
        digest: &FileDigest,
        key: Option<&AuditorKey>,
    ) -> Result<InputUse, OperatorError> {
        let inner = &*self.inner;
        let epochs = inner.shelf.epochs()?;
        let found = {
            let log = inner.books.log()?;
            let opener = key.map_or(Opener::Operator(&inner.shelf.keyring), Opener::Auditor);
            Evidence { storage: &*inner.storage, log: &log, sandbox: &inner.id, epochs: &epochs }
                .uses(epoch, digest, &opener)?
        };
        let role = if key.is_some() { Role::Auditor } else { Role::Operator };
        let access = inner.log_access(Act::OpenInput, role, Some(epoch))?;
        Ok(InputUse { access: Some(access), ..found })
    }
}

impl Reader {
    /// As [`Operator::open_input`], without an entry of the log.
    ///
    /// # Errors
    /// As [`Operator::open_input`].
    pub fn open_input(
        &self,
        epoch: &EpochId,
        digest: &FileDigest,
        key: Option<&AuditorKey>,
    ) -> Result<InputUse, OperatorError> {
        let opener = key.map_or(Opener::Operator(&self.shelf.keyring), Opener::Auditor);
        let (storage, log, epochs) = (&*self.storage, &self.books.log, self.shelf.epochs()?);
        Evidence { storage, log, sandbox: &self.law.file.id, epochs: &epochs }.uses(epoch, digest, &opener)
    }
}

impl InputUse {
    /// As [`Operator::open_input`] with the auditor's key, for a copy of a sandbox's folder without its keys. Not logged.
    ///
    /// The log is verified with the key that `sandbox.toml` names: compare it with one that was kept elsewhere. If an `anchor` is given,
    /// the log has to begin with its head; else none is read.
    ///
    /// # Errors
    /// As [`Operator::open_input`].
    pub fn in_copy(
        dir: &Path,
        epoch: &EpochId,
        digest: &FileDigest,
        key: &AuditorKey,
        anchor: Option<&AnchorFile>,
    ) -> Result<Self, OperatorError> {
        let Public { storage, file, log } = Public::open(dir)?;
        if let Some(anchor) = anchor {
            log.check_anchor(anchor, anchor.read()?)?;
        }
        let epochs = sealed(&log)?;
        Evidence { storage: &*storage, log: &log, sandbox: &file.id, epochs: &epochs }.uses(
            epoch,
            digest,
            &Opener::Auditor(key),
        )
    }
}

/// Whose copy of the openings is read.
enum Opener<'a> {
    Operator(&'a Keyring),
    Auditor(&'a AuditorKey),
}

/// What the openings of an epoch are checked against.
struct Evidence<'a> {
    storage: &'a dyn Storage,
    log: &'a Log,
    sandbox: &'a str,
    epochs: &'a [EpochFile],
}

impl Evidence<'_> {
    fn uses(
        &self,
        epoch: &EpochId,
        digest: &FileDigest,
        opener: &Opener<'_>,
    ) -> Result<InputUse, OperatorError> {
        let file = self.epochs.iter().find(|file| file.epoch == *epoch);
        let file = file.ok_or_else(|| OperatorError::Unknown {
            kind: "epoch",
            name: epoch.to_string(),
            known: self.epochs.iter().map(|file| file.epoch.to_string()).collect(),
        })?;
        let (index, entry) = sealed_by(self.log, epoch)?;
        let Some(commitments) = entry.body.get("inputs") else {
            let why = format!("epoch `{epoch}` was sealed by a version that did not commit to input files");
            return Err(OperatorError::Invalid(why));
        };
        if let Some(retired) = file.retired {
            let why = format!("epoch `{epoch}` is retired (log entry {retired}), and the openings with it");
            return Err(OperatorError::Invalid(why));
        }
        let place = inputs_path(&found_at(self.storage, epoch)?);
        let damaged = |why: &str| OperatorError::damaged(place.clone(), why);
        let sealed = self.storage.read(&place)?.ok_or_else(|| damaged("is missing"))?;
        let hash = entry.body.get("openings").and_then(Value::as_str);
        if hash != Some(blake3::hash(&sealed).to_hex().as_str()) {
            return Err(damaged("is not the file whose hash the log names"));
        }
        let plain = self.open(&sealed, opener, file)?;
        let plain =
            plain.map_err(|_| damaged("does not open: changed bytes, another key, or another place"))?;
        let text = std::str::from_utf8(&plain).map_err(|_| damaged("is not UTF-8 inside"))?;
        let openings = InputOpenings::parse(text.trim_end_matches(' '));
        let openings = openings.map_err(|error| damaged(&error.to_string()))?;
        if openings.commitments() != *commitments {
            return Err(damaged("does not open the commitments of the log"));
        }
        let tables = openings.uses(digest).into_iter().map(|(table, form)| (table.clone(), form));
        Ok(InputUse { epoch: epoch.clone(), seal: index, tables: tables.collect(), access: None })
    }

    fn open(
        &self,
        sealed: &[u8],
        opener: &Opener<'_>,
        file: &EpochFile,
    ) -> Result<Result<Zeroizing<Vec<u8>>, SealError>, OperatorError> {
        let binding = binding(self.sandbox, file);
        let part = |position| split_cube(sealed, position).ok_or(SealError::UnknownFormat);
        match opener {
            Opener::Operator(keyring) => {
                let epoch = keyring.epoch(self.storage, &file.epoch)?;
                Ok(part(0).and_then(|sealed| open(&epoch.derive(USE), &[&binding], sealed)))
            }
            Opener::Auditor(key) => {
                let wanted = auditor(self.log)?.ok_or_else(|| {
                    OperatorError::Figures("the sandbox was made without an auditor".into())
                })?;
                if key.public() != wanted {
                    let why = format!(
                        "the openings are sealed to {wanted}, and this key is that of {}",
                        key.public()
                    );
                    return Err(OperatorError::Figures(why));
                }
                Ok(part(1).and_then(|sealed| key.open(&binding, sealed)))
            }
        }
    }
}

/// The entry by which an epoch was sealed.
pub(in crate::operator) fn sealed_by(log: &Log, epoch: &EpochId) -> Result<(u64, Entry), OperatorError> {
    for (index, entry) in (0..).zip(log.entries()) {
        let entry = entry?;
        let names = entry.body.get("epoch").and_then(Value::as_str) == Some(epoch.as_str());
        if entry.kind == Kind::Seal && names {
            return Ok((index, entry));
        }
    }
    Err(OperatorError::damaged("log", format!("does not say that epoch {epoch} was sealed")))
}
