//! SHA-256 of every input, taken from the bytes that the decoder reads, in the same pass.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use ring::digest::{Context, SHA256};

use super::ReadError;
use super::bytes::{Bytes, Magic, file, open_file};
use super::path::file_name;
use crate::audit::{FileDigest, InputForm};

/// Reads a file to its end.
///
/// # Errors
/// [`ReadError`] for a file that cannot be read, or a folder.
pub fn file_digest(path: &Path) -> Result<FileDigest, ReadError> {
    let name = file_name(path);
    let bytes = Box::new(file(path, &name)?);
    Pass::new(bytes).finish().map_err(|source| ReadError::Read { file: name, source })
}

/// A file whose bytes are hashed as they are read.
#[derive(Clone)]
pub struct RecordedFile {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The position of the file or folder that it was handed in as.
    pub(super) part_of: Option<usize>,
    pub(super) record: Arc<Record>,
}

/// What is remembered of one input while it is read, once for every study.
pub struct Record {
    name: String,
    form: InputForm,
    /// The file, if it is one.
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the file was when it was first opened for reading at random, as Parquet is read.
    at_random: Option<Identity>,
    /// The digest of a file that is read at random, if it was taken while others read it.
    ahead: Option<FileDigest>,
    passes: Vec<Arc<Mutex<Pass>>>,
    /// Digests that executors of a cluster took.
    elsewhere: Vec<FileDigest>,
}

/// What changes if a file is written to or replaced: device, inode, length, times of change in seconds and nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity([i128; 7]);

impl Identity {
    fn of(data: &Metadata) -> Self {
        Self([
            data.dev().into(),
            data.ino().into(),
            data.len().into(),
            data.mtime().into(),
            data.mtime_nsec().into(),
            data.ctime().into(),
            data.ctime_nsec().into(),
        ])
    }
}

/// One reading of an input from its first byte to its last.
pub(super) struct Pass {
    bytes: Bytes,
    hash: Context,
    length: u64,
    /// Whether anything asked for its bytes.
    begun: bool,
    /// Whether its end was met. The bytes behind it, if a file grows, were not read.
    ended: bool,
}

impl Pass {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { bytes, hash: Context::new(&SHA256), length: 0, begun: false, ended: false }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length = self.length.saturating_add(bytes.len() as u64);
    }

    /// The digest of all bytes, with those that the decoder left.
    fn finish(&mut self) -> io::Result<FileDigest> {
        let mut buffer = vec![0; 1 << 17];
        while self.read(&mut buffer)? > 0 {}
        let hash = self.hash.clone().finish();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(hash.as_ref());
        Ok(FileDigest { sha256, bytes: self.length })
    }
}

impl Read for Pass {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.begun = true;
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let length = self.bytes.read(buffer)?;
        self.update(buffer.get(..length).unwrap_or_default());
        if length == 0 {
            self.ended = true;
            // A file is closed here: a folder may have more parts than a process may open files.
            self.bytes = Box::new(io::empty());
        }
        Ok(length)
    }
}

/// A pass as the decoder reads it.
pub(super) struct Shared(pub(super) Arc<Mutex<Pass>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        locked(&self.0).read(buffer)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Batches of the caller that are hashed as an Arrow IPC stream.
pub(super) struct RecordedBatches {
    pub(super) batches: Box<dyn RecordBatchReader + Send>,
    pub(super) stream: StreamWriter<Shared>,
    pub(super) pass: Arc<Mutex<Pass>>,
}

impl Iterator for RecordedBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batches.next();
        let mut pass = locked(&self.pass);
        pass.begun = true;
        pass.ended |= next.is_none();
        drop(pass);
        match next {
            None => self.stream.finish().err().map(Err),
            Some(Ok(batch)) => Some(self.stream.write(&batch).map(|()| batch)),
            failed => failed,
        }
    }
}

impl RecordBatchReader for RecordedBatches {
    fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Record {
    pub(super) fn new(name: &str, form: InputForm, path: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), form, path, state: Mutex::default() })
    }

    /// How the input was handed in.
    #[must_use]
    pub const fn form(&self) -> InputForm {
        self.form
    }

    pub(super) fn pass(&self, bytes: Bytes) -> Arc<Mutex<Pass>> {
        let pass = Arc::new(Mutex::new(Pass::new(bytes)));
        locked(&self.state).passes.push(Arc::clone(&pass));
        pass
    }

    /// Refuses a file that is not the one that was opened first, unchanged.
    fn check(&self, file: &File) -> Result<(), ReadError> {
        let data = file.metadata().map_err(|source| self.unread(source))?;
        let now = Identity::of(&data);
        if *locked(&self.state).at_random.get_or_insert(now) == now { Ok(()) } else { Err(self.changed()) }
    }

    fn unread(&self, source: io::Error) -> ReadError {
        ReadError::Read { file: self.name.clone(), source }
    }

    fn changed(&self) -> ReadError {
        ReadError::Changed { file: self.name.clone() }
    }

    /// The file, if it is read at random.
    fn read_at_random(&self) -> Option<&Path> {
        locked(&self.state).at_random.and(self.path.as_deref())
    }

    /// Takes the digest of a file that is read at random while other threads read it: it stays the same file, or [`Record::digest`]
    /// refuses it. Ends early when `stops` says so; of what fails here `digest` says why.
    pub(super) fn digest_ahead(&self, stops: impl Fn() -> bool) {
        if let Some(path) = self.read_at_random()
            && locked(&self.state).ahead.is_none()
            && let Ok(Some(digest)) = self.digest_of_file(path, stops)
        {
            locked(&self.state).ahead = Some(digest);
        }
    }

    /// The digest of the file that was opened first; `None` if `stops` ended it early.
    fn digest_of_file(&self, path: &Path, stops: impl Fn() -> bool) -> Result<Option<FileDigest>, ReadError> {
        let file = file(path, &self.name)?;
        self.check(&file)?;
        let again = file.try_clone().map_err(|source| self.unread(source))?;
        let (mut pass, mut buffer) = (Pass::new(Box::new(file)), vec![0; 1 << 17]);
        while pass.read(&mut buffer).map_err(|source| self.unread(source))? > 0 {
            if stops() {
                return Ok(None);
            }
        }
        self.check(&again)?;
        pass.finish().map(Some).map_err(|source| self.unread(source))
    }

    /// What an executor of a cluster took the digest of, byte for byte as it read the file. Two that differ are a file that changed.
    pub(in crate::engine) fn set_digest(&self, digest: FileDigest) {
        locked(&self.state).elsewhere.push(digest);
    }

    /// The digest of the input, after everything that reads it has ended; `None` if nothing did.
    ///
    /// # Errors
    /// [`ReadError::Changed`] for a file that had other bytes when it was read again, or was written to while it was read at random.
    pub fn digest(&self) -> Result<Option<FileDigest>, ReadError> {
        let (passes, mut found) = {
            let state = locked(&self.state);
            (state.passes.clone(), state.elsewhere.clone())
        };
        for pass in passes {
            let mut pass = locked(&pass);
            if pass.begun {
                found.push(pass.finish().map_err(|source| self.unread(source))?);
            }
        }
        if let Some(path) = self.read_at_random() {
            let ahead = locked(&self.state).ahead;
            found.extend(match ahead {
                Some(ahead) => self.check(&file(path, &self.name)?).map(|()| Some(ahead))?,
                None => self.digest_of_file(path, || false)?,
            });
        }
        let first = found.first().copied();
        if found.iter().all(|digest| Some(*digest) == first) { Ok(first) } else { Err(self.changed()) }
    }
}

/// Where the bytes of a file are, and what records them.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) name: &'a str,
    pub(super) record: Option<&'a Arc<Record>>,
}

impl<'a> Source<'a> {
    /// The open file, at its beginning, and what its first bytes say.
    pub(super) fn open(self) -> Result<(File, Magic), ReadError> {
        open_file(self.path, self.name)
    }

    /// The open file, to be read at random places.
    pub(super) fn at_random(self, file: File) -> Result<File, ReadError> {
        self.record.map_or(Ok(()), |record| record.check(&file))?;
        Ok(file)
    }

    /// The bytes of the open file, to be read once from its beginning.
    pub(super) fn in_order(self, file: impl Read + Send + 'static) -> Bytes {
        match self.record {
            None => Box::new(file),
            Some(record) => Box::new(Shared(record.pass(Box::new(file)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use arrow_array::{ArrayRef, Int64Array, RecordBatchIterator};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::super::{Part, Use, Wanted, open, parts};
    use super::*;
    use crate::engine::read::Input;

    const WANTED: [Wanted<'_>; 1] = [Wanted { column: "user", used: Use::Required }];

    fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
        RecordBatch::try_from_iter([("user", ids)]).unwrap()
    }

    fn recorded(input: Input) -> (Input, Arc<Record>) {
        let (input, record) = input.recorded().unwrap();
        (input, record.unwrap())
    }

    fn rows(input: Input) -> usize {
        let mut table = open(input, &WANTED).unwrap();
        let mut rows = 0;
        while let Some(batch) = table.next_batch().unwrap() {
            rows += batch.num_rows();
        }
        rows
    }

    fn sha256(bytes: &[u8]) -> [u8; 32] {
        ring::digest::digest(&SHA256, bytes).as_ref().try_into().unwrap()
    }

    /// Promise: the digest of an input is SHA-256 of all of its bytes, in whatever pieces a decoder reads them.
    #[test]
    fn the_digest_covers_every_byte_of_every_form() {
        let folder = tempfile::tempdir().unwrap();
        let text = "user\n1\n2\n";
        let path = folder.path().join("m.csv");
        std::fs::write(&path, text).unwrap();
        let (file, of_file) = recorded(Input::Path(path.clone()));
        assert!(of_file.digest().unwrap().is_none(), "what nothing read has no digest");
        let again = file.again().unwrap();
        assert_eq!((rows(file), rows(again)), (2, 2));
        let found = of_file.digest().unwrap().unwrap();
        assert_eq!((found.sha256, found.bytes), (sha256(text.as_bytes()), text.len() as u64));
        assert!(file_digest(&path).unwrap() == found);

        // Compressed bytes count as they came, with those behind the last row.
        let bytes = zstd::encode_all(text.as_bytes(), 3).unwrap();
        let (stream, of_stream) = recorded(Input::Stream("m".into(), Box::new(Cursor::new(bytes.clone()))));
        assert_eq!(rows(stream), 2);
        assert_eq!(of_stream.digest().unwrap().unwrap().sha256, sha256(&bytes));

        // Batches count as the stream of them.
        let mut stream = StreamWriter::try_new(Vec::new(), &batch(0..1).schema()).unwrap();
        for part in [batch(0..3), batch(3..5)] {
            stream.write(&part).unwrap();
        }
        stream.finish().unwrap();
        let batches = [batch(0..3), batch(3..5)].map(Ok);
        let reader = RecordBatchIterator::new(batches, batch(0..1).schema());
        let (reader, of_reader) = recorded(Input::Reader("m".into(), Box::new(reader)));
        assert_eq!(rows(reader), 5);
        assert_eq!(of_reader.digest().unwrap().unwrap().sha256, sha256(stream.get_ref()));
        assert_eq!(of_reader.form(), InputForm::Batches);

        let path = folder.path().join("s.arrow");
        std::fs::write(&path, stream.get_ref()).unwrap();
        let (file, of_file) = recorded(Input::Path(path));
        assert_eq!(rows(file), 5);
        assert_eq!(of_file.digest().unwrap().unwrap().sha256, sha256(stream.get_ref()));
    }

    fn parquet(path: &Path, from: i64) {
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
        let mut writer =
            ArrowWriter::try_new(File::create(path).unwrap(), batch(0..1).schema(), Some(properties))
                .unwrap();
        writer.write(&batch(from..from + 6)).unwrap();
        writer.close().unwrap();
    }

    /// Promise: what is hashed is what was decoded; a file that changes in between is refused, never hashed as something else.
    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.parquet");
        let read = |part: Part| {
            let mut table = part.open(&WANTED)?;
            while table.next_batch()?.is_some() {}
            Ok::<_, ReadError>(())
        };
        for replaced in [false, true] {
            parquet(&path, 0);
            let (file, record) = recorded(Input::Path(path.clone()));
            let again = file.again().unwrap();
            for part in parts(file).unwrap() {
                read(part).unwrap();
            }
            let whole = record.digest().unwrap().unwrap();
            assert_eq!(whole.sha256, sha256(&std::fs::read(&path).unwrap()));
            record.digest_ahead(|| true);
            assert!(locked(&record.state).ahead.is_none());
            record.digest_ahead(|| false);
            assert!(locked(&record.state).ahead == Some(whole) && record.digest().unwrap() == Some(whole));
            let mut all = parts(again).unwrap();
            assert_eq!(all.len(), 3);
            read(all.remove(0)).unwrap();
            let (other, same) = (folder.path().join("other"), std::fs::read(&path).unwrap());
            if replaced {
                // Other bytes of the same length under the same name.
                parquet(&other, 6);
                std::fs::rename(&other, &path).unwrap();
            } else {
                // The same bytes, and a time that is put back: it was written to all the same.
                let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                std::fs::write(&path, same).unwrap();
                File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            }
            assert!(matches!(read(all.remove(0)), Err(ReadError::Changed { .. })), "replaced: {replaced}");
            assert!(matches!(record.digest(), Err(ReadError::Changed { .. })), "replaced: {replaced}");
        }

        // A text that is read once for each of two studies.
        let path = folder.path().join("m.csv");
        std::fs::write(&path, "user\n1\n").unwrap();
        let (file, record) = recorded(Input::Path(path.clone()));
        let again = file.again().unwrap();
        rows(file);
        std::fs::write(&path, "user\n2\n").unwrap();
        rows(again);
        assert!(matches!(record.digest(), Err(ReadError::Changed { .. })));
    }

    fn record(path: Option<PathBuf>) -> Arc<Record> {
        Record::new("follows.csv", InputForm::File, path)
    }

    fn read(record: &Arc<Record>, bytes: &'static [u8]) {
        let mut pass = Shared(record.pass(Box::new(bytes)));
        io::copy(&mut pass, &mut io::sink()).unwrap();
    }

    /// Promise: what is committed to is what every pass read, not what the first one did.
    #[test]
    fn a_second_pass_with_other_bytes_is_an_error() {
        let same = record(None);
        read(&same, b"a,b\n1,2\n");
        read(&same, b"a,b\n1,2\n");
        assert_eq!(same.digest().unwrap().unwrap().bytes, 8);

        let changed = record(None);
        read(&changed, b"a,b\n1,2\n");
        read(&changed, b"a,b\n1,3\n");
        assert!(matches!(changed.digest(), Err(ReadError::Changed { .. })));
    }

    /// Promise: a file that is replaced, by one of the same bytes too, after it was read at random places is an error.
    #[test]
    fn a_file_replaced_behind_a_random_reader_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("follows.parquet");
        std::fs::write(&path, b"bytes").unwrap();
        let record = record(Some(path.clone()));
        record.check(&File::open(&path).unwrap()).unwrap();
        assert_eq!(record.digest().unwrap().unwrap().bytes, 5);

        let other = dir.path().join("other");
        std::fs::write(&other, b"bytes").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(matches!(record.digest(), Err(ReadError::Changed { .. })));
    }
}
