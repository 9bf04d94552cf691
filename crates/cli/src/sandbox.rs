//! Opening a sandbox with the key that the options name.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::beside::other_sandbox;
use super::lang::text;
use super::{Context, Failure};
use hushtag::keys::RootKey;
use hushtag::operator::{Anchoring, Keys, Operator, OperatorError, Reader};
use hushtag::storage::{AnchorFile, Folder, LockError, StorageError};
use hushtag::types::{EpochId, RecipientId, StudyId, SystemClock};

/// The recipient and what is queried; the same for single queries and metrics.
#[derive(Args)]
pub(super) struct Client {
    /// The sandbox
    pub(super) dir: PathBuf,
    /// The recipient of the answer
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
            Err(Failure::usage(text!("sandbox.variable", variable), text!("sandbox.variable_fix")))
        }
    }
}

/// Opens the sandbox as its one writer, unless a service that is its writer takes commands: it runs this one.
pub(super) fn open(dir: &Path, context: &Context) -> Result<Arc<Operator>, Failure> {
    if let Some(running) = beside(dir, context)? {
        return Ok(running);
    }
    Ok(Arc::new(Operator::open(dir, keys(context)?, Box::new(SystemClock), context.wait)?))
}

/// The sandbox as the service has it that runs this command.
fn beside(dir: &Path, context: &Context) -> Result<Option<Arc<Operator>>, Failure> {
    if let Some(running) = &context.running {
        let operator = running.is_at(dir).then(|| Arc::clone(&running.operator));
        return operator.map(Some).ok_or_else(|| other_sandbox(dir));
    }
    // What cannot be read is an error of the opening.
    let socket = Folder::open(dir).and_then(|folder| folder.operator_socket()).ok().flatten();
    match socket.filter(|socket| UnixStream::connect(socket).is_ok()) {
        Some(socket) => Err(Failure::of_service(socket)),
        None => Ok(None),
    }
}

/// A sandbox for an act that reads: logged where this process can write to it.
pub(super) enum Opened {
    /// As its one writer, so that the act can be logged.
    Writer(Arc<Operator>),
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
    let unlogged = |why: String| {
        let reader = read_copy(dir, copied, context)?;
        context.output.note(&text!("sandbox.unlogged", why));
        Ok(Opened::Reader(Box::new(reader)))
    };
    if copied.copy {
        return unlogged(text!("sandbox.copy"));
    }
    if let Some(running) = beside(dir, context)? {
        return Ok(Opened::Writer(running));
    }
    let error = match Operator::open(dir, keys(context)?, Box::new(SystemClock), context.wait) {
        Ok(operator) => return Ok(Opened::Writer(Arc::new(operator))),
        Err(error) => error,
    };
    let cannot_write = |error: &StorageError| {
        matches!(error.source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
    };
    let why = match &error {
        OperatorError::Lock(LockError::Held { .. }) => text!("sandbox.held"),
        OperatorError::SigningKey { .. } => text!("sandbox.no_signing_key"),
        OperatorError::Lock(LockError::Storage(error)) | OperatorError::Storage(error)
            if cannot_write(error) =>
        {
            text!("sandbox.read_only")
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
