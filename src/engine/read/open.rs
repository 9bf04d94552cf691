//! Opens Parquet, CSV and Arrow IPC files, and Arrow readers of the caller, as one kind of table.

use std::io::{Cursor, Read as _};

use arrow_array::RecordBatchReader;

use super::bytes::{Magic, Plain, broken, plain};
use super::columns::schema;
use super::csv::Head;
use super::input::Input;
use super::ipc::{IPC, ipc, ipc_stream, of_ipc};
use super::parquet::{PARQUET, parquet};
use super::path::Promise;
use super::recorded::Source;
use super::table::{OpenTerms, Table, Use, arrow, caught, choose, damaged};
use super::{FolderFault, ReadError, Tokenised, json};
use crate::types::Separator;

/// Opens `input` for the wanted columns.
///
/// # Errors
/// [`ReadError`] for a file that is missing, cut off, of another format, or without a required column.
pub fn open<'a>(mut input: Input, terms: impl Into<OpenTerms<'a>>) -> Result<Table, ReadError> {
    input.begin()?;
    let (name, partitions) = (input.name(), input.partitions()?);
    let terms = OpenTerms { partitions: &partitions, ..terms.into() };
    match input {
        Input::Reader(_, reader) => of_reader(name, reader, &terms),
        Input::Register(_, events, _) => of_reader(name, events, &terms),
        Input::Ipc(_, schema, bytes) => caught(&name, || of_ipc(name.clone(), &schema, bytes, &terms)),
        Input::Stream(_, bytes) => caught(&name, || of_plain(name.clone(), plain(&name, bytes)?, &terms)),
        Input::Path(_) | Input::Named(..) | Input::Recorded(_) => {
            let missing = || ReadError::UnknownFormat { file: name.clone() };
            let source = input.source(&name).ok_or_else(missing)?;
            caught(&name, || of_file(source, name.clone(), &terms))
        }
    }
}

fn of_reader(
    name: String,
    reader: Box<dyn RecordBatchReader + Send>,
    terms: &OpenTerms<'_>,
) -> Result<Table, ReadError> {
    let chosen = choose(&name, &reader.schema(), terms)?;
    let indices = chosen.indices.clone();
    let batches = reader.map(move |batch| batch?.project(&indices));
    Ok(chosen.table(name, "Arrow batches", arrow(batches)))
}

/// By the first bytes, where the name promises no text; else by the name.
fn of_file(source: Source<'_>, name: String, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    let (promise, compression) = Promise::of(source.path);
    let (file, magic) = source.open()?;
    let is_text = matches!(promise, Promise::Csv | Promise::Tabs);
    match (magic, promise) {
        (Magic::Gzip | Magic::Zstd, Promise::Json | Promise::JsonLines) => {
            return of_json(&name, plain(&name, source.in_order(file))?, terms);
        }
        (Magic::Gzip, _) if promise != Promise::Nothing => {}
        (Magic::Zstd, _) if promise != Promise::Nothing => {}
        (_, _) if compression.is_some() => {
            return Err(damaged(&name, compression.unwrap_or_default()));
        }
        (Magic::Unsupported(found), _) => return Err(ReadError::Unsupported { file: name, found }),
        (Magic::Parquet, _) if !is_text => return parquet(source.at_random(file)?, name, terms),
        (_, Promise::Parquet) => return parquet(source.at_random(file)?, name, terms),
        (Magic::IpcFile, _) if !is_text => return ipc(source, name, terms),
        (Magic::IpcStream, _) if !is_text => return ipc_stream(source.in_order(file), name, terms),
        (_, Promise::Ipc) => return Err(damaged(&name, IPC)),
        (_, Promise::Json | Promise::JsonLines) => {
            return of_json(&name, plain(&name, source.in_order(file))?, terms);
        }
        (_, Promise::Nothing) => return Err(ReadError::UnknownFormat { file: name }),
        (_, Promise::Csv | Promise::Tabs) => {}
    }
    let mut dialect = terms.csv.clone();
    if promise == Promise::Tabs {
        dialect.separator = dialect.separator.or(Separator::new("\t"));
    }
    of_plain(name.clone(), plain(&name, source.in_order(file))?, &OpenTerms { csv: &dialect, ..*terms })
}

/// JSON, which only consents are written in.
fn of_json(name: &str, plain: Plain, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    if !terms.partitions.is_empty() {
        return Err(ReadError::Folder { file: name.to_owned(), fault: FolderFault::Json });
    }
    json::table(name, plain, terms).ok_or_else(|| ReadError::JsonData { file: name.to_owned() })
}

/// Bytes that come once: an Arrow IPC stream or JSON by its first ones, else CSV.
fn of_plain(name: String, mut plain: Plain, terms: &OpenTerms<'_>) -> Result<Table, ReadError> {
    let is_consents = terms.wanted.iter().any(|want| matches!(want.used, Use::Consent { .. }));
    if is_consents && matches!(plain.magic, Magic::Other) && begins_as_json(&name, &mut plain)? {
        return of_json(&name, plain, terms);
    }
    let format = match plain.magic {
        Magic::Parquet => PARQUET,
        Magic::IpcFile => "an Arrow IPC file",
        Magic::IpcStream => {
            return ipc_stream(plain.bytes, name, terms);
        }
        _ => return Head::read(&name, plain, terms.csv)?.table(terms),
    };
    Err(ReadError::Once { file: name, format })
}

/// Whether the first character of a text opens a JSON document: no name of a column does.
fn begins_as_json(name: &str, plain: &mut Plain) -> Result<bool, ReadError> {
    let mut head = Vec::new();
    let bytes = std::mem::replace(&mut plain.bytes, Box::new(std::io::empty()));
    let mut first = bytes.take(1 << 10);
    let read = first.read_to_end(&mut head);
    read.map_err(|source| broken(name, source))?;
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head).trim_ascii_start();
    let is_json = text.starts_with(b"{") || text.starts_with(b"[");
    plain.bytes = Box::new(Cursor::new(head).chain(first.into_inner()));
    Ok(is_json)
}

/// Where an input comes from, if its ids are tokens. A pipe is to be [begun](Input::begin) before.
///
/// # Errors
/// [`ReadError`] for a file that is missing or whose schema cannot be read.
pub fn tokenised(input: &Input) -> Result<Option<Tokenised>, ReadError> {
    let name = input.name();
    let path = match input {
        Input::Reader(name, reader) => return Tokenised::read(name, reader.schema().metadata()),
        Input::Register(..) => return Ok(None),
        Input::Ipc(name, schema, _) => return Tokenised::read(name, schema.metadata()),
        Input::Stream(..) => return Ok(None),
        Input::Path(path) | Input::Named(_, path) => path,
        Input::Recorded(file) => &file.path,
    };
    let schema = caught(&name, || schema(path, &name))?;
    schema.map_or(Ok(None), |schema| Tokenised::read(&name, schema.metadata()))
}
