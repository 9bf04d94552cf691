//! The tables of one seal, by dataset.

use std::collections::BTreeMap;

use super::handed_in::{Position, handed_in};
use super::{Input, ReadError};
use crate::engine::error::EngineError;
use crate::policy::Study;
use crate::tags::nearest;
use crate::types::DatasetName;

/// The tables of one seal.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Sources {
    /// Tables by dataset; a dataset may come in several, or in a folder of parts as Spark and Hive leave it.
    pub data: Vec<(DatasetName, Input)>,
    /// Tables of consent events, or folders of their parts.
    pub consents: Vec<Input>,
}

impl Sources {
    /// These tables by dataset, and these of consent events.
    #[must_use]
    pub fn new(data: Vec<(DatasetName, Input)>, consents: Vec<Input>) -> Self {
        Self { data, consents }
    }

    /// With one more table of a dataset.
    #[must_use]
    pub fn with_data(mut self, dataset: DatasetName, table: impl Into<Input>) -> Self {
        self.data.push((dataset, table.into()));
        self
    }

    /// With one more table of consent events.
    #[must_use]
    pub fn with_consents(mut self, table: impl Into<Input>) -> Self {
        self.consents.push(table.into());
        self
    }

    /// All tables, consents under no dataset and after all others.
    pub(in crate::engine) fn in_order(self) -> Vec<(Option<DatasetName>, Input)> {
        let data = self.data.into_iter().map(|(name, input)| (Some(name), input));
        data.chain(self.consents.into_iter().map(|input| (None, input))).collect()
    }
}

/// The tables of one seal, folders as their parts.
#[derive(Default)]
pub(in crate::engine) struct Tables {
    pub(in crate::engine) data: Vec<(DatasetName, Input)>,
    /// Each with the position of the file or folder that was handed in.
    pub(in crate::engine) consents: Vec<(Position, Input)>,
}

impl Tables {
    /// Each table with a unique name, and none twice.
    pub(in crate::engine) fn of(sources: Sources) -> Result<Self, ReadError> {
        let mut whole = Self::default();
        for (position, name, input) in handed_in(sources.in_order())? {
            match name {
                Some(name) => whole.data.push((name, input)),
                None => whole.consents.push((position, input)),
            }
        }
        Ok(whole)
    }
}

/// Tables by the dataset that declares them.
pub(in crate::engine) type Inputs = BTreeMap<DatasetName, Vec<Input>>;

/// Each table under its dataset.
///
/// # Errors
/// [`EngineError::UnknownDataset`], [`EngineError::MissingDataset`]
pub(in crate::engine) fn by_dataset(
    study: &Study,
    data: Vec<(DatasetName, Input)>,
) -> Result<Inputs, EngineError> {
    let mut inputs = Inputs::new();
    for (name, input) in data {
        if !study.tables().any(|table| *table == name) {
            return Err(unknown_dataset(study, &name));
        }
        inputs.entry(name).or_default().push(input);
    }
    match study.tables().find(|table| !inputs.contains_key(*table)) {
        Some(missing) => Err(EngineError::MissingDataset { dataset: missing.to_string() }),
        None => Ok(inputs),
    }
}

/// A table that the study does not declare.
pub(in crate::engine) fn unknown_dataset(study: &Study, name: &DatasetName) -> EngineError {
    let nearest = nearest(name.as_str(), study.tables().map(DatasetName::as_str));
    EngineError::UnknownDataset { dataset: name.to_string(), nearest }
}
