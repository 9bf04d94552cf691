//! What can be wrong in a study file, with its place.

use std::ops::Range;

use crate::tags::TagError;

/// A study file that does not parse: file, line, column and what was meant.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {}", on_one_line(.fault))]
pub struct StudyError {
    /// The file's name as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub fault: StudyFault,
}

/// What is wrong at a place of a study file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyFault {
    /// Not TOML, a wrong type, a missing or an unknown key.
    #[error("{message}{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Syntax {
        /// The parser's message.
        message: String,
        /// The nearest known word.
        nearest: Option<String>,
    },
    /// A catalogue that cannot be.
    #[error("{0}")]
    Tag(TagError),
    /// A reference to something that the file does not define.
    #[error("unknown {kind} `{name}`{}", .nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// `handler`, `dataset`, `field`, ...
        kind: &'static str,
        /// What was written.
        name: String,
        /// The nearest known name.
        nearest: Option<String>,
    },
    /// A window over records that have no time field.
    #[error(
        "a window needs a time field, and dataset `{dataset}` declares none: add one, such as `fields = {{ at = \"time\" }}`"
    )]
    WindowWithoutTime {
        /// The dataset.
        dataset: String,
    },
    /// Something else that cannot be as written.
    #[error("{0}")]
    Contradiction(String),
}

/// A quoted name may hold line breaks and control characters: a message, and the terminal it is shown on, must not.
fn on_one_line(fault: &StudyFault) -> String {
    let mut line = String::new();
    for character in fault.to_string().chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Line and column (from 1) of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

impl StudyError {
    /// What is wrong, on one line and without its place.
    #[must_use]
    pub fn what(&self) -> String {
        on_one_line(&self.fault)
    }

    /// The error for `span` of `text`.
    pub(crate) fn at(file: &str, text: &str, span: Option<Range<usize>>, fault: StudyFault) -> Self {
        let (line, column) = place(text, span.map_or(0, |span| span.start));
        Self { file: file.to_owned(), line, column, fault }
    }

    /// The error for a message of the TOML parser; an unknown word gets its nearest known one.
    pub(super) fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().lines().next().unwrap_or("not TOML").trim_end_matches('.').to_owned();
        let nearest = nearest_expected(&message);
        Self::at(file, text, error.span(), StudyFault::Syntax { message, nearest })
    }
}

/// From "unknown field `a`, expected one of `b`, `c`": the known word nearest to the unknown one.
fn nearest_expected(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown ")?;
    let mut words = rest.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    crate::tags::nearest(unknown, words)
}
