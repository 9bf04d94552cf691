//! Whose consent it is: an id from a file or from stdin, never from the command line.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::cli::Failure;
use crate::operator::Consents;

/// The most bytes that a person's file or document may have.
const LARGEST: u64 = 64 << 10;

#[derive(Args)]
pub(in crate::cli) struct Person {
    /// A file whose one line is the person's id, or - for stdin: ids never stand on a command line
    #[arg(long, value_name = "FILE|-")]
    id_file: PathBuf,
    /// The namespace of the id, such as phone [default: the only one of the sandbox]
    #[arg(long)]
    ids: Option<String>,
}

impl Person {
    /// Her namespace and id.
    pub(in crate::cli) fn read(
        &self,
        consents: &Consents<'_>,
    ) -> Result<(String, Zeroizing<String>), Failure> {
        let ids = match &self.ids {
            Some(ids) => ids.clone(),
            None => namespace(consents)?.ok_or_else(|| {
                Failure::usage("the sandbox has ids of several namespaces", "say which one with --ids")
            })?,
        };
        if !consents.namespaces().contains(&ids) {
            let known: Vec<String> = consents.namespaces().into_iter().collect();
            return Err(Failure::usage(
                format!("no study of the sandbox has ids `{ids}`"),
                format!("the namespaces are {}", known.join(", ")),
            ));
        }
        Ok((ids, id(&self.id_file)?))
    }
}

/// The namespace of the sandbox, if it has one only.
pub(super) fn namespace(consents: &Consents<'_>) -> Result<Option<String>, Failure> {
    let mut all = consents.namespaces();
    Ok(if all.len() == 1 { all.pop_first() } else { None })
}

/// The id that a file holds.
pub(super) fn id(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map(str::trim_end).ok();
    let line = text.filter(|text| !text.is_empty() && !text.contains(['\n', '\r']));
    line.map(|line| Zeroizing::new(line.to_owned())).ok_or_else(|| {
        Failure::failed(
            format!("{}: holds no id", path.display()),
            "give a file with one line of UTF-8 text: the id",
        )
    })
}

/// A small file of a person, or stdin.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed =
        |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()), "check the path");
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(stdin()) } else { Box::new(File::open(path).map_err(failed)?) };
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 << 10));
    source.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::failed(
            format!("{}: larger than 64 KiB", path.display()),
            "give one person's own file",
        ));
    }
    Ok(bytes)
}
