//! Files beside a page, for what it has no room for: written line by line, in constant memory, each whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::target::has_mark;
use hushtag::types::Sha256;

/// A line of CSV (RFC 4180) with its end.
pub(crate) fn csv_line<T: AsRef<str>>(cells: &[T]) -> String {
    let quoted = |cell: &T| {
        let cell = cell.as_ref();
        match cell.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        }
    };
    format!("{}\n", cells.iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// A file that was written.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Its name, beside the page.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Its lines, without the first one of a table.
    pub(crate) lines: u64,
    /// Its SHA-256 digest.
    pub(crate) digest: String,
}

/// A file beside a page, named after it.
pub(crate) struct Annex {
    page: PathBuf,
    end: &'static str,
    /// How a file of its kind begins that this command made and may make anew.
    mark: &'static str,
    mode: u32,
    file: Option<BufWriter<File>>,
    lines: u64,
}

impl Annex {
    /// The file that is named as the page at `page` and ends in `end`. Nothing is written before its first line.
    pub(crate) fn beside(page: &Path, end: &'static str, mark: &'static str, for_owner: bool) -> Self {
        let mode = if for_owner { 0o600 } else { 0o644 };
        Self { page: page.to_owned(), end, mark, mode, file: None, lines: 0 }
    }

    /// Where it lies; where it grows before.
    fn places(&self, end: &str) -> (PathBuf, PathBuf) {
        let stem = self.page.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (
            self.page.with_file_name(format!("{stem}{end}")),
            self.page.with_file_name(format!(".{stem}{end}.tmp")),
        )
    }

    pub(crate) const fn is_begun(&self) -> bool {
        self.file.is_some()
    }

    fn make(&self, growing: &Path) -> io::Result<BufWriter<File>> {
        // A leftover of a stop may have another mode, so it is made anew.
        match fs::remove_file(growing) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(self.mode).open(growing)?;
        Ok(BufWriter::new(file))
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.make(&self.places(self.end).1)?,
        };
        file.write_all(line.as_bytes())?;
        self.lines = self.lines.saturating_add(1);
        self.file = Some(file);
        Ok(())
    }

    /// Puts the file in its place, if a line was written. If we stop before, a hidden leftover is there.
    pub(crate) fn end(&mut self) -> io::Result<Option<Kept>> {
        let Some(file) = self.file.take() else { return Ok(None) };
        let lines = std::mem::take(&mut self.lines).saturating_sub(1);
        self.put(file, self.end, lines).map(Some)
    }

    /// Writes a file of this number as a whole.
    pub(crate) fn numbered(&self, number: usize, text: &str) -> io::Result<Kept> {
        let end = format!(".{number}{}", self.end);
        let mut file = self.make(&self.places(&end).1)?;
        file.write_all(text.as_bytes())?;
        self.put(file, &end, 1)
    }

    fn put(&self, file: BufWriter<File>, end: &str, lines: u64) -> io::Result<Kept> {
        let (place, growing) = self.places(end);
        if place.symlink_metadata().is_ok() && !has_mark(&place, self.mark)? {
            let why = format!("{} is there already, and hushtag did not make it", place.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        let digest = Sha256::of(File::open(&growing)?)?.to_string();
        fs::rename(&growing, &place)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Kept { name, bytes, lines, digest })
    }
}
