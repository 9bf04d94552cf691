//! Ids of a column in the one spelling that the study declares for their namespace.

use std::borrow::Cow;

use arrow_array::{Array, ArrayRef, StringArray};

use super::{Column, Id, ReadError};
use crate::deidentify::{Form, MISFIT};

/// Ids of one batch.
pub struct Ids {
    /// The ids, spelled as declared; null where there is none, or one that does not fit.
    pub column: Column,
    /// Rows whose id does not fit, in order.
    misfits: Vec<usize>,
}

impl Ids {
    /// Reads a column of ids. Tokens were spelled before they were made.
    ///
    /// # Errors
    /// [`ReadError::WrongType`]
    pub fn read(
        file: &str,
        column: &str,
        array: &ArrayRef,
        tokenised: bool,
        form: Form,
    ) -> Result<Self, ReadError> {
        let column = Column::ids(file, column, array, tokenised)?;
        if tokenised || form == Form::AsIs {
            return Ok(Self { column, misfits: Vec::new() });
        }
        let (mut misfits, mut changed) = (Vec::new(), false);
        for row in 0..array.len() {
            let Some(text) = column.spelled(row) else { continue };
            match form.fit(&text) {
                None => misfits.push(row),
                Some(fitted) => changed |= fitted != text,
            }
        }
        if misfits.is_empty() && !changed {
            return Ok(Self { column, misfits });
        }
        let fitted = |row| form.fit(&column.spelled(row)?).map(Cow::into_owned);
        let words: StringArray = (0..array.len()).map(fitted).collect();
        Ok(Self { column: Column::Words(words), misfits })
    }

    /// The id in a row.
    #[must_use]
    pub fn id(&self, row: usize) -> Option<Id<'_>> {
        self.column.id(row)
    }

    /// Rows whose id does not fit, in order.
    #[must_use]
    pub fn misfits(&self) -> &[usize] {
        &self.misfits
    }

    /// Why a row has no id: that what it has does not fit, or another reason.
    #[must_use]
    pub fn why_none(&self, row: usize, otherwise: &'static str) -> &'static str {
        if self.misfits.binary_search(&row).is_ok() { MISFIT } else { otherwise }
    }
}
