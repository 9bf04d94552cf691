//! What a cluster does not do yet: refused by name, never done otherwise.

use std::fmt;

use crate::engine::read::Input;
use crate::engine::read::reading::Reading;
use crate::engine::read::sources::Sources;
use crate::policy::Study;

/// Something that a cluster does not do yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refusal {
    /// A links table: groups of ids are resolved on one machine.
    Links {
        /// The table.
        table: String,
    },
    /// An input that is no file that every executor can open.
    NoFile {
        /// How reports call it.
        input: String,
    },
    /// The consent register.
    Register,
    /// Figures that an auditor may open.
    Auditor,
    /// Identical records are to be counted.
    Identical,
    /// A limit on memory, which executors have for themselves.
    Memory,
    /// More than one study is sealed for.
    Studies {
        /// How many.
        count: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Links { table } => {
                write!(f, "links of table `{table}`, which is read whole by one machine")
            }
            Self::NoFile { input } => write!(f, "`{input}`, which is no file that every executor can open"),
            Self::Register => f.write_str("the consent register as a source of consents"),
            Self::Auditor => f.write_str("joined figures for the auditor that the sandbox names"),
            Self::Identical => f.write_str("counting identical records"),
            Self::Memory => f.write_str("a limit on the memory of a seal: each executor has its own"),
            Self::Studies { count } => write!(f, "{count} studies in one epoch instead of one"),
        }
    }
}

/// What of a study a cluster does not do; empty if it does all of it.
#[must_use]
pub fn refused_by_study(study: &Study) -> Vec<Refusal> {
    study.links.iter().map(|links| Refusal::Links { table: links.name.to_string() }).collect()
}

/// What of a seal a cluster does not do.
pub(super) fn refused(study: &Study, sources: &Sources, reading: &Reading) -> Vec<Refusal> {
    let mut all = refused_by_study(study);
    let inputs = sources.data.iter().map(|(_, input)| input).chain(&sources.consents);
    all.extend(inputs.filter_map(|input| match input {
        Input::Register(..) => Some(Refusal::Register),
        input if input.again().is_none() => Some(Refusal::NoFile { input: input.name() }),
        _ => None,
    }));
    all.extend(reading.figures.then_some(Refusal::Auditor));
    all.extend(reading.count_identical.then_some(Refusal::Identical));
    all.extend(reading.memory.is_limited().then_some(Refusal::Memory));
    all
}
