//! The input tables of one command: parts of folders, no file twice, unique names.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::folder::tables_in;
use super::{Input, ReadError};
use crate::types::DatasetName;

/// As which of all inputs a table was handed in: a file, or all parts of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// It is recorded as a part of the input of this number.
    Recorded(usize),
    /// It is the input of this number, which nothing recorded.
    Given(usize),
}

impl Position {
    /// The number of the input.
    #[must_use]
    pub const fn number(self) -> usize {
        match self {
            Self::Recorded(number) | Self::Given(number) => number,
        }
    }
}

/// A table that is handed in: as which input, its dataset, or none for consents, and the table.
pub type HandedIn = (Position, Option<DatasetName>, Input);

/// The tables of what is handed in for datasets and, under none, as consents, in the same order.
///
/// A folder expands to all of its parts. A file or a part is named by the shortest end of its path that is unique; a part
/// at least by its path from the folder on.
///
/// # Errors
/// [`ReadError`] for a folder that is none of parts, and [`ReadError::SameFile`] for a file that a dataset has twice, whose rows would
/// count twice, or a pipe that is named twice. Consents of a file that is named twice count once in any case. What is inside a file, or that
/// nothing is, shows when it is opened.
pub fn handed_in(given: Vec<(Option<DatasetName>, Input)>) -> Result<Vec<HandedIn>, ReadError> {
    let (tables, faults) = expand(given);
    faults.into_iter().next().map_or(Ok(tables), Err)
}

/// As [`handed_in`]: the tables that can be handed in, and what is wrong with each of the others.
pub(in crate::engine) fn expand(given: Vec<(Option<DatasetName>, Input)>) -> (Vec<HandedIn>, Vec<ReadError>) {
    let (mut tables, mut faults) = (Vec::new(), Vec::new());
    for (place, (dataset, input)) in given.into_iter().enumerate() {
        let recorded = match &input {
            Input::Recorded(file) => file.part_of.map(Position::Recorded),
            _ => None,
        };
        let position = recorded.unwrap_or(Position::Given(place));
        match input {
            Input::Path(path) if path.is_dir() => match tables_in(&path) {
                Ok(parts) => tables.extend(
                    parts
                        .into_iter()
                        .map(|(part, depth)| ((position, dataset.clone()), Input::Path(part), depth + 1)),
                ),
                Err(fault) => faults.push(fault),
            },
            input => tables.push(((position, dataset), input, 1)),
        }
    }
    let names = names(tables.iter().filter_map(|(_, input, depth)| match input {
        Input::Path(path) => Some((path.as_path(), *depth)),
        _ => None,
    }));
    let named = tables.into_iter().map(|((position, dataset), input, _)| match input {
        Input::Path(path) => {
            let name = names.get(&path).cloned();
            let input =
                name.map_or_else(|| Input::Path(path.clone()), |name| Input::Named(name, path.clone()));
            (position, dataset, input)
        }
        input => (position, dataset, input),
    });
    let (named, again) = once(named.collect());
    faults.extend(again);
    (named, faults)
}

/// The end of each path with which no other path ends.
fn names<'a>(paths: impl Iterator<Item = (&'a Path, usize)>) -> BTreeMap<PathBuf, String> {
    let paths: BTreeMap<&Path, usize> = paths.collect();
    let mut ends = BTreeMap::<String, usize>::new();
    for path in paths.keys() {
        for depth in 1..=path.components().count() {
            *ends.entry(end(path, depth)).or_default() += 1;
        }
    }
    let name = |(path, least): (&Path, usize)| {
        let longer = (least..path.components().count()).map(|depth| end(path, depth));
        let name = longer.into_iter().find(|end| ends.get(end) == Some(&1));
        (path.to_owned(), name.unwrap_or_else(|| path.display().to_string()))
    };
    paths.into_iter().map(name).collect()
}

/// The last so many components of a path.
fn end(path: &Path, depth: usize) -> String {
    let components: Vec<_> = path.components().collect();
    let from = components.len().saturating_sub(depth);
    components.get(from..).unwrap_or_default().iter().collect::<PathBuf>().display().to_string()
}

/// Leaves out a file that a dataset has twice, by whatever names, and a pipe that anything has twice, each with its fault.
fn once(tables: Vec<HandedIn>) -> (Vec<HandedIn>, Vec<ReadError>) {
    let mut seen = BTreeMap::<(u64, u64), Vec<(Option<DatasetName>, String)>>::new();
    let (mut kept, mut faults) = (Vec::new(), Vec::new());
    for (position, dataset, input) in tables {
        // A path that cannot be inspected cannot be opened either, which is reported there.
        if let Some(data) = input.path().and_then(|path| path.metadata().ok()) {
            let known = seen.entry((data.dev(), data.ino())).or_default();
            let is_twice =
                |other: &Option<DatasetName>| !data.is_file() || dataset.is_some() && *other == dataset;
            if let Some((_, other)) = known.iter().find(|(other, _)| is_twice(other)) {
                faults.push(ReadError::SameFile { file: input.name(), other: other.clone() });
                continue;
            }
            known.push((dataset.clone(), input.name()));
        }
        kept.push((position, dataset, input));
    }
    (kept, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else one limit of events per person would hold for a recorded file and the register together.
    #[test]
    fn what_nothing_recorded_is_no_part_of_a_recorded_input() {
        let recorded = Input::Path(PathBuf::from("consents/part-0.csv")).recorded().unwrap().0.part_of(2);
        let others = ["old.csv", "new.csv"].map(|name| (None, Input::Path(PathBuf::from(name))));
        let given = [(None, recorded)].into_iter().chain(others).collect();
        let positions: Vec<Position> =
            handed_in(given).unwrap().into_iter().map(|(position, ..)| position).collect();
        assert_eq!(positions, [Position::Recorded(2), Position::Given(1), Position::Given(2)]);
    }

    #[test]
    fn names_are_as_long_as_they_must_be() {
        let given = [
            ("a/x/part-0.csv", 1),
            ("b/x/part-0.csv", 1),
            ("b/y/part-0.csv", 2),
            ("b/part-1.csv", 1),
            ("/part-1.csv", 1),
        ];
        let named = names(given.iter().map(|(path, depth)| (Path::new(path), *depth)));
        let named: Vec<(&str, &str)> =
            named.iter().map(|(path, name)| (path.to_str().unwrap(), name.as_str())).collect();
        assert_eq!(
            named,
            [
                ("/part-1.csv", "/part-1.csv"),
                ("a/x/part-0.csv", "a/x/part-0.csv"),
                ("b/part-1.csv", "b/part-1.csv"),
                ("b/x/part-0.csv", "b/x/part-0.csv"),
                ("b/y/part-0.csv", "y/part-0.csv"),
            ]
        );
    }
}
