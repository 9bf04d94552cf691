//! Records -> one number per person and measure, over half-open windows and the rows that meet their conditions.

use std::sync::RwLock;

use super::accumulator::{Accumulator, AggregateOp, MeasureKernel};
use super::partition_buffer::{PartitionBuffer, RowLayout};
use super::partitions::Partitions;
use super::rows::{ColumnCells, Findings, Rows, Selection, TimeSpan};
use super::values::Values;
use crate::engine::error::EngineError;
use crate::engine::ids::intern::{Interner, numbers, people};
use crate::engine::ids::numbers::NO_PERSON;
use crate::engine::ids::owner_rows::OwnerRows;
use crate::engine::memory::Held;
use crate::engine::read::identical;
use crate::engine::read::ingest_report::FileReport;
use crate::engine::read::reading::Reading;
use crate::engine::read::scan::{BatchRef, ParallelScan, in_parallel};
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
    kernels: Vec<MeasureKernel>,
    pointers: Vec<Pointer>,
}

/// One pass over the files of a dataset: what all threads share.
struct Pass<'a> {
    records: &'a Records<'a>,
    interner: &'a RwLock<Interner>,
    reading: &'a Reading,
    /// The narrow one and the wide one.
    layouts: [RowLayout; 2],
    partitions: Partitions,
}

/// The state of one thread.
struct State {
    /// One for each layout.
    buffers: [PartitionBuffer; 2],
    pointers: Vec<Pointed>,
    /// One of every row, where identical ones are counted.
    fingerprints: Vec<u64>,
    /// Who has a row, where figures are counted.
    present: Vec<bool>,
    owned: OwnerRows,
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
        let op = match what {
            Aggregate::Count => Some(AggregateOp::Count),
            Aggregate::Sum { field } => self.column(field).map(AggregateOp::Sum),
            Aggregate::Mean { field } => self.column(field).map(AggregateOp::Mean),
            Aggregate::Least { field } => self.column(field).map(AggregateOp::Least),
            Aggregate::Greatest { field } => self.column(field).map(AggregateOp::Greatest),
            Aggregate::DaysSinceFirst { field } | Aggregate::DaysSinceLast { field } => {
                let first = matches!(what, Aggregate::DaysSinceFirst { .. });
                let op = if first { AggregateOp::First } else { AggregateOp::Last };
                let column = self.column(field);
                // The window may be one of another field, and what happens at or after as-of is never a time since.
                let before = column.map(|column| (column, i64::MIN, self.as_of.seconds()));
                spans.extend(before.filter(|(column, ..)| spans.iter().all(|(known, ..)| known != column)));
                column.map(op)
            }
            Aggregate::Distinct { field, cap } => {
                let cap = u16::try_from(*cap).unwrap_or(u16::MAX);
                self.column(field).map(|column| AggregateOp::Distinct { column, cap })
            }
            Aggregate::Share { of, unit } => {
                let met = self.selection(spans.clone(), rows.conditions.iter().chain(of));
                Some(AggregateOp::Share { met, unit: *unit })
            }
            Aggregate::Retained => {
                let later = rows.window.as_ref().and_then(|window| {
                    let from = self.as_of.saturating_sub(window.ending?);
                    Some((self.column(&window.field)?, from.seconds(), self.as_of.seconds()))
                });
                Some(AggregateOp::Retained {
                    later: self.selection(later.into_iter().collect(), &rows.conditions),
                })
            }
        };
        let selection = self.selection(spans, &rows.conditions);
        self.kernels.extend(op.map(|op| MeasureKernel { measure, selection, op }));
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
    pub(in crate::engine) fn note_outside(&self, reports: &mut [FileReport], is_inside: bool) {
        let some = reports.iter().any(|report| report.rows > 0);
        if let Some(report) = reports.first_mut().filter(|_| some && !is_inside) {
            report.notes.push(format!(
                "every record of `{}` lies outside every window as of {}: look at the instants of its files and at the as-of",
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

    /// Streams all files past all measures. Rows of all owners count, independent of consents.
    ///
    /// # Errors
    /// [`EngineError`] for damaged files, and for owners with more rows than the study allows.
    pub(in crate::engine) fn read(
        &self,
        files: Vec<Input>,
        interner: &RwLock<Interner>,
        reading: &Reading,
    ) -> Result<(Vec<FileReport>, AccumulatedRecords<'_>), EngineError> {
        let ScannedRecords { mut reports, accumulated, owned, is_inside } =
            self.scan(files, interner, reading)?;
        self.note_outside(&mut reports, is_inside);
        owned.check(self.dataset)?;
        Ok((reports, accumulated))
    }

    /// As [`Records::read`], of a part of the files: the caller checks owners and windows over all of them.
    ///
    /// # Errors
    /// [`EngineError`] for damaged files.
    pub(in crate::engine) fn scan(
        &self,
        files: Vec<Input>,
        interner: &RwLock<Interner>,
        reading: &Reading,
    ) -> Result<ScannedRecords<'_>, EngineError> {
        let wanted = self.wanted(reading.count_identical);
        let terms = OpenTerms { csv: &self.dataset.csv, ..OpenTerms::new(&wanted) };
        let scan = ParallelScan { dataset: self.dataset.name.as_str(), terms, reading };
        let pass = Pass::new(self, interner, reading)?;
        let (mut reports, mut states) =
            scan.read(files, || pass.start(), |state, input| pass.observe(state, input))?;
        self.note_identical(&mut reports, &mut states, reading);
        let is_inside = states.iter().any(|state| state.is_inside);
        let mut owned = OwnerRows::default();
        states.iter_mut().for_each(|state| owned.and(std::mem::take(&mut state.owned)));
        let present = states.iter_mut().map(|state| std::mem::take(&mut state.present)).reduce(either);
        let finished = in_parallel(states, |state| pass.finish(state));
        let pointers = finished.into_iter().reduce(|mut all, more| {
            all.iter_mut().zip(more).for_each(|(all, more)| all.and(more));
            all
        });
        let (pointers, present) = (pointers.unwrap_or_default(), present.unwrap_or_default());
        let accumulated = AccumulatedRecords { of: self, partitions: pass.partitions, pointers, present };
        Ok(ScannedRecords { reports, accumulated, owned, is_inside })
    }

    /// The measures over own records.
    pub(in crate::engine) fn kernels(&self) -> &[MeasureKernel] {
        &self.kernels
    }

    /// Whether the column whose cells a measure reads is one of people.
    pub(in crate::engine) fn reads_people(&self, kernel: &MeasureKernel) -> bool {
        let field = kernel.op.column().and_then(|column| self.read.get(column));
        field.is_some_and(|field| matches!(field.kind, FieldKind::Person { .. }))
    }

    /// The owner, the fields that are read, and all others that are declared.
    fn wanted(&self, count_identical: bool) -> Vec<Wanted<'_>> {
        let mut wanted = vec![Wanted { column: &self.dataset.owner, used: Use::Required }];
        wanted.extend(self.read.iter().map(|field| Wanted { column: &field.column, used: Use::Required }));
        let unread = self.dataset.fields.iter().filter(|field| !self.read.contains(field));
        let used = if count_identical { Use::Required } else { Use::Declared };
        wanted.extend(unread.map(|field| Wanted { column: &field.column, used }));
        wanted.extend(Wanted::dropped(self.dataset));
        wanted
    }

    /// Records may repeat across files; they are counted with the dataset's first one.
    fn note_identical(&self, reports: &mut [FileReport], states: &mut [State], reading: &Reading) {
        let fingerprints = states.iter_mut().flat_map(|state| std::mem::take(&mut state.fingerprints));
        if let Some(report) = reports.first_mut().filter(|_| reading.count_identical) {
            report.identical = Some(identical::repeats(fingerprints.collect()));
        }
    }

    /// The rows of one batch: their owners, if they have one, and the cells that are read.
    fn rows(
        &self,
        input: BatchRef<'_>,
        interner: &RwLock<Interner>,
        owned: &mut OwnerRows,
    ) -> Result<Rows, EngineError> {
        let Some((owners, fields)) = input.batch.columns().split_first() else {
            return Ok(Rows { owners: Vec::new(), cells: Vec::new() });
        };
        let owner = self.dataset.owner.as_str();
        let owners = Ids::read(input.name, owner, owners, input.tokenised, self.dataset.form)?;
        input.report.observe_ids(input.first, owner, &owners);
        let mut found = Findings::default();
        let count = input.batch.num_rows();
        found.bad.extend(owners.missing(count).map(|row| (row, owner, owners.why_none(row, "no owner"))));
        let mut cells = Vec::with_capacity(fields.len());
        for (field, array) in self.read.iter().zip(fields) {
            let of_people = matches!(field.kind, FieldKind::Person { .. });
            if field.kind == FieldKind::Text {
                input.report.look(&field.column, array)?;
            }
            cells.push(if of_people {
                let named = Ids::read(input.name, &field.column, array, input.tokenised, field.form)?;
                input.report.observe_ids(input.first, &field.column, &named);
                found
                    .bad
                    .extend(named.bad().iter().map(|(row, reason)| (*row, field.column.as_str(), *reason)));
                let ids = field.ids.as_ref().unwrap_or(&self.dataset.ids);
                ColumnCells::People(people(interner, numbers(interner, ids, &named.column, count)?))
            } else {
                let cells = ColumnCells::as_is(input.name, field, array, &mut found)?;
                if let Some(seconds) = cells.numbers().filter(|_| field.kind == FieldKind::Time) {
                    input.report.observe_times(&field.column, seconds, self.as_of);
                }
                cells.treated(&field.treatment)
            });
        }
        for (column, spellings) in &found.spellings {
            input.report.observe_spellings(column, *spellings);
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
            input.report.drop_row(input.first + row as u64, column, reason);
            if let Some(owner) = all.get_mut(row) {
                *owner = NO_PERSON;
            }
        }
        Ok(Rows { owners: all, cells })
    }
}

impl<'a> Pass<'a> {
    fn new(
        records: &'a Records<'a>,
        interner: &'a RwLock<Interner>,
        reading: &'a Reading,
    ) -> Result<Self, EngineError> {
        let columns = records.kernels.iter().filter_map(|kernel| kernel.op.column());
        let layouts = RowLayout::narrow_and_wide(records.selections.len(), columns);
        // Room for all people whom earlier tables name, whether or not they name the owners of this one.
        let partitions = Partitions::new(&reading.memory);
        partitions.grow(records.people, &records.kernels)?;
        Ok(Self { records, interner, reading, layouts, partitions })
    }

    /// The state of a thread that has read nothing yet.
    fn start(&self) -> State {
        let records = self.records;
        State {
            buffers: self.layouts.each_ref().map(|layout| PartitionBuffer::new(layout, records.people)),
            pointers: records.pointers.iter().map(Pointer::start).collect(),
            fingerprints: Vec::new(),
            present: vec![false; if self.reading.figures { records.people } else { 0 }],
            owned: OwnerRows::new(records.people),
            held: self.reading.memory.nothing(),
            is_inside: records.windows.is_empty(),
        }
    }

    /// Reads one batch: its rows go to the buffer of their owner's partition, and to the pairs of people they name.
    fn observe(&self, state: &mut State, input: BatchRef<'_>) -> Result<(), EngineError> {
        let records = self.records;
        if self.reading.count_identical {
            state.fingerprints.extend(identical::fingerprints(input.name, input.batch)?);
        }
        let rows = records.rows(input, self.interner, &mut state.owned)?;
        self.partitions.grow(rows.people(), &records.kernels)?;
        state.is_inside = state.is_inside || rows.is_any_inside(&records.windows);
        if self.reading.figures {
            state.observe_present(&rows);
        }
        let selected: Vec<Vec<u32>> =
            records.selections.iter().map(|selection| rows.select(selection)).collect();
        let fitting = self.layouts.iter().zip(&mut state.buffers).find(|(layout, _)| layout.fits(&rows));
        if let Some((layout, buffer)) = fitting {
            buffer.take(layout, &rows, &selected, self.reading, |partition, rows| {
                self.partitions.observe(partition, &records.kernels, rows);
            });
        }
        for (pointer, pointed) in records.pointers.iter().zip(&mut state.pointers) {
            pointed.accumulate(pointer, &rows, &selected, self.reading);
        }
        state.held.set(state.bytes())
    }

    /// Accumulates what a thread still has in its buffers.
    fn finish(&self, state: State) -> Vec<Pointed> {
        for (layout, buffer) in self.layouts.iter().zip(state.buffers) {
            buffer.finish(layout, |partition, rows| {
                self.partitions.observe(partition, &self.records.kernels, rows);
            });
        }
        state.pointers
    }
}

impl State {
    /// Notes who owns a row.
    fn observe_present(&mut self, rows: &Rows) {
        self.present.resize(self.present.len().max(rows.people()), false);
        for owner in &rows.owners {
            if let Some(present) = self.present.get_mut(*owner as usize) {
                *present = true;
            }
        }
    }

    /// Bytes that grow with rows and pairs.
    fn bytes(&self) -> usize {
        let buffered = self.buffers.iter().map(PartitionBuffer::bytes);
        let pointers = self.pointers.iter().map(Pointed::bytes);
        let fingerprints = self.fingerprints.capacity() * size_of::<u64>();
        buffered
            .chain(pointers)
            .fold(fingerprints + self.present.capacity() + self.owned.bytes(), usize::saturating_add)
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

/// Everything that was accumulated from the records of one dataset.
pub(in crate::engine) struct AccumulatedRecords<'a> {
    of: &'a Records<'a>,
    partitions: Partitions,
    pointers: Vec<Pointed>,
    present: Vec<bool>,
}

/// What was read of some files of a dataset.
pub(in crate::engine) struct ScannedRecords<'a> {
    pub(in crate::engine) reports: Vec<FileReport>,
    pub(in crate::engine) accumulated: AccumulatedRecords<'a>,
    /// The rows of each owner.
    pub(in crate::engine) owned: OwnerRows,
    /// Whether a record lies in a window, or no measure knows times.
    pub(in crate::engine) is_inside: bool,
}

impl AccumulatedRecords<'_> {
    /// The accumulators of all measures, partition by partition of people, and what points at people, by relation.
    pub(in crate::engine) fn into_parts(self) -> (Vec<Vec<Accumulator>>, Vec<(usize, Pointed)>) {
        let pointed = self.of.pointers.iter().map(|pointer| pointer.relation).zip(self.pointers);
        (self.partitions.finish().collect(), pointed.collect())
    }

    /// The values of all measures.
    pub(in crate::engine) fn finish(self) -> OfRecords {
        let Self { of, partitions, pointers, present } = self;
        let measures = of.catalogue.measures();
        // In a table without rows all people have the value of no rows.
        let nothing = |kernel: &MeasureKernel| {
            let declared = measures.get(kernel.measure)?;
            let empty = kernel.op.start(0);
            Some((kernel.measure, empty.finish(&kernel.op, declared.range(), of.as_of)))
        };
        let mut values: Vec<(usize, Values)> = of.kernels.iter().filter_map(nothing).collect();
        for accumulators in partitions.finish() {
            for ((kernel, accumulator), (measure, all)) in
                of.kernels.iter().zip(accumulators).zip(&mut values)
            {
                let Some(declared) = measures.get(*measure) else { continue };
                all.append(accumulator.finish(&kernel.op, declared.range(), of.as_of));
            }
        }
        let pointed = of.pointers.iter().map(|pointer| pointer.relation).zip(pointers);
        (values, pointed.collect(), present)
    }
}
