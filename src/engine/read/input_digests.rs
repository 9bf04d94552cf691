//! Digests of all inputs of a seal, taken while they are read.

use std::sync::Arc;

use super::Record;
use super::sources::{Sources, Tables};
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
