//! Why settings cannot be used, with the place.

use std::path::{Path, PathBuf};

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// Something in the file is wrong.
    #[error("{}:{line}:{column}: {what}{}", .file.display(), .hint.as_deref().unwrap_or_default())]
    Text {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The character within the line, from 1.
        column: usize,
        /// What is wrong.
        what: String,
        /// The nearest word, where there is one.
        hint: Option<String>,
    },
    /// A sandbox beside the key of a platform.
    #[error(
        "{}: a sandbox holds no platform's key: write `sandbox` and [evaluation] into two files, for two services", .0.display()
    )]
    Both(PathBuf),
    /// No one could come in.
    #[error("{}: there is no door: write [http] or [postgres] with `listen`", .0.display())]
    NoDoor(PathBuf),
    /// A door on the network without TLS.
    #[error(
        "`listen = \"{0}\"` is not loopback, and without [tls] anyone on the way reads tokens and answers: write [tls], or give --insecure"
    )]
    Insecure(std::net::SocketAddr),
}

impl SettingsError {
    pub(super) fn at(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
        let what = error.message().trim_end_matches('.').to_owned();
        Self::Text { file: file.into(), line, column, hint: nearest(&what), what }
    }
}

/// The nearest of the words that an error of an unknown one lists, all in backticks.
fn nearest(message: &str) -> Option<String> {
    let mut words = message.starts_with("unknown").then(|| message.split('`').skip(1).step_by(2))?;
    let unknown = words.next()?;
    let close = |word: &&str| strsim::damerau_levenshtein(unknown, word) <= 2;
    let near = words.filter(close).min_by_key(|word| strsim::damerau_levenshtein(unknown, word))?;
    Some(format!("; did you mean `{near}`?"))
}
