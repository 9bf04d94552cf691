//! Whose consent it is: an id from a file or from stdin, never from the command line.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::Failure;
use crate::lang::{list, text};
use hushtag::operator::{Consents, OperatorError};
use hushtag::register::{EventError, EventFault};
use hushtag::types::TimeFault;

/// The most bytes that a person's file or document may have.
const LARGEST: u64 = 64 << 10;

#[derive(Args)]
pub(crate) struct Person {
    /// A file whose one line is the person's id, or - for stdin: ids are never given on a command line
    #[arg(long, value_name = "FILE|-")]
    id_file: PathBuf,
    /// The namespace of the id, such as phone [default: the only one of the sandbox]
    #[arg(long)]
    ids: Option<String>,
}

/// A person, or no particular one.
#[derive(Args)]
pub(crate) struct MaybePerson {
    /// A file whose one line is the person's id, or - for stdin: ids are never given on a command line
    #[arg(long, value_name = "FILE|-")]
    id_file: Option<PathBuf>,
    /// The namespace of the id, such as phone [default: the only one of the sandbox]
    #[arg(long, requires = "id_file")]
    ids: Option<String>,
}

impl MaybePerson {
    /// As [`Person::named`].
    pub(super) fn named(
        self,
        consents: &Consents<'_>,
    ) -> Result<Option<(String, Zeroizing<String>)>, Failure> {
        let person = self.id_file.map(|id_file| Person { id_file, ids: self.ids });
        person.map(|person| person.named(consents)).transpose()
    }
}

impl Person {
    /// Their namespace and id, as the register keeps them.
    pub(crate) fn read(&self, consents: &Consents<'_>) -> Result<(String, Zeroizing<String>), Failure> {
        let id = id(&self.id_file)?;
        match consents.attribute(self.ids.as_deref(), &id) {
            Ok((ids, id)) => Ok((ids, Zeroizing::new(id))),
            Err(fault) => Err(self.unreadable(fault, consents)),
        }
    }

    /// Their namespace, and the id as its file has it: one that the studies can read or the register holds.
    pub(crate) fn named(&self, consents: &Consents<'_>) -> Result<(String, Zeroizing<String>), Failure> {
        let id = id(&self.id_file)?;
        match consents.named(self.ids.as_deref(), &id) {
            Ok((ids, _)) => Ok((ids, id)),
            Err(OperatorError::Event(fault)) => Err(self.unreadable(fault, consents)),
            Err(error) => Err(error.into()),
        }
    }

    /// The namespace as it was given, and the id as its file has it.
    pub(super) fn raw(&self) -> Result<(Option<&str>, Zeroizing<String>), Failure> {
        Ok((self.ids.as_deref(), id(&self.id_file)?))
    }

    /// The failure for an id that cannot be attributed to a person.
    pub(super) fn unreadable(&self, fault: EventFault, consents: &Consents<'_>) -> Failure {
        match fault {
            EventFault::Event(EventError::NoNamespace) => {
                let next = text!("consent.namespaces_fix", names = list(consents.namespaces()));
                Failure::usage(text!("consent.namespaces"), next)
            }
            EventFault::Event(fault) => {
                Failure::of_place(self.id_file.display(), fault, text!("consent.id_fix"))
            }
            fault => failure(&fault, None),
        }
    }
}

/// Why an event, or whose it is, is not taken; `file` is where it was written, if it was not typed.
pub(super) fn failure(fault: &EventFault, file: Option<&Path>) -> Failure {
    let next = match fault {
        EventFault::Unknown { known, .. } => text!("consent.known_words", known = list(known)),
        EventFault::Time { fault: TimeFault::NoOffset, .. } => text!("consent.offset_fix"),
        EventFault::Future => text!("consent.future_fix"),
        _ => text!("consent.event_fix"),
    };
    match file {
        Some(file) => Failure::of_place(file.display(), fault, next),
        None => Failure::of_usage(fault, next),
    }
}

/// The namespace of the sandbox, if it has one only.
pub(super) fn namespace(consents: &Consents<'_>) -> Option<String> {
    let mut all = consents.namespaces();
    if all.len() == 1 { all.pop_first() } else { None }
}

/// The id that a file holds: its one line, without a byte order mark before it and blanks around it, which are part of no id.
pub(super) fn id(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = read(path)?;
    let no_id = |why: String| {
        Err(Failure::failed(text!("consent.no_id", file = path.display(), why), text!("consent.no_id_fix")))
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return no_id(text!("consent.no_utf8")) };
    let line = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    match line {
        "" => no_id(text!("consent.no_line")),
        line if line.contains(['\n', '\r']) => no_id(text!("consent.several_lines")),
        line => Ok(Zeroizing::new(line.to_owned())),
    }
}

/// A small file of a person, or stdin.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure::of_place(path.display(), error, text!("fix.path"));
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(stdin()) } else { Box::new(File::open(path).map_err(failed)?) };
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 << 10));
    source.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        let message = text!("consent.too_large", file = path.display());
        return Err(Failure::failed(message, text!("consent.too_large_fix")));
    }
    Ok(bytes)
}
