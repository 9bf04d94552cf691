//! Where the rows of a dataset come from, and what its name and first bytes say about the format.

use std::fmt;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::SchemaRef;

use super::bytes::{Bytes, Magic, broken, file, plain};
use super::ipc::ipc_schema;
use super::parquet::PARQUET;
use super::partition::{Partition, partitions};
use super::path::{Promise, file_name, is_pipe};
use super::recorded::{Record, RecordedFile, Source};
use super::table::caught;
use super::{FolderFault, ReadError};
use crate::register::{Batches as Events, Tombstones};

/// Where the rows of a dataset come from.
#[non_exhaustive]
pub enum Input {
    /// A file, or a pipe; the format follows from its name and its first bytes.
    Path(PathBuf),
    /// A file that reports call by a name of the caller.
    Named(String, PathBuf),
    /// A file whose bytes are hashed as they are read: [`Input::recorded`].
    Recorded(RecordedFile),
    /// Bytes that are read once, with the name that reports give them: CSV or an Arrow IPC stream, compressed or not.
    Stream(String, Box<dyn Read + Send>),
    /// An Arrow IPC stream that was [begun](Input::begin): its schema, and its bytes from the first on.
    Ipc(String, SchemaRef, Box<dyn Read + Send>),
    /// Batches of the caller, with the name that reports give them.
    Reader(String, Box<dyn RecordBatchReader + Send>),
    /// The events of a consent register, with the name that reports give it: rows of the consent table, whose ids were read when they
    /// were recorded, and what is left of removed ones. How a study's handlers write their own tables does not concern it.
    Register(String, Box<Events>, Tombstones),
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for Input {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

/// A file that reports call by this name.
impl<N: Into<String>> From<(N, PathBuf)> for Input {
    fn from((name, path): (N, PathBuf)) -> Self {
        Self::Named(name.into(), path)
    }
}

/// One batch that reports call by this name.
impl<N: Into<String>> From<(N, RecordBatch)> for Input {
    fn from((name, batch): (N, RecordBatch)) -> Self {
        let schema = batch.schema();
        Self::Reader(name.into(), Box::new(RecordBatchIterator::new(std::iter::once(Ok(batch)), schema)))
    }
}

/// Batches of a reader that reports call by this name.
impl<N: Into<String>> From<(N, Box<dyn RecordBatchReader + Send>)> for Input {
    fn from((name, reader): (N, Box<dyn RecordBatchReader + Send>)) -> Self {
        Self::Reader(name.into(), reader)
    }
}

/// Shows the name and the kind, nothing of the rows.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Path(_) | Self::Named(..) | Self::Recorded(_) => "File",
            Self::Stream(..) | Self::Ipc(..) => "Stream",
            Self::Reader(..) => "Reader",
            Self::Register(..) => "Register",
        };
        f.debug_tuple(kind).field(&self.name()).finish()
    }
}

impl Input {
    /// How reports call it: the file's name without its folders, or the name that the caller gave.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => file_name(path),
            Self::Recorded(file) => file.name.clone(),
            Self::Named(name, _)
            | Self::Stream(name, _)
            | Self::Ipc(name, ..)
            | Self::Reader(name, _)
            | Self::Register(name, ..) => name.clone(),
        }
    }

    /// The same input once more, unless it can be read only once.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        match self {
            Self::Path(path) => (!is_pipe(path)).then(|| Self::Path(path.clone())),
            Self::Named(name, path) => (!is_pipe(path)).then(|| Self::Named(name.clone(), path.clone())),
            Self::Recorded(file) => (!is_pipe(&file.path)).then(|| Self::Recorded(file.clone())),
            Self::Stream(..) | Self::Ipc(..) | Self::Reader(..) | Self::Register(..) => None,
        }
    }

    /// Its file, if it is one that others can open, too.
    pub(in crate::engine) fn file(&self) -> Option<&Path> {
        self.path().filter(|path| !is_pipe(path))
    }

    /// Its file, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Named(_, path) => Some(path),
            Self::Recorded(file) => Some(&file.path),
            Self::Stream(..) | Self::Ipc(..) | Self::Reader(..) | Self::Register(..) => None,
        }
    }

    /// Where the bytes of its file are, if it is one.
    pub(super) fn source<'a>(&'a self, name: &'a str) -> Option<Source<'a>> {
        self.path().map(|path| Source { path, name, record: self.record() })
    }

    /// What remembers it while it is read, if it is a file and anything does.
    pub(in crate::engine) fn record(&self) -> Option<&Arc<Record>> {
        if let Self::Recorded(file) = self { Some(&file.record) } else { None }
    }

    /// The columns that the folders above its file name.
    pub(super) fn partitions(&self) -> Result<Vec<Partition>, ReadError> {
        self.path().map_or(Ok(Vec::new()), |path| partitions(path, &self.name()))
    }

    /// Opens a pipe, which can be opened once only, and looks at its first bytes; any other input stays as it is.
    ///
    /// # Errors
    /// [`ReadError`] for a pipe that cannot be read, or holds a format that is not read in one pass.
    pub fn begin(&mut self) -> Result<(), ReadError> {
        let name = self.name();
        let bytes: Bytes = match self {
            Self::Path(path) | Self::Named(_, path) if is_pipe(path) => Box::new(file(path, &name)?),
            Self::Recorded(recorded) if is_pipe(&recorded.path) => {
                let bytes = file(&recorded.path, &name)?;
                self.source(&name).map_or(Box::new(std::io::empty()), |source| source.in_order(bytes))
            }
            Self::Stream(_, bytes) => std::mem::replace(bytes, Box::new(std::io::empty())),
            Self::Path(_)
            | Self::Named(..)
            | Self::Recorded(_)
            | Self::Ipc(..)
            | Self::Reader(..)
            | Self::Register(..) => return Ok(()),
        };
        if !self.partitions()?.is_empty() {
            return Err(ReadError::Folder { file: name, fault: FolderFault::NotAFile });
        }
        let plain = caught(&name, || plain(&name, bytes))?;
        let once = |format| Err(ReadError::Once { file: name.clone(), format });
        *self = match plain.magic {
            Magic::Parquet => return once(PARQUET),
            Magic::IpcFile => return once("an Arrow IPC file"),
            Magic::IpcStream => {
                let (schema, bytes) = caught(&name, || ipc_schema(&name, plain.bytes))?;
                Self::Ipc(name, schema, bytes)
            }
            _ => Self::Stream(name, plain.bytes),
        };
        Ok(())
    }

    /// Its lines, if it is JSON Lines: by its name, or a pipe by its first byte. They may be compressed, and begin after a byte order
    /// mark.
    ///
    /// # Errors
    /// [`ReadError`] as [`Input::begin`].
    pub fn json_lines(&mut self) -> Result<Option<Box<dyn BufRead + Send>>, ReadError> {
        self.begin()?;
        let name = self.name();
        let bytes: Bytes = match self {
            Self::Ipc(..) | Self::Reader(..) | Self::Register(..) => return Ok(None),
            Self::Path(_) | Self::Named(..) | Self::Recorded(_) => {
                let Some(source) = self.source(&name) else { return Ok(None) };
                if Promise::of(source.path).0 != Promise::JsonLines {
                    return Ok(None);
                }
                if !partitions(source.path, &name)?.is_empty() {
                    return Err(ReadError::Folder { file: name, fault: FolderFault::Json });
                }
                plain(&name, source.in_order(file(source.path, &name)?))?.bytes
            }
            Self::Stream(_, bytes) => {
                let mut head = Vec::new();
                let read = bytes.by_ref().take(1 << 10).read_to_end(&mut head);
                read.map_err(|source| broken(&name, source))?;
                let is_json = after_mark(&head).trim_ascii_start().starts_with(b"{");
                let rest = std::mem::replace(bytes, Box::new(std::io::empty()));
                *bytes = Box::new(Cursor::new(head).chain(rest));
                if !is_json {
                    return Ok(None);
                }
                std::mem::replace(bytes, Box::new(std::io::empty()))
            }
        };
        let name = self.name();
        let mut lines = BufReader::with_capacity(1 << 20, bytes);
        let head = lines.fill_buf().map_err(|source| broken(&name, source))?;
        let mark = head.len() - after_mark(head).len();
        lines.consume(mark);
        Ok(Some(Box::new(lines)))
    }
}

fn after_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}
