//! `hushtag audit documents`.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::lang::{list, text};
use super::policy::study_under_regime;
use super::{Context, Failure};
use hushtag::operator::studies_in_force;
use hushtag::policy::{Paper, Study};
use hushtag::types::Sha256;

/// A file that should be a document: `ID=FILE`.
#[derive(Debug, Clone)]
pub(super) struct GivenDocument {
    name: String,
    file: PathBuf,
}

impl std::str::FromStr for GivenDocument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok(Self { name: name.to_owned(), file: file.into() })
            }
            _ => Err(text!("documents.given")),
        }
    }
}

/// The outcome of the comparison of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Matches,
    Differs,
    NotGiven,
    NoDigest,
}

impl Compared {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::Differs => "differs",
            Self::NotGiven => "not-given",
            Self::NoDigest => "no-digest",
        }
    }
}

struct Row {
    study: String,
    paper: Paper,
    compared: Compared,
    /// The digest of the file that was given.
    found: Option<Sha256>,
}

/// Compares files with the digests that the studies of a sandbox, or one study file, give; lists what has none.
///
/// A file that was given and has no digest to be compared with is exit code 4. A file that differs is exit code 5, as a bundle that proves nothing is: the signed study names another document.
pub(super) fn run(place: &Path, given: &[GivenDocument], context: &Context) -> Result<(), Failure> {
    let studies = match place.is_dir() {
        true => studies_in_force(place)?,
        false => vec![study_under_regime(place)?.0],
    };
    let mut rows: Vec<Row> = studies.iter().flat_map(rows_of).collect();
    for document in given {
        compare(document, &mut rows)?;
    }
    context
        .output
        .either(|| json!({ "documents": rows.iter().map(object).collect::<Vec<_>>() }), || text(&rows))?;
    let uncompared = |row: &&Row| row.found.is_some() && row.compared == Compared::NoDigest;
    if let Some(row) = rows.iter().find(uncompared) {
        let message = text!("documents.no_digest", document = row.paper.id);
        return Err(Failure::uncompared(message, text!("documents.no_digest_fix")));
    }
    match rows.iter().find(|row| row.compared == Compared::Differs) {
        Some(row) => Err(Failure::damaged(&row.paper.id, &Differs, text!("documents.differs_fix"))),
        None => Ok(()),
    }
}

/// A file is not the document that a study names.
#[derive(Debug, thiserror::Error)]
#[error("the file is not the document that the study names: its SHA-256 digest differs")]
struct Differs;

fn rows_of(study: &Study) -> impl Iterator<Item = Row> {
    let id = study.id.to_string();
    study.papers().into_iter().map(move |paper| {
        let compared = if paper.sha256.is_some() { Compared::NotGiven } else { Compared::NoDigest };
        Row { study: id.clone(), paper, compared, found: None }
    })
}

fn compare(document: &GivenDocument, rows: &mut [Row]) -> Result<(), Failure> {
    let name = document.name.as_str();
    let by_id = rows.iter().any(|row| row.paper.id == name);
    let is_meant = |row: &Row| if by_id { row.paper.id == name } else { row.paper.key == name };
    let meant = rows.iter().filter(|row| is_meant(row));
    let mut ids: Vec<String> = meant.map(|row| format!("{} ({})", row.paper.id, row.paper.key)).collect();
    ids.sort();
    ids.dedup();
    match ids.as_slice() {
        [_] => {}
        [] => {
            let known: Vec<&str> = rows.iter().map(|row| row.paper.id.as_str()).collect();
            let known = text!("documents.known", documents = list(known));
            return Err(Failure::usage(text!("documents.unknown", name), known));
        }
        several => {
            let message = text!("documents.several", name, count = several.len());
            return Err(Failure::usage(message, text!("documents.several_fix", documents = list(several))));
        }
    }
    let shown = document.file.display();
    let digest = File::open(&document.file).and_then(Sha256::of);
    let digest = digest
        .map_err(|error| Failure::failed(text!("file.unreadable", file = shown, error), text!("fix.path")))?;
    for row in rows.iter_mut().filter(|row| is_meant(row)) {
        row.found = Some(digest);
        row.compared = match row.paper.sha256 {
            // Of two files for one document, the one that differs is reported.
            Some(own) if own == digest && row.compared != Compared::Differs => Compared::Matches,
            Some(_) => Compared::Differs,
            None => Compared::NoDigest,
        };
    }
    Ok(())
}

fn object(row: &Row) -> Value {
    let mut object = json!(row.paper);
    if let Value::Object(map) = &mut object {
        map.insert("study".into(), json!(row.study));
        map.insert("result".into(), json!(row.compared.as_str()));
        map.extend(row.found.map(|found| ("file_sha256".to_owned(), json!(found.to_string()))));
    }
    object
}

fn text(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let result = match row.compared {
            Compared::Matches => text!("documents.row_matches"),
            Compared::Differs => text!("documents.row_differs"),
            Compared::NotGiven => text!("documents.row_not_given"),
            Compared::NoDigest => text!("documents.row_no_digest"),
        };
        let digest = row.paper.sha256.map(|own| format!("  sha256 {own}")).unwrap_or_default();
        text!("documents.row", study = row.study, key = row.paper.key, id = row.paper.id, result, digest)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
