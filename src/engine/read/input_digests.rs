//! Digests of all inputs of a seal, taken while they are read.

use std::io;
use std::sync::Arc;

use arrow_ipc::writer::StreamWriter;

use super::bytes::Bytes;
use super::path::is_pipe;
use super::recorded::{Record, RecordedBatches, RecordedFile, Shared};
use super::sources::{Sources, Tables};
use super::{Input, ReadError};
use crate::audit::{FileDigest, InputForm, InputTable};
use crate::engine::error::EngineError;

/// The inputs of a seal that are hashed as they are read.
pub struct InputRecords(Vec<(InputTable, Arc<Record>)>);

impl Sources {
    /// The same tables, folders as their parts, of which all bytes are hashed as they are read.
    ///
    /// # Errors
    /// [`EngineError::Read`] for a folder that is none of parts, and for a table that is handed in twice.
    pub fn recorded(self) -> Result<(Self, InputRecords), EngineError> {
        let (mut sources, mut records) = (Self::default(), Vec::new());
        let Tables { data, consents } = Tables::of(self)?;
        for (name, input) in data {
            let (input, record) = input.recorded()?;
            records.extend(record.map(|record| (Some(name.clone()), record)));
            sources.data.push((name, input));
        }
        for (position, input) in consents {
            let (input, record) = input.recorded()?;
            records.extend(record.map(|record| (None, record)));
            sources.consents.push(input.part_of(position.number()));
        }
        Ok((sources, InputRecords(records)))
    }
}

impl InputRecords {
    /// The digests of all inputs that were read, after the last reading of them, and the table that each was read as.
    ///
    /// # Errors
    /// [`EngineError::Read`] for a file that changed while it was read.
    pub fn digests(&self) -> Result<Vec<(InputTable, FileDigest, InputForm)>, EngineError> {
        let mut all = Vec::new();
        for (table, record) in &self.0 {
            let digest = record.digest()?;
            all.extend(digest.map(|digest| (table.clone(), digest, record.form())));
        }
        Ok(all)
    }
}

impl Input {
    /// The same input, of which the bytes are hashed as they are read, and the record of it. The events of a register have none: a seal
    /// commits to the register's state.
    ///
    /// # Errors
    /// [`ReadError`] for batches that no Arrow IPC stream can hold.
    pub fn recorded(self) -> Result<(Self, Option<Arc<Record>>), ReadError> {
        let name = self.name();
        let stream = |bytes: Bytes| {
            let record = Record::new(&name, InputForm::Stream, None);
            let bytes: Bytes = Box::new(Shared(record.pass(bytes)));
            (bytes, Some(record))
        };
        Ok(match self {
            Self::Path(path) | Self::Named(_, path) => {
                let form = if is_pipe(&path) { InputForm::Stream } else { InputForm::File };
                let record = Record::new(&name, form, Some(path.clone()));
                (
                    Self::Recorded(RecordedFile { name, path, part_of: None, record: Arc::clone(&record) }),
                    Some(record),
                )
            }
            Self::Stream(name, bytes) => {
                let (bytes, record) = stream(bytes);
                (Self::Stream(name, bytes), record)
            }
            Self::Ipc(name, schema, bytes) => {
                let (bytes, record) = stream(bytes);
                (Self::Ipc(name, schema, bytes), record)
            }
            Self::Reader(name, batches) => {
                let record = Record::new(&name, InputForm::Batches, None);
                let pass = record.pass(Box::new(io::empty()));
                let stream = StreamWriter::try_new(Shared(Arc::clone(&pass)), &batches.schema());
                let stream = stream.map_err(|_| ReadError::Damaged {
                    file: name.clone(),
                    format: "Arrow batches",
                    row: None,
                })?;
                (Self::Reader(name, Box::new(RecordedBatches { batches, stream, pass })), Some(record))
            }
            Self::Recorded(file) => {
                let record = Arc::clone(&file.record);
                (Self::Recorded(file), Some(record))
            }
            Self::Register(..) => (self, None),
        })
    }

    /// The same input, where it is recorded as a part of what was handed in at a position.
    pub(super) fn part_of(self, position: usize) -> Self {
        match self {
            Self::Recorded(file) => Self::Recorded(RecordedFile { part_of: Some(position), ..file }),
            other => other,
        }
    }
}
