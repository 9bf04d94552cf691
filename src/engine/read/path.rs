//! What the name of a file promises.

use std::path::Path;

/// Whether a path is neither file nor folder, so that its bytes come once.
pub(super) fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir())
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The format that a file's name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    Parquet,
    Ipc,
    Csv,
    /// CSV with tabs between cells.
    Tabs,
    Json,
    JsonLines,
    Nothing,
}

impl Promise {
    /// The format, and whether the file is compressed as a whole.
    pub(super) fn of(path: &Path) -> (Self, Option<&'static str>) {
        let name = file_name(path).to_ascii_lowercase();
        let (stem, compression) = match (name.strip_suffix(".gz"), name.strip_suffix(".zst")) {
            (Some(stem), _) => (stem, Some("gzip")),
            (None, Some(stem)) => (stem, Some("Zstandard")),
            (None, None) => (name.as_str(), None),
        };
        let promise = match Path::new(stem).extension().and_then(|extension| extension.to_str()) {
            Some("parquet" | "parq" | "pq") => Self::Parquet,
            Some("arrow" | "arrows" | "ipc" | "feather") => Self::Ipc,
            Some("csv" | "txt") => Self::Csv,
            Some("tsv" | "tab") => Self::Tabs,
            Some("json" | "jsonld") => Self::Json,
            Some("jsonl" | "ndjson") => Self::JsonLines,
            _ => Self::Nothing,
        };
        (promise, compression)
    }
}

/// Whether a file has a name by which its format is known.
pub(super) fn is_table(path: &Path) -> bool {
    Promise::of(path).0 != Promise::Nothing
}
