//! The ingest report: what was dropped from each file and why; a function of that file only.

use std::collections::BTreeMap;

use arrow_array::{Array as _, ArrayRef, Int64Array};
use serde::Serialize;

use super::instants::Instants;
use super::place::RowPlace;
use super::{BlindSession, Column, Ids, Spellings};
use crate::deidentify::{IdShapes, Looked, Unlike};
use crate::types::Timestamp;

/// How many texts of a column are looked at in a batch of 16,384 rows.
const LOOKED_AT: usize = 1_024;

/// How many first places of bad rows are kept for a message.
const FIRST_PLACES: usize = 5;

/// What was read from one file and what was dropped.
///
/// # Privacy
/// A function of one party's file alone; shown to anyone who seals with that file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The dataset, or `consents`.
    pub dataset: String,
    /// The file's name, with as many of its folders as make it unique in the seal.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// Rows that were not dropped.
    pub used: u64,
    /// Bad rows by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Rows of a relation in which someone lists themselves.
    pub self_follows: u64,
    /// Rows of a relation or of links that repeat an earlier one.
    pub duplicates: u64,
    /// Records that say the same as another one in every declared column, where they are counted; they are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identical: Option<u64>,
    /// Ids of links that are not one person's in this dataset alone, and so are not joined.
    pub ambiguous_ids: u64,
    /// Rows of consents whose ids are of a namespace of another study of the sandbox; they are none of this one's people.
    #[serde(skip_serializing_if = "is_zero")]
    pub of_other_studies: u64,
    /// Rows of consents with a cell that cannot be read, by column and by what the cell is. They are used: they give no consent, or
    /// put their person out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unclear: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Words of consents that are on no list, by column, with their rows, where at least 20 rows have one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_words: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Rows of consents that name recipients that no study of the sandbox knows.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown_recipients: u64,
    /// The id of the key of its tokens; none for a file of raw ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_key: Option<String>,
    /// The session in which its blind tokens were made; none for tokens under a shared key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_session: Option<BlindSession>,
    /// Texts of declared columns that look like direct identifiers, by column and by what they look like, among those that were
    /// looked at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub identifiers: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// The oldest and the newest instant of each time field that a measure reads, as the file holds them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub times: BTreeMap<String, Instants>,
    /// Rows whose age cannot be read, by column and reason: these people are out. The rows are used all the same.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable_ages: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Rows of people with a value that cannot be read and is a tag, by column and reason: the label of these people is `other`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable_labels: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Ids of people with rows that differ in a column that is a tag or an age, by column: the label of these people is `other`, their age
    /// is unknown. Counted with the file that holds the first row that differs from an earlier row of the dataset.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub differing: BTreeMap<String, u64>,
    /// Columns that nothing declares; never decoded.
    pub undeclared_columns: Vec<String>,
    /// What was taken for granted in reading the file, such as a separator that nothing declares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip)]
    looked: BTreeMap<String, Looked>,
    /// The shapes of the ids of every column, by row of the file.
    #[serde(skip)]
    shapes: BTreeMap<String, IdShapes>,
    /// How columns of amounts spell them, where that decides what whole numbers are.
    #[serde(skip)]
    spellings: BTreeMap<String, Spellings>,
    #[serde(skip)]
    first: Vec<RowPlace>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this shape")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a seal read and dropped, file by file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// Every file, in the order it was read.
    pub files: Vec<FileReport>,
}

/// The share of bad rows that a file may have, in thousandths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxBadRows(u32);

impl Default for MaxBadRows {
    /// A tenth of a percent.
    fn default() -> Self {
        Self(100)
    }
}

/// A text that is no percentage from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a percentage from 0 to 100, such as 0.5")]
pub struct InvalidPercentage;

impl std::str::FromStr for MaxBadRows {
    type Err = InvalidPercentage;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nano = crate::types::NanoEpsilon::parse(text).map_err(|_| InvalidPercentage)?.get();
        let thousandths = u32::try_from(nano / 1_000_000).ok().filter(|share| *share <= 100_000);
        thousandths.map(Self).ok_or(InvalidPercentage)
    }
}

impl std::fmt::Display for MaxBadRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", crate::types::NanoEpsilon::new(u128::from(self.0) * 1_000_000))
    }
}

fn add_one(counts: &mut BTreeMap<String, BTreeMap<&'static str, u64>>, column: &str, reason: &'static str) {
    let of_column = match counts.get_mut(column) {
        Some(known) => known,
        None => counts.entry(column.to_owned()).or_default(),
    };
    *of_column.entry(reason).or_default() += 1;
}

impl FileReport {
    /// Starts the report of a file.
    pub(in crate::engine) fn new(dataset: &str, table: &super::Table) -> Self {
        Self {
            dataset: dataset.to_owned(),
            file: table.name.clone(),
            token_key: table.tokenised.as_ref().map(|tokenised| tokenised.key.to_string()),
            token_session: table.tokenised.as_ref().and_then(|tokenised| tokenised.blind.clone()),
            undeclared_columns: table.undeclared.clone(),
            notes: table.notes.clone(),
            ..Self::default()
        }
    }

    /// The places of the first bad rows.
    #[must_use]
    pub fn first_places(&self) -> &[RowPlace] {
        &self.first
    }

    /// Counts one dropped row.
    pub(in crate::engine) fn drop_row(&mut self, row: u64, column: &str, reason: &'static str) {
        *self.dropped.entry(reason).or_default() += 1;
        if self.first.len() < FIRST_PLACES {
            self.first.push(RowPlace { unit: "row", row: row + 1, column: column.to_owned(), reason });
        }
    }

    /// Counts the shapes of a column of ids that begins at `row`, to find at the end those unlike almost all others.
    pub(in crate::engine) fn observe_ids(&mut self, row: u64, column: &str, ids: &Ids) {
        self.observe_shapes(row, column, ids.shapes());
    }

    /// As [`FileReport::observe_ids`], for shapes by row of the batch.
    pub(in crate::engine) fn observe_shapes(&mut self, row: u64, column: &str, shapes: &IdShapes) {
        let known = match self.shapes.get_mut(column) {
            Some(known) => known,
            None => self.shapes.entry(column.to_owned()).or_default(),
        };
        known.and_from(row, shapes);
    }

    /// Ids of a register, which come from many files, are not compared with one another.
    pub(in crate::engine) fn forget_shapes(&mut self) {
        self.shapes.clear();
    }

    /// Counts an age that cannot be read.
    pub(in crate::engine) fn observe_unreadable_age(&mut self, column: &str, reason: &'static str) {
        add_one(&mut self.unreadable_ages, column, reason);
    }

    /// Counts a value of a tag that cannot be read.
    pub(in crate::engine) fn observe_unreadable_label(&mut self, column: &str, reason: &'static str) {
        add_one(&mut self.unreadable_labels, column, reason);
    }

    /// Counts an id whose rows differ in a column.
    pub(in crate::engine) fn observe_differing(&mut self, column: &str) {
        *self.differing.entry(column.to_owned()).or_default() += 1;
    }

    /// Counts how a column of amounts spells them.
    pub(in crate::engine) fn observe_spellings(&mut self, column: &str, spellings: Spellings) {
        if spellings != Spellings::default() {
            let known = self.spellings.entry(column.to_owned()).or_default();
            *known = known.and(spellings);
        }
    }

    /// The shapes of ids by column, and the places of the first bad rows.
    pub(in crate::engine) fn rest(&self) -> (&BTreeMap<String, IdShapes>, &[RowPlace]) {
        (&self.shapes, &self.first)
    }

    /// A report of what [`FileReport::rest`] gave where the file was read.
    pub(in crate::engine) fn of_rest(shapes: BTreeMap<String, IdShapes>, first: Vec<RowPlace>) -> Self {
        Self { shapes, first, ..Self::default() }
    }

    /// The shapes of the ids of a column.
    pub(in crate::engine) fn id_shapes(&self, column: &str) -> Option<&IdShapes> {
        self.shapes.get(column)
    }

    /// Counts the ids that are unlike almost all others of their column. Their rows were read; they count as bad all the same,
    /// because they can meet no other file.
    fn drop_unlike(&mut self) {
        let unlike: Vec<(String, Unlike)> = self
            .shapes
            .iter()
            .filter_map(|(column, shapes)| Some((column.clone(), shapes.unlike()?)))
            .collect();
        for (column, Unlike { count, row, reason }) in unlike {
            let bad: u64 = self.dropped.values().sum();
            let count = count.min(self.rows.saturating_sub(bad + self.self_follows + self.of_other_studies));
            if count > 0 {
                *self.dropped.entry(reason).or_default() += count;
                if self.first.len() < FIRST_PLACES {
                    self.first.push(RowPlace { unit: "row", row: row + 1, column, reason });
                }
            }
        }
    }

    /// Looks at texts of a declared column, before they are treated: at the first of every batch, so that it costs little.
    pub(in crate::engine) fn look(&mut self, column: &str, array: &ArrayRef) -> Result<(), super::ReadError> {
        let some = array.slice(0, array.len().min(LOOKED_AT));
        let words = Column::texts(&self.file, column, &some)?;
        let mut looked = Looked::default();
        (0..some.len()).filter_map(|row| words.text(row)).for_each(|text| looked.at(text));
        self.looked.entry(column.to_owned()).or_default().and(&looked);
        Ok(())
    }

    /// Notes the instants of a time field, in seconds.
    pub(in crate::engine) fn observe_times(&mut self, column: &str, seconds: &Int64Array, as_of: Timestamp) {
        if let Some(instants) = Instants::of(seconds, as_of) {
            self.add_times(column, &instants);
        }
    }

    fn add_times(&mut self, column: &str, instants: &Instants) {
        match self.times.get_mut(column) {
            Some(known) => known.and(instants),
            None => drop(self.times.insert(column.to_owned(), instants.clone())),
        }
    }

    /// One report of two parts of a file.
    pub(in crate::engine) fn and(mut self, other: Self) -> Self {
        for (reason, count) in other.dropped {
            *self.dropped.entry(reason).or_default() += count;
        }
        self.rows += other.rows;
        self.self_follows += other.self_follows;
        self.of_other_studies += other.of_other_studies;
        for (column, ids) in other.differing {
            *self.differing.entry(column).or_default() += ids;
        }
        for (column, looked) in &other.looked {
            self.looked.entry(column.clone()).or_default().and(looked);
        }
        for (column, shapes) in &other.shapes {
            self.shapes.entry(column.clone()).or_default().and_from(0, shapes);
        }
        for (column, instants) in &other.times {
            self.add_times(column, instants);
        }
        let unreadable = [
            (&mut self.unreadable_ages, other.unreadable_ages),
            (&mut self.unreadable_labels, other.unreadable_labels),
        ];
        for (all, more) in unreadable {
            for (column, reasons) in more {
                let known = all.entry(column).or_default();
                reasons.into_iter().for_each(|(reason, count)| *known.entry(reason).or_default() += count);
            }
        }
        for (column, spellings) in &other.spellings {
            self.observe_spellings(column, *spellings);
        }
        self.first.extend(other.first);
        self.first.sort_by(|a, b| (a.row, &a.column).cmp(&(b.row, &b.column)));
        self.first.truncate(FIRST_PLACES);
        self
    }

    /// Ends the report; too many bad rows and direct identifiers stop the seal.
    pub(in crate::engine) fn finish(
        self,
        rows: u64,
        allowed: MaxBadRows,
    ) -> Result<Self, crate::engine::EngineError> {
        let (report, bad) = self.end(rows)?;
        if u128::from(bad) * 100_000 > u128::from(rows) * u128::from(allowed.0) {
            let (file, first) = (report.file, report.first);
            return Err(crate::engine::EngineError::BadRows {
                file,
                bad,
                rows,
                allowed: allowed.to_string(),
                first,
            });
        }
        Ok(report)
    }

    /// Ends the report of a consent file: one row without a person stops the seal, whatever is allowed elsewhere.
    pub(in crate::engine) fn finish_consents(self, rows: u64) -> Result<Self, crate::engine::EngineError> {
        let (report, bad) = self.end(rows)?;
        if bad > 0 {
            let (file, first) = (report.file, report.first);
            return Err(crate::engine::EngineError::UnattributedConsents { file, bad, rows, first });
        }
        Ok(report)
    }

    /// The whole report, and how many rows were dropped.
    fn end(mut self, rows: u64) -> Result<(Self, u64), crate::engine::EngineError> {
        self.rows = rows;
        if rows == 0 {
            self.notes.push("has no rows".to_owned());
        }
        for (column, spellings) in std::mem::take(&mut self.spellings) {
            spellings.check(&self.file, &column)?;
        }
        self.drop_unlike();
        let bad: u64 = self.dropped.values().sum();
        self.used = rows - bad - self.self_follows - self.of_other_studies;
        for (column, looked) in std::mem::take(&mut self.looked) {
            if let Some((shape, count)) = looked.identifier() {
                let (file, like, of) = (self.file, shape.as_str(), looked.of());
                return Err(crate::engine::EngineError::DirectIdentifier { file, column, like, count, of });
            }
            let counts: BTreeMap<_, _> =
                looked.counts().map(|(shape, count)| (shape.as_str(), count)).collect();
            if !counts.is_empty() {
                self.identifiers.insert(column, counts);
            }
        }
        Ok((self, bad))
    }
}
