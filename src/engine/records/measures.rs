//! Records -> one number per person and measure, over half-open windows and the rows that meet their conditions.

use std::sync::RwLock;

use super::accumulator::{Kernel, What};
use super::partition_buffer::{Layout, Together, Waiting};
use super::partitions::Ranges;
use super::rows::{Cells, Findings, Rows, Selection, TimeSpan};
use super::values::Values;
use crate::engine::error::EngineError;
use crate::engine::ids::intern::{Interner, numbers, people};
use crate::engine::ids::numbers::NOBODY;
use crate::engine::ids::owner_rows::OwnerRows;
use crate::engine::memory::Held;
use crate::engine::read::identical;
use crate::engine::read::ingest_report::FileHygiene;
use crate::engine::read::reading::Reading;
use crate::engine::read::scan::{Piece, Scan, together};
use crate::engine::read::{Ids, Input, OpenTerms, Use, Wanted};
use crate::engine::relations::pointers::{Pointed, Pointer};
use crate::policy::{Dataset, Field, FieldKind};
use crate::tags::{Aggregate, Catalogue, Condition, Naming, Source, Window};
use crate::types::Timestamp;

/// What is read of one records dataset, and what is made of it.
pub(in crate::engine) struct Records<'a> {
    dataset: &'a Dataset,
    catalogue: &'a Catalogue,
    as_of: Timestamp,
    people: usize,
    /// Fields that are read, in the order of the batches.
    read: Vec<&'a Field>,
    selections: Vec<Selection<'a>>,
    /// The windows that measures declare; all before as-of where none declares one.
    windows: Vec<Vec<TimeSpan>>,
    kernels: Vec<Kernel>,
    pointers: Vec<Pointer>,
}

/// What a thread has at hand.
struct State {
    /// Rows that wait, lane by lane.
    waiting: [Waiting; 2],
    pointers: Vec<Pointed>,
    /// One of every row, where identical ones are counted.
    marks: Vec<u64>,
    /// Who has a row, where figures are counted.
    present: Vec<bool>,
    owned: OwnerRows,
    /// Rows that were read.
    rows: u64,
    held: Held,
    /// Whether a record lies in a window, or no measure knows times.
    is_inside: bool,
}

impl<'a> Records<'a> {
    /// The measures over `dataset`; people numbered `0..people` are known, and its tables bring more.
    pub(in crate::engine) fn new(
        dataset: &'a Dataset,
        catalogue: &'a Catalogue,
        as_of: Timestamp,
        people: usize,
    ) -> Self {
        let (read, selections, windows, kernels, pointers) = Default::default();
        let mut all =
            Self { dataset, catalogue, as_of, people, read, selections, windows, kernels, pointers };
        for (measure, declared) in catalogue.measures().iter().enumerate() {
            match &declared.source {
                Source::Own { rows, what } if rows.dataset == dataset.name => all.own(measure, rows, what),
                Source::Referred { relation, rows, what } if rows.dataset == dataset.name => {
                    all.referred(measure, *relation, rows, what);
                }
                _ => {}
            }
        }
        if all.windows.is_empty() {
            let spans = all.selections.iter().map(|selection| selection.spans.clone());
            all.windows = spans.filter(|spans| !spans.is_empty()).collect();
        }
        all
    }

    fn own(&mut self, measure: usize, rows: &'a crate::tags::Rows, what: &'a Aggregate) {
        let mut spans = self.spans(rows);
        let what = match what {
            Aggregate::Count => Some(What::Count),
            Aggregate::Sum { field } => self.column(field).map(What::Sum),
            Aggregate::Mean { field } => self.column(field).map(What::Mean),
            Aggregate::Least { field } => self.column(field).map(What::Least),
            Aggregate::Greatest { field } => self.column(field).map(What::Greatest),
            Aggregate::DaysSinceFirst { field } | Aggregate::DaysSinceLast { field } => {
                let first = matches!(what, Aggregate::DaysSinceFirst { .. });
                let what = if first { What::First } else { What::Last };
                let column = self.column(field);
                // The window may be one of another field, and what happens at or after as-of is never a time since.
                let before = column.map(|column| (column, i64::MIN, self.as_of.seconds()));
                spans.extend(before.filter(|(column, ..)| spans.iter().all(|(known, ..)| known != column)));
                column.map(what)
            }
            Aggregate::Distinct { field, cap } => {
                let cap = u16::try_from(*cap).unwrap_or(u16::MAX);
                self.column(field).map(|column| What::Distinct { column, cap })
            }
            Aggregate::Share { of, unit } => {
                let met = self.selection(spans.clone(), rows.conditions.iter().chain(of));
                Some(What::Share { met, unit: *unit })
            }
            Aggregate::Retained => {
                let later = rows.window.as_ref().and_then(|window| {
                    let from = self.as_of.saturating_sub(window.ending?);
                    Some((self.column(&window.field)?, from.seconds(), self.as_of.seconds()))
                });
                Some(What::Retained { later: self.selection(later.into_iter().collect(), &rows.conditions) })
            }
        };
        let selection = self.selection(spans, &rows.conditions);
        self.kernels.extend(what.map(|what| Kernel { measure, selection, what }));
    }

    fn referred(&mut self, measure: usize, relation: usize, rows: &'a crate::tags::Rows, what: &'a Naming) {
        let spans = self.spans(rows);
        let selection = self.selection(spans, &rows.conditions);
        let summed = match what {
            Naming::Sum { field } => self.column(field),
            Naming::People | Naming::Count => None,
        };
        let field = self.catalogue.relations().get(relation).and_then(|relation| relation.field.as_deref());
        let Some(column) = field.and_then(|field| self.column(field)) else { return };
        let known = self.pointers.iter().position(|pointer| pointer.relation == relation);
        let position = known.unwrap_or_else(|| {
            self.pointers.push(Pointer { relation, column, measures: Vec::new() });
            self.pointers.len() - 1
        });
        if let Some(pointer) = self.pointers.get_mut(position) {
            pointer.measures.push((measure, selection, summed));
        }
    }

    /// The position of a field among those read, which it joins if it is new.
    fn column(&mut self, name: &str) -> Option<usize> {
        let field = self.dataset.field(name)?;
        let known = self.read.iter().position(|read| read.column == field.column);
        Some(known.unwrap_or_else(|| {
            self.read.push(field);
            self.read.len() - 1
        }))
    }

    /// The part of time that a measure reads, if its records know any.
    fn spans(&mut self, rows: &crate::tags::Rows) -> Vec<TimeSpan> {
        let part = |window: &Window| {
            let from = window.span.map_or(i64::MIN, |span| self.as_of.saturating_sub(span).seconds());
            let to = window.ending.map_or(self.as_of, |ending| self.as_of.saturating_sub(ending));
            Some((self.column(&window.field)?, from, to.seconds()))
        };
        let spans: Vec<TimeSpan> = rows.window.as_ref().and_then(part).into_iter().collect();
        if rows.window.as_ref().is_some_and(|window| window.span.is_some()) {
            self.windows.push(spans.clone());
        }
        spans
    }

    /// Says of a dataset whose records all lie outside every window that they do: a function of its files and of as-of alone.
    fn note_outside(&self, reports: &mut [FileHygiene], mut is_inside: impl Iterator<Item = bool>) {
        let some = reports.iter().any(|report| report.rows > 0);
        if let Some(report) = reports.first_mut().filter(|_| some && !is_inside.any(|inside| inside)) {
            report.notes.push(format!(
                "every record of `{}` lies outside every window as of {}: look at the instants of its files and at --as-of",
                self.dataset.name, self.as_of
            ));
        }
    }

    /// The position of a selection, which measures over the same rows share.
    fn selection(
        &mut self,
        spans: Vec<TimeSpan>,
        conditions: impl IntoIterator<Item = &'a Condition>,
    ) -> usize {
        let conditions = conditions.into_iter();
        let conditions = conditions.filter_map(|c| Some((self.column(&c.field)?, &c.test))).collect();
        let wanted = Selection { spans, conditions };
        let known = self.selections.iter().position(|selection| *selection == wanted);
        known.unwrap_or_else(|| {
            self.selections.push(wanted);
            self.selections.len() - 1
        })
    }

    /// Streams all files past all measures. Rows of all owners count, independent of who is in.
    ///
    /// # Errors
    /// [`EngineError`] for damaged files, and for owners with more rows than the study allows.
    pub(in crate::engine) fn gather(
        &self,
        files: Vec<Input>,
        interner: &RwLock<Interner>,
        reading: &Reading,
    ) -> Result<(Vec<FileHygiene>, GatheredRecords<'_>), EngineError> {
        let mut wanted = vec![Wanted { column: &self.dataset.owner, used: Use::Required }];
        wanted.extend(self.read.iter().map(|field| Wanted { column: &field.column, used: Use::Required }));
        let unread = self.dataset.fields.iter().filter(|field| !self.read.contains(field));
        let used = if reading.count_identical { Use::Required } else { Use::Declared };
        wanted.extend(unread.map(|field| Wanted { column: &field.column, used }));
        wanted.extend(Wanted::dropped(self.dataset));
        let terms = OpenTerms { csv: &self.dataset.csv, ..OpenTerms::new(&wanted) };
        let scan = Scan { dataset: self.dataset.name.as_str(), terms, reading };
        let columns = self.kernels.iter().filter_map(|kernel| kernel.what.column());
        let lanes = Layout::lanes(self.selections.len(), columns);
        // Room for everybody whom earlier tables name, whether or not they name the owners of this one.
        let ranges = Ranges::new(&reading.memory);
        ranges.grow(self.people, &self.kernels)?;
        let settle = |range: usize, rows: &Together<'_>| ranges.observe(range, &self.kernels, rows);
        let start = || State {
            waiting: lanes.each_ref().map(|layout| Waiting::new(layout, self.people)),
            pointers: self.pointers.iter().map(Pointer::start).collect(),
            marks: Vec::new(),
            present: vec![false; if reading.figures { self.people } else { 0 }],
            owned: OwnerRows::new(self.people),
            rows: 0,
            held: reading.memory.nothing(),
            is_inside: self.windows.is_empty(),
        };
        let hear = |state: &mut State, piece: Piece<'_>| {
            if reading.count_identical {
                state.marks.extend(identical::marks(piece.name, piece.batch)?);
            }
            let rows = self.rows(piece, interner, &mut state.owned)?;
            ranges.grow(rows.people(), &self.kernels)?;
            state.is_inside = state.is_inside || rows.is_any_inside(&self.windows);
            if reading.figures {
                state.present.resize(state.present.len().max(rows.people()), false);
                for owner in &rows.owners {
                    if let Some(present) = state.present.get_mut(*owner as usize) {
                        *present = true;
                    }
                }
            }
            let chosen: Vec<Vec<u32>> =
                self.selections.iter().map(|selection| rows.select(selection)).collect();
            let lane = lanes.iter().zip(&mut state.waiting).find(|(layout, _)| layout.fits(&rows));
            if let Some((layout, waiting)) = lane {
                waiting.take(layout, &rows, &chosen, reading, settle);
            }
            for (pointer, pointed) in self.pointers.iter().zip(&mut state.pointers) {
                pointed.hear(pointer, &rows, &chosen, reading);
            }
            state.rows += rows.owners.len() as u64;
            state.held.set(state.bytes(&lanes))
        };
        let (mut reports, mut states) = scan.read(files, start, hear)?;
        let marks = states.iter_mut().flat_map(|state| std::mem::take(&mut state.marks)).collect();
        // Records may repeat across files; they are counted with the dataset's first one.
        if let Some(report) = reports.first_mut().filter(|_| reading.count_identical) {
            report.identical = Some(identical::repeats(marks));
        }
        self.note_outside(&mut reports, states.iter().map(|state| state.is_inside));
        let mut owned = OwnerRows::default();
        states.iter_mut().for_each(|state| owned.and(std::mem::take(&mut state.owned)));
        owned.check(self.dataset)?;
        let present = states.iter_mut().map(|state| std::mem::take(&mut state.present)).reduce(either);
        let finished = together(states, |state: State| {
            for (layout, waiting) in lanes.iter().zip(state.waiting) {
                waiting.finish(layout, settle);
            }
            state.pointers
        });
        let pointers = finished.into_iter().reduce(|mut all, more| {
            all.iter_mut().zip(more).for_each(|(all, more)| all.and(more));
            all
        });
        let (pointers, present) = (pointers.unwrap_or_default(), present.unwrap_or_default());
        Ok((reports, GatheredRecords { of: self, ranges, pointers, present }))
    }

    /// The rows of one batch: whose each is, or nobody's, and the cells that are read.
    fn rows(
        &self,
        piece: Piece<'_>,
        interner: &RwLock<Interner>,
        owned: &mut OwnerRows,
    ) -> Result<Rows, EngineError> {
        let Some((owners, fields)) = piece.batch.columns().split_first() else {
            return Ok(Rows { owners: Vec::new(), cells: Vec::new() });
        };
        let owner = self.dataset.owner.as_str();
        let owners = Ids::read(piece.name, owner, owners, piece.tokenised, self.dataset.form)?;
        piece.report.observe_ids(piece.first, owner, &owners);
        let mut found = Findings::default();
        let count = piece.batch.num_rows();
        found.bad.extend(
            (0..count)
                .filter(|row| owners.id(*row).is_none())
                .map(|row| (row, owner, owners.why_none(row, "no owner"))),
        );
        let mut cells = Vec::with_capacity(fields.len());
        for (field, array) in self.read.iter().zip(fields) {
            let of_people = matches!(field.kind, FieldKind::Person { .. });
            if field.kind == FieldKind::Text {
                piece.report.look(&field.column, array)?;
            }
            cells.push(if of_people {
                let named = Ids::read(piece.name, &field.column, array, piece.tokenised, field.form)?;
                piece.report.observe_ids(piece.first, &field.column, &named);
                found
                    .bad
                    .extend(named.bad().iter().map(|(row, reason)| (*row, field.column.as_str(), *reason)));
                let ids = field.ids.as_ref().unwrap_or(&self.dataset.ids);
                Cells::People(people(interner, numbers(interner, ids, &named.column, count)?))
            } else {
                let cells = Cells::as_is(piece.name, field, array, &mut found)?;
                if let Some(seconds) = cells.numbers().filter(|_| field.kind == FieldKind::Time) {
                    piece.report.observe_times(&field.column, seconds, self.as_of);
                }
                cells.treated(&field.treatment)
            });
        }
        for (column, spellings) in &found.spellings {
            piece.report.observe_spellings(column, *spellings);
        }
        let mut bad = found.bad;
        // By row, then in the order of reading: a row is dropped once, for the first thing that is wrong with it.
        bad.sort_by_key(|(row, ..)| *row);
        bad.dedup_by_key(|(row, ..)| *row);
        // Owners whom no other table knows are numbered, too: what is gathered must not depend on who else names them.
        let ids = numbers(interner, &self.dataset.ids, &owners.column, count)?;
        owned.add(ids.iter().copied());
        let mut all = people(interner, ids);
        for (row, column, reason) in bad {
            piece.report.drop_row(piece.first + row as u64, column, reason);
            if let Some(owner) = all.get_mut(row) {
                *owner = NOBODY;
            }
        }
        Ok(Rows { owners: all, cells })
    }
}

impl State {
    /// Bytes that grow with rows and pairs.
    fn bytes(&self, lanes: &[Layout; 2]) -> usize {
        let waiting = lanes.iter().zip(&self.waiting).map(|(layout, lane)| lane.bytes(layout, self.rows));
        let pointers = self.pointers.iter().map(Pointed::bytes);
        let marks = self.marks.capacity() * size_of::<u64>();
        waiting
            .chain(pointers)
            .fold(marks + self.present.capacity() + self.owned.bytes(), usize::saturating_add)
    }
}

fn either(mut all: Vec<bool>, mut more: Vec<bool>) -> Vec<bool> {
    let people = all.len().max(more.len());
    [&mut all, &mut more].into_iter().for_each(|present| present.resize(people, false));
    all.iter_mut().zip(more).for_each(|(all, more)| *all |= more);
    all
}

/// Own measures with their values, what points at people, by relation, and who has a row, where figures are counted.
pub(in crate::engine) type OfRecords = (Vec<(usize, Values)>, Vec<(usize, Pointed)>, Vec<bool>);

/// Everything that was gathered from the records of one dataset.
pub(in crate::engine) struct GatheredRecords<'a> {
    of: &'a Records<'a>,
    ranges: Ranges,
    pointers: Vec<Pointed>,
    present: Vec<bool>,
}

impl GatheredRecords<'_> {
    /// Everything that was gathered.
    pub(in crate::engine) fn finish(self) -> OfRecords {
        let Self { of, ranges, pointers, present } = self;
        let measures = of.catalogue.measures();
        // Of a table without rows nobody has any, and everybody has a value.
        let nothing = |kernel: &Kernel| {
            let declared = measures.get(kernel.measure)?;
            let nobody = kernel.what.start(0);
            Some((kernel.measure, nobody.finish(&kernel.what, declared.range(), of.as_of)))
        };
        let mut values: Vec<(usize, Values)> = of.kernels.iter().filter_map(nothing).collect();
        for gathered in ranges.finish() {
            for ((kernel, gathered), (measure, all)) in of.kernels.iter().zip(gathered).zip(&mut values) {
                let Some(declared) = measures.get(*measure) else { continue };
                all.append(gathered.finish(&kernel.what, declared.range(), of.as_of));
            }
        }
        let pointed = of.pointers.iter().map(|pointer| pointer.relation).zip(pointers);
        (values, pointed.collect(), present)
    }
}
