//! Arrow IPC: files with a footer, streams in files, and streams that come once.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{Schema, SchemaRef};

use super::ReadError;
use super::bytes::{Bytes, file};
use super::open::{OpenTerms, Table, arrow, choose, damaged, is_not_too_wide};

pub(super) const IPC: &str = "Arrow IPC";

pub(super) fn ipc_reader(
    path: &Path,
    name: &str,
    columns: Option<Vec<usize>>,
) -> Result<FileReader<File>, ReadError> {
    let reader = FileReader::try_new(file(path, name)?, columns).map_err(|_| damaged(name, IPC))?;
    is_not_too_wide(name, reader.schema().fields().len())?;
    Ok(reader)
}

pub(super) fn ipc_stream_reader(
    path: &Path,
    name: &str,
    columns: Option<Vec<usize>>,
) -> Result<StreamReader<BufReader<File>>, ReadError> {
    let file = BufReader::new(file(path, name)?);
    let reader = StreamReader::try_new(file, columns).map_err(|_| damaged(name, IPC))?;
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
    let bytes = BufReader::with_capacity(1 << 17, bytes);
    let reader =
        StreamReader::try_new(bytes, Some(chosen.indices.clone())).map_err(|_| damaged(&name, IPC))?;
    Ok(chosen.table(name, IPC, arrow(reader)))
}

/// The table of a file with a footer.
pub(super) fn ipc(path: &Path, name: String, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    let chosen = choose(&name, &ipc_reader(path, &name, None)?.schema(), terms)?;
    let reader = ipc_reader(path, &name, Some(chosen.indices.clone()))?;
    Ok(chosen.table(name, IPC, arrow(reader)))
}

/// The table of a file that is a stream.
pub(super) fn ipc_stream(path: &Path, name: String, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    let chosen = choose(&name, &ipc_stream_reader(path, &name, None)?.schema(), terms)?;
    let reader = ipc_stream_reader(path, &name, Some(chosen.indices.clone()))?;
    Ok(chosen.table(name, IPC, arrow(reader)))
}
