//! The tables that a command is given: files, folders of parts, patterns of both, and stdin.

use std::path::{Component, Path, PathBuf};

use super::Failure;
use super::lang::text;
use hushtag::engine::Input;
use hushtag::engine::read::is_passed_over;

/// The tables of one command; stdin is one of them at most.
#[derive(Default)]
pub(super) struct Inputs {
    stdin: bool,
}

impl Inputs {
    /// What a path means: stdin if it is `-`, itself if it is there, else all that match it as a pattern, in the order of their
    /// names.
    pub(super) fn of(&mut self, path: PathBuf) -> Result<Vec<Input>, Failure> {
        if is_stdin(&path) {
            if std::mem::replace(&mut self.stdin, true) {
                return Err(Failure::usage(text!("inputs.stdin_twice"), text!("inputs.stdin_twice_fix")));
            }
            return Ok(vec![stdin()]);
        }
        // What follows the scheme may hold a secret, such as the signature of a link.
        if let Some(scheme) = scheme(&path).filter(|_| !path.exists()) {
            return Err(Failure::usage(text!("inputs.address", scheme), text!("inputs.address_fix")));
        }
        let is_pattern = path.to_str().is_some_and(|text| text.contains(['*', '?', '[']));
        if is_pattern && !path.exists() { matching(&path) } else { Ok(vec![path.into()]) }
    }

    /// The one table of a path, which is no pattern.
    pub(super) fn one(path: PathBuf) -> Input {
        if is_stdin(&path) { stdin() } else { path.into() }
    }
}

fn stdin() -> Input {
    Input::Stream("stdin".to_owned(), Box::new(std::io::stdin()))
}

/// Whether a path is standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|stdin| path == Path::new(stdin))
}

/// The scheme of what is written like an address in an object store or on the web, such as `s3://bucket/key`.
fn scheme(path: &Path) -> Option<&str> {
    let (scheme, _) = path.to_str()?.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_scheme.then_some(scheme)
}

/// All files and folders that match a pattern, but for the marks and checksums that Spark and Hive leave beside data.
fn matching(pattern: &Path) -> Result<Vec<Input>, Failure> {
    let pattern_text = pattern.to_str().unwrap_or_default();
    let wrong = |why: String| {
        Failure::failed(text!("inputs.pattern", pattern = pattern_text, why), text!("inputs.pattern_fix"))
    };
    if let Some(place) = unspeakable(pattern) {
        let message = text!("inputs.no_text", pattern = pattern_text, folder = place.display());
        return Err(Failure::failed(message, text!("fix.parts_name")));
    }
    let matched = glob::glob(pattern_text).map_err(|error| wrong(error.msg.to_owned()))?;
    let depth = pattern.components().take_while(is_plain).count();
    let mut found = Vec::new();
    for path in matched {
        let path = path.map_err(|error| wrong(error.error().kind().to_string()))?;
        if !is_beside_data(&path, depth)? {
            found.push(path.into());
        }
    }
    if found.is_empty() { Err(wrong(text!("inputs.no_match"))) } else { Ok(found) }
}

/// Whether what a pattern matched, or a folder above it that the pattern matched too, is none of the data.
fn is_beside_data(path: &Path, plain: usize) -> Result<bool, Failure> {
    let matched = path.components().count().saturating_sub(plain);
    for part in path.ancestors().take(matched) {
        if is_passed_over(part, &part.display().to_string())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_plain(part: &Component<'_>) -> bool {
    !part.as_os_str().to_string_lossy().contains(['*', '?', '['])
}

/// The folder of a name that is no text, if a pattern looks into it: names like that never match, and a file of withdrawals
/// that is left out in silence would put people in.
fn unspeakable(pattern: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = pattern.components().collect();
    let base: PathBuf = parts.iter().take_while(|part| is_plain(part)).collect();
    let anywhere = parts.iter().any(|part| part.as_os_str() == "**");
    let depth = if anywhere { usize::MAX } else { parts.len() - base.components().count() };
    let mut open = vec![(if base.as_os_str().is_empty() { PathBuf::from(".") } else { base }, depth)];
    while let Some((folder, depth)) = open.pop() {
        // What cannot be read matches nothing, which is an error of the pattern.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_none() {
                return Some(folder);
            }
            if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push((entry.path(), depth - 1));
            }
        }
    }
    None
}
