//! `verify`, the folder as a whole: every file in it is one that something binds, or what a stopped act left; the keys of
//! epochs and of the log are those that the log needs. `docs/src/sandbox-files.md` has a row for each kind of file.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::tiles::{CHECKPOINT, Tile};
use crate::audit::{INDEX, TAIL};
use crate::keys::{KeyError, Keyring};
use crate::ledger::JOURNAL;
use crate::operator::OperatorError;
use crate::operator::keys::rotate::signer;
use crate::operator::sandbox::{SANDBOX, SANDBOX_NEW, SandboxFile};
use crate::operator::shelf::retire::{MARKER, marked};
use crate::operator::shelf::sealed::UNFINISHED;
use crate::operator::verify::epochs::EpochFiles;
use crate::register::FILE;
use crate::storage::Storage;
use crate::types::EpochId;

/// What the log says that the folder may hold.
pub(in crate::operator) struct Known {
    /// Epochs that were sealed.
    pub(in crate::operator) epochs: BTreeMap<String, EpochFiles>,
    /// Texts of studies that were adopted, by the hexadecimal digits of their hashes, and whether they are signed.
    pub(in crate::operator) studies: BTreeSet<String>,
    pub(in crate::operator) signed: bool,
    /// Texts of their regimes.
    pub(in crate::operator) regimes: BTreeSet<String>,
}

/// What a file is.
enum File {
    /// One that another check has read, or that nothing in the sandbox reads for what it says.
    Known,
    /// What a stopped act left, or an act that is under way: the next open finishes or removes it, or the next write replaces it.
    Unfinished,
    /// `sandbox.toml.new`, which the next open reads.
    Adoption,
    /// The key of an epoch that the log did not seal.
    Key(EpochId),
    /// A marker in an epoch that the log did not retire.
    Retirement(EpochId),
    /// A text under the hash that is its name, which the log does not name.
    Text,
    /// None of a sandbox.
    Strange,
}

impl Known {
    /// Every file of the folder is known. Gives the paths of those that a stopped act left.
    pub(in crate::operator) fn check(
        &self,
        storage: &dyn Storage,
        keyring: Option<&Keyring>,
    ) -> Result<Vec<String>, OperatorError> {
        let mut unfinished = Vec::new();
        for path in storage.files()? {
            match self.file(&path) {
                File::Known => continue,
                File::Unfinished => {}
                File::Key(epoch) => is_own_key(storage, keyring, &epoch)?,
                // A write is whole or not there, so what the next open reads can be read.
                File::Adoption => drop(SandboxFile::read_at(storage, SANDBOX_NEW)?),
                File::Retirement(epoch) => drop(marked(storage, &epoch)?),
                File::Text => {
                    let content = storage.read(&path)?.unwrap_or_default();
                    if stem(&path) != Some(blake3::hash(&content).to_hex().as_str()) {
                        return Err(OperatorError::damaged(path, "is not the text whose hash is its name"));
                    }
                }
                File::Strange => {
                    return Err(OperatorError::damaged(
                        path.escape_default().to_string(),
                        "is a file that no log entry names and no sandbox has: move it elsewhere",
                    ));
                }
            }
            unfinished.push(path.escape_default().to_string());
        }
        Ok(unfinished)
    }

    fn file(&self, path: &str) -> File {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        // What a stopped write leaves beside the file that it was to replace. Nothing reads it.
        if let Some(whole) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")) {
            let place = if folder.is_empty() { whole.to_owned() } else { format!("{folder}/{whole}") };
            let known = !whole.starts_with('.') && !matches!(self.file(&place), File::Strange);
            return if known || Tile::parse(&place).is_some() { File::Unfinished } else { File::Strange };
        }
        match (folder.split('/').next().unwrap_or_default(), path) {
            ("", SANDBOX | FILE | "ledger.redb" | JOURNAL | INDEX | "lock") => File::Known,
            ("", SANDBOX_NEW) => File::Adoption,
            ("", "consents.redb.new") => File::Unfinished,
            // Which of the tiles are leftovers the check of the log says.
            ("log", _) if path == CHECKPOINT || path == TAIL || Tile::parse(path).is_some() => File::Known,
            ("keys", "keys/root.key" | "keys/sandbox.key" | "keys/sign.key") => File::Known,
            ("keys", "keys/root.next" | "keys/sign.key.new") => File::Unfinished,
            ("keys", _) if folder == "keys" => self.epoch_key(name),
            ("studies", _) if folder == "studies" => {
                let signatures = name.strip_suffix(".sig").filter(|_| self.signed);
                match (signatures, stem(path)) {
                    (Some(hash), _) if self.studies.contains(hash) => File::Known,
                    (Some(hash), _) if is_hash(hash) => File::Unfinished,
                    (None, Some(hash)) => text(&self.studies, hash),
                    _ => File::Strange,
                }
            }
            ("regimes", _) if folder == "regimes" => {
                stem(path).map_or(File::Strange, |hash| text(&self.regimes, hash))
            }
            ("epochs", _) => self.of_epoch(folder.strip_prefix("epochs/").unwrap_or_default(), name),
            _ => File::Strange,
        }
    }

    fn epoch_key(&self, name: &str) -> File {
        let id = name.strip_prefix("epoch-").and_then(|name| name.strip_suffix(".key"));
        match id.and_then(|id| EpochId::new(id).ok()) {
            // That a retired epoch has none, another check has found.
            Some(epoch) if self.epochs.contains_key(epoch.as_str()) => File::Known,
            Some(epoch) => File::Key(epoch),
            None => File::Strange,
        }
    }

    fn of_epoch(&self, folder: &str, name: &str) -> File {
        if let Some(epoch) = self.epochs.get(folder) {
            let left = epoch.retired && name != "epoch.json" && name != MARKER;
            return match epoch.names.contains(name) {
                true if left => File::Unfinished,
                true => File::Known,
                false if name == MARKER => EpochId::new(folder).map_or(File::Strange, File::Retirement),
                false => File::Strange,
            };
        }
        let staged = folder.strip_suffix(UNFINISHED).and_then(|id| EpochId::new(id).ok());
        // Of a sealed epoch it has the files of the epoch, as the check of the epochs has found them.
        let sealed = staged.as_ref().and_then(|id| self.epochs.get(id.as_str()));
        let strange = sealed.is_some_and(|epoch| !epoch.names.contains(name));
        if staged.is_some() && !strange && !name.starts_with('.') { File::Unfinished } else { File::Strange }
    }

    /// Every epoch that is sealed and not retired has its key, which opens: all of them where the root key is at hand, else that
    /// the files are there where the folder has keys at all.
    pub(in crate::operator) fn check_keys(
        &self,
        storage: &dyn Storage,
        keyring: Option<&Keyring>,
    ) -> Result<(), OperatorError> {
        let names = storage.list("keys")?;
        if keyring.is_none() && !names.iter().any(|name| name == "sandbox.key") {
            return Ok(());
        }
        let open = self.epochs.iter().filter(|(_, epoch)| !epoch.retired);
        for id in open.filter_map(|(id, _)| EpochId::new(id).ok()) {
            let place = Keyring::epoch_file(&id);
            if !names.iter().any(|name| place.strip_prefix("keys/") == Some(name.as_str())) {
                return Err(OperatorError::damaged(place, "is missing, and the epoch is not retired"));
            }
            if let Some(keyring) = keyring {
                drop(keyring.epoch(storage, &id)?);
            }
        }
        Ok(())
    }
}

/// Whether the key that signs the log is in the folder, and is the one in force; a file that is another is damage.
pub(in crate::operator) fn check_signing_key(
    storage: &dyn Storage,
    keyring: &Keyring,
    file: &SandboxFile,
) -> Result<bool, OperatorError> {
    let there = storage.list("keys")?.iter().any(|name| name.starts_with("sign.key"));
    if there {
        drop(signer(storage, keyring, file)?);
    }
    Ok(there)
}

/// A key of an epoch that the log does not know is one of a seal that is under way or was stopped, or was put there.
fn is_own_key(
    storage: &dyn Storage,
    keyring: Option<&Keyring>,
    epoch: &EpochId,
) -> Result<(), OperatorError> {
    match keyring.map(|keyring| keyring.epoch(storage, epoch)) {
        // Gone since the folder was listed.
        None | Some(Ok(_) | Err(KeyError::Absent(_))) => Ok(()),
        Some(Err(KeyError::Sealed { place, .. } | KeyError::Malformed { place, .. })) => {
            let why = "is of an epoch that the log did not seal, and does not open: it was put there, or open the sandbox \
                       once to finish its removal";
            Err(OperatorError::damaged(place, why))
        }
        Some(Err(other)) => Err(other.into()),
    }
}

/// The hash that the name of a text is.
fn stem(path: &str) -> Option<&str> {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.strip_suffix(".toml").filter(|hash| is_hash(hash))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn text(known: &BTreeSet<String>, hash: &str) -> File {
    if known.contains(hash) { File::Known } else { File::Text }
}
