//! Arrow IPC: files with a footer, streams in files, and streams that come once.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{Schema, SchemaRef};

use super::ReadError;
use super::bytes::{Bytes, file};
use super::ipc_lengths::{CheckedLengths, check_file, schema_of_file};
use super::recorded::Source;
use super::table::{OpenTerms, Stop, Table, arrow, choose, damaged, is_not_too_wide};

pub(super) const IPC: &str = "Arrow IPC";

fn ipc_reader(file: File, name: &str, columns: Option<Vec<usize>>) -> Result<FileReader<File>, ReadError> {
    check_file(&file).map_err(|_| damaged(name, IPC))?;
    let reader = FileReader::try_new(file, columns).map_err(|_| damaged(name, IPC))?;
    is_not_too_wide(name, reader.schema().fields().len())?;
    Ok(reader)
}

/// The schema of a file, from its footer alone.
pub(super) fn ipc_file_schema(file: &File, name: &str) -> Result<SchemaRef, ReadError> {
    let schema = schema_of_file(file).map_err(|_| damaged(name, IPC))?;
    is_not_too_wide(name, schema.fields().len())?;
    Ok(schema.into())
}

pub(super) fn ipc_stream_reader(
    bytes: impl Read + Send + 'static,
    name: &str,
    columns: Option<Vec<usize>>,
) -> Result<StreamReader<ToEnd<BufReader<Bytes>>>, ReadError> {
    let bytes: Bytes = Box::new(bytes);
    let bytes = ToEnd::new(BufReader::new(bytes));
    let reader = StreamReader::try_new(bytes, columns).map_err(|_| damaged(name, IPC))?;
    is_not_too_wide(name, reader.schema().fields().len())?;
    Ok(reader)
}

/// The schema with which an IPC stream begins, and all bytes of the stream.
pub(super) fn ipc_schema(name: &str, bytes: Bytes) -> Result<(SchemaRef, Bytes), ReadError> {
    let mut read = Copied { bytes, read: Vec::new() };
    let schema = StreamReader::try_new(&mut read, None).map_err(|_| damaged(name, IPC))?.schema();
    is_not_too_wide(name, schema.fields().len())?;
    let Copied { bytes, read } = read;
    Ok((schema, Box::new(Cursor::new(read).chain(bytes))))
}

/// Bytes of which those that were read are kept.
struct Copied {
    bytes: Bytes,
    read: Vec<u8>,
}

impl Read for Copied {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.bytes.read(buffer)?;
        self.read.extend(buffer.iter().take(length));
        Ok(length)
    }
}

/// The table of a stream that was begun: only wanted columns are decoded.
pub(super) fn of_ipc(
    name: String,
    schema: &Schema,
    bytes: Bytes,
    terms: &OpenTerms<'_>,
) -> Result<Table, ReadError> {
    let chosen = choose(&name, schema, terms)?;
    let bytes = ToEnd::new(BufReader::with_capacity(1 << 17, bytes));
    let stream =
        StreamReader::try_new(bytes, Some(chosen.indices.clone())).map_err(|_| damaged(&name, IPC))?;
    Ok(chosen.table(name.clone(), IPC, Box::new(WholeStream { name, stream })))
}

/// Bytes that remember whether a read met their end, and of which no forged length is handed on.
pub(super) struct ToEnd<R> {
    bytes: CheckedLengths<R>,
    is_at_end: bool,
}

impl<R> ToEnd<R> {
    fn new(bytes: R) -> Self {
        Self { bytes: CheckedLengths::new(bytes), is_at_end: false }
    }
}

impl<R: Read> Read for ToEnd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.bytes.read(buffer)?;
        self.is_at_end |= length == 0 && !buffer.is_empty();
        Ok(length)
    }
}

/// A stream with an end mark and nothing behind it. The format lets a stream end where its bytes end, which is also where a writer
/// died, and a decoder stops at the mark of the first of two streams that were put together: in both rows would be lost.
struct WholeStream<R: Read> {
    name: String,
    stream: StreamReader<ToEnd<R>>,
}

impl<R: Read> Iterator for WholeStream<R> {
    type Item = Result<RecordBatch, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(batch) = self.stream.next() {
            return Some(batch.map_err(|_| Stop::Damaged));
        }
        let file = || self.name.clone();
        let bytes = self.stream.get_mut();
        if bytes.is_at_end {
            return Some(Err(Stop::Because(ReadError::IpcEnd { file: file(), goes_on: false })));
        }
        match std::io::copy(&mut bytes.take(1), &mut std::io::sink()) {
            Ok(0) => None,
            Ok(_) => Some(Err(Stop::Because(ReadError::IpcEnd { file: file(), goes_on: true }))),
            Err(source) => Some(Err(Stop::Because(ReadError::Read { file: file(), source }))),
        }
    }
}

/// The table of a file with a footer.
pub(super) fn ipc(source: Source<'_>, name: String, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    let open = || source.at_random(file(source.path, &name)?);
    let chosen = choose(&name, &ipc_reader(open()?, &name, None)?.schema(), terms)?;
    let reader = ipc_reader(open()?, &name, Some(chosen.indices.clone()))?;
    Ok(chosen.table(name, IPC, arrow(reader)))
}

/// The table of a stream, from its first byte on: the schema and the rows are read from the same bytes.
pub(super) fn ipc_stream(bytes: Bytes, name: String, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    let (schema, bytes) = ipc_schema(&name, bytes)?;
    of_ipc(name, &schema, bytes, terms)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};
    use arrow_ipc::writer::StreamWriter;

    use super::super::{Input, Use, Wanted, open};
    use super::*;

    fn stream(ids: &[&str], finished: bool) -> Vec<u8> {
        let ids: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
        let batch = RecordBatch::try_from_iter([("user", ids)]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        if finished {
            writer.finish().unwrap();
        }
        writer.get_ref().clone()
    }

    /// Rows of a stream that comes once and of the same bytes in a file, or why there are none.
    fn rows(bytes: &[u8]) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.arrow");
        std::fs::write(&path, bytes).unwrap();
        let read = |input: Input| {
            let mut table = open(input, &[Wanted { column: "user", used: Use::Required }])?;
            let mut rows = 0;
            while let Some(batch) = table.next_batch()? {
                rows += batch.num_rows();
            }
            Ok::<_, ReadError>(rows)
        };
        let once = read(Input::Stream("m.arrow".into(), Box::new(Cursor::new(bytes.to_vec()))));
        let [file, once] =
            [read(Input::Path(path)), once].map(|read| read.map_err(|error| error.to_string()));
        assert_eq!(file, once);
        file
    }

    /// Promise: a stream without its end mark, or with bytes after it, is refused, so no row is lost silently.
    #[test]
    fn a_stream_ends_with_its_mark_and_nothing_behind_it() {
        let (whole, open) = (stream(&["1", "2"], true), stream(&["1", "2"], false));
        assert_eq!(rows(&whole), Ok(2));
        assert!(rows(&open).unwrap_err().ends_with("has no end mark, so rows may be missing"));
        for behind in [&whole[..], b"x"] {
            let said = rows(&[&whole[..], behind].concat()).unwrap_err();
            assert!(said.contains("goes on behind the end mark"), "{said}");
        }
    }
}
