//! Opening a sandbox with the key that the options name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, Failure};
use hushtag::keys::RootKey;
use hushtag::operator::{Anchoring, Keys, Operator, OperatorError, Reader};
use hushtag::storage::{AnchorFile, LockError, StorageError};
use hushtag::types::{EpochId, RecipientId, StudyId, SystemClock};

/// Who asks, of what; the same for single questions and metrics.
#[derive(Args)]
pub(super) struct Asker {
    /// The sandbox
    pub(super) dir: PathBuf,
    /// Who asks
    #[arg(long)]
    pub(super) recipient: RecipientId,
    /// Under which study, if several name the recipient
    #[arg(long)]
    pub(super) study: Option<StudyId>,
    /// Which epoch answers [default: greatest as-of, then last sealed]
    #[arg(long)]
    pub(super) epoch: Option<EpochId>,
    /// Show the cost and the width of the answer; nothing is charged and no data is touched
    #[arg(long)]
    pub(super) forecast: bool,
}

/// The root key from `--root-key`, from `HUSHTAG_ROOT_KEY`, or in the folder.
pub(super) fn keys(context: &Context) -> Result<Keys, Failure> {
    Ok(given_root(context.root_key.as_deref(), "HUSHTAG_ROOT_KEY")?.map_or(Keys::InFolder, Keys::Given))
}

/// The root key of a file, or else of a variable.
pub(super) fn given_root(file: Option<&Path>, variable: &str) -> Result<Option<RootKey>, Failure> {
    if let Some(path) = file {
        return Ok(Some(RootKey::load_file(path)?));
    }
    match std::env::var(variable) {
        Ok(text) => Ok(Some(RootKey::from_hex(&text, variable)?)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{variable} is not text"), "give 64 hex digits"))
        }
    }
}

/// Opens the sandbox as its one writer.
pub(super) fn open(dir: &Path, context: &Context) -> Result<Operator, Failure> {
    Ok(Operator::open(dir, keys(context)?, Box::new(SystemClock), context.wait)?)
}

/// A sandbox for an act that reads: logged where this process can write to it.
pub(super) enum Opened {
    /// As its one writer, so that the act can be logged.
    Writer(Operator),
    /// To read, where it cannot be written.
    Reader(Box<Reader>),
}

/// Whether the folder is a copy, in which nothing may be written.
#[derive(Args)]
pub(super) struct Copied {
    /// The folder is a copy: nothing is written in it or to the anchor, and this act is not logged
    #[arg(long)]
    copy: bool,
    /// The anchor of the original [default: the one that sandbox.toml names]
    #[arg(long, value_name = "FILE", requires = "copy", conflicts_with = "without_anchor")]
    anchor: Option<PathBuf>,
    /// Read the copy without the anchor: a folder that was put back as a whole is not found
    #[arg(long, requires = "copy")]
    without_anchor: bool,
}

impl Copied {
    /// The anchor that was given.
    pub(super) fn anchor(&self) -> Result<Option<AnchorFile>, Failure> {
        Ok(self.anchor.as_deref().map(AnchorFile::new).transpose()?)
    }

    /// Where the anchor is, of which `given` was given.
    pub(super) fn anchoring<'a>(&self, given: Option<&'a AnchorFile>) -> Anchoring<'a> {
        anchoring(given, self.without_anchor)
    }
}

/// Where the anchor is.
pub(super) const fn anchoring(given: Option<&AnchorFile>, without: bool) -> Anchoring<'_> {
    match given {
        Some(place) => Anchoring::At(place),
        None if without => Anchoring::Without,
        None => Anchoring::Configured,
    }
}

/// Opens the sandbox as its writer or, of a copy, beside a live writer, in a folder that cannot be written, or in a copy without the key that signs
/// the log, to read; then a note says that the act is not logged.
pub(super) fn open_or_read(dir: &Path, copied: &Copied, context: &Context) -> Result<Opened, Failure> {
    let unlogged = |why: &str| {
        let reader = read_copy(dir, copied, context)?;
        context.output.note(&format!("note: this act is not logged: {why}"));
        Ok(Opened::Reader(Box::new(reader)))
    };
    if copied.copy {
        return unlogged("the folder is a copy");
    }
    let error = match Operator::open(dir, keys(context)?, Box::new(SystemClock), context.wait) {
        Ok(operator) => return Ok(Opened::Writer(operator)),
        Err(error) => error,
    };
    let cannot_write = |error: &StorageError| {
        matches!(error.source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
    };
    let why = match &error {
        OperatorError::Lock(LockError::Held { .. }) => "another process writes to the sandbox",
        OperatorError::SigningKey { .. } => "the key that signs the log is not here",
        OperatorError::Lock(LockError::Storage(error)) | OperatorError::Storage(error)
            if cannot_write(error) =>
        {
            "the folder cannot be written"
        }
        _ => return Err(error.into()),
    };
    unlogged(why)
}

/// Opens the sandbox or its copy to read, also beside its writer.
pub(super) fn read_copy(dir: &Path, copied: &Copied, context: &Context) -> Result<Reader, Failure> {
    let anchor = copied.anchor()?;
    let anchoring = copied.anchoring(anchor.as_ref());
    Ok(Reader::open_anchored(dir, keys(context)?, Box::new(SystemClock), anchoring)?)
}

/// Opens the sandbox to read, also beside its writer.
pub(super) fn read(dir: &Path, context: &Context) -> Result<Reader, Failure> {
    Ok(Reader::open(dir, keys(context)?, Box::new(SystemClock))?)
}
