//! The house keeps its shape: imports only point down, files stay short, and what ARCHITECTURE.md promises is there.
#![expect(clippy::string_slice, reason = "the parser cuts at marks that are one byte wide")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layer of every room.
const LAYERS: [(&str, u8); 18] = [
    ("types", 0),
    ("consent", 1),
    ("deidentify", 1),
    ("dp", 1),
    ("oprf", 1),
    ("policy", 1),
    ("tags", 1),
    ("audit", 2),
    ("blind_token", 2),
    ("keys", 2),
    ("ledger", 2),
    ("register", 2),
    ("storage", 2),
    ("query", 3),
    ("release", 3),
    ("engine", 4),
    ("operator", 5),
    ("report", 6),
];

/// Imports between rooms of one layer; all others of that kind are refused.
const BESIDE: [(&str, &str); 13] = [
    ("audit", "storage"),
    ("blind_token", "keys"),
    ("blind_token", "storage"),
    ("deidentify", "oprf"),
    ("keys", "storage"),
    ("ledger", "storage"),
    ("policy", "consent"),
    ("policy", "deidentify"),
    ("policy", "dp"),
    ("policy", "tags"),
    ("register", "keys"),
    ("register", "storage"),
    ("tags", "dp"),
];

/// The most lines of a file before its tests.
const LONGEST: usize = 600;

fn layer(room: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == room).map(|(_, layer)| *layer)
}

/// Why `from` may not import `to`, if it may not.
fn refusal(from: &str, to: &str) -> Option<String> {
    let (Some(own), Some(other)) = (layer(from), layer(to)) else {
        return Some(format!("`{from}` imports `{to}`, and one of them is no room of the house"));
    };
    let fine = from == to || other < own || BESIDE.contains(&(from, to));
    (!fine).then(|| format!("`{from}` (layer {own}) imports `{to}` (layer {other})"))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Colons,
    Mark(u8),
}
use Token::{Colons, Mark, Word};

/// The tokens of a source text, without comments, strings, characters and lifetimes.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let is_word =
        |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b > 127);
    let find = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        at = if rest.starts_with(b"//") {
            find(at, "\n")
        } else if rest.starts_with(b"/*") {
            after_comment(bytes, at)
        } else if rest[0] == b'"' {
            after_string(bytes, at)
        } else if rest[0] == b'\'' {
            match rest {
                [_, b'\\', _, ..] => find(at + 3, "'"),
                _ => match text[at + 1..].char_indices().nth(1) {
                    Some((width, '\'')) => at + width + 2,
                    _ => at + 1,
                },
            }
        } else if is_word(at) {
            let end = (at..).find(|end| !is_word(*end)).unwrap();
            let hashes = bytes[end..].iter().take_while(|b| **b == b'#').count();
            let raw = text[at..end].ends_with('r') && bytes.get(end + hashes) == Some(&b'"');
            if raw {
                find(end + hashes + 1, &format!("\"{}", "#".repeat(hashes)))
            } else {
                found.push(Word(&text[at..end]));
                end
            }
        } else if rest.starts_with(b"::") {
            found.push(Colons);
            at + 2
        } else {
            if !rest[0].is_ascii_whitespace() {
                found.push(Mark(rest[0]));
            }
            at + 1
        };
    }
    found
}

fn after_comment(bytes: &[u8], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn after_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Every path from the root of the crate that a file names, with whether that is inside a test module.
#[derive(Default)]
struct Paths {
    named: Vec<(Vec<String>, bool)>,
    /// Child files that are test modules.
    test_files: BTreeSet<String>,
}

impl Paths {
    /// Reads the file of the module `own`.
    fn of(text: &str, own: &[String]) -> Self {
        let tokens = tokens(text);
        let mut all = Self::default();
        // Inline modules: how deep each began, and whether it is for tests.
        let mut module: Vec<String> = own.to_vec();
        let mut inline: Vec<(usize, bool)> = Vec::new();
        let (mut depth, mut for_tests) = (0, false);
        let mut next = 0;
        while next < tokens.len() {
            let at = next;
            next += 1;
            if tokens[at..].starts_with(&[Word("cfg"), Mark(b'('), Word("test"), Mark(b')'), Mark(b']')]) {
                for_tests = true;
            }
            let within_tests = inline.iter().any(|(_, test)| *test);
            match (tokens[at], tokens.get(at + 1), tokens.get(at + 2)) {
                (Word("mod"), Some(Word(name)), Some(Mark(b'{'))) => {
                    module.push((*name).to_owned());
                    inline.push((depth, for_tests));
                    for_tests = false;
                }
                (Word("mod"), Some(Word(name)), Some(Mark(b';'))) => {
                    all.test_files.extend(for_tests.then(|| (*name).to_owned()));
                    for_tests = false;
                }
                (Word("fn" | "use" | "impl" | "struct" | "enum" | "const" | "type"), ..) => for_tests = false,
                (Mark(b'{'), ..) => depth += 1,
                (Mark(b'}'), ..) => {
                    depth -= 1;
                    if inline.last().is_some_and(|(began, _)| *began == depth) {
                        inline.pop();
                        module.pop();
                    }
                }
                (Word(first @ ("crate" | "super" | "self" | "hushtag")), after, _) => {
                    let inside_path = at > 0 && tokens[at - 1] == Colons;
                    let visibility = at > 0 && tokens[at - 1] == Mark(b'(') && after == Some(&Mark(b')'));
                    let value = matches!(first, "self" | "hushtag") && after != Some(&Colons);
                    if !(inside_path || visibility || value) {
                        next = all.follow(&tokens, at, module.clone(), within_tests);
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Follows one path and its groups from the module `base`; says where it ends.
    fn follow(&mut self, tokens: &[Token<'_>], mut at: usize, mut base: Vec<String>, test: bool) -> usize {
        loop {
            match tokens.get(at) {
                Some(Word("crate" | "hushtag")) if base.is_empty() || !base.ends_with(&["".into()]) => {
                    base.clear()
                }
                Some(Word("super")) => drop(base.pop()),
                Some(Word("self")) => {}
                Some(Word(name)) => base.push((*name).to_owned()),
                Some(Mark(b'{')) => {
                    at += 1;
                    while tokens.get(at).is_some_and(|token| *token != Mark(b'}')) {
                        at = match tokens[at] {
                            Mark(b',') => at + 1,
                            Word("as") => at + 2,
                            _ => self.follow(tokens, at, base.clone(), test),
                        };
                    }
                    return at + 1;
                }
                _ => {
                    self.named.push((base, test));
                    return at + 1;
                }
            }
            at += 1;
            if tokens.get(at) != Some(&Colons) {
                self.named.push((base, test));
                return at;
            }
            at += 1;
        }
    }
}

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `engine/read/mod.rs` is `[engine, read]`; `lib.rs` is the root.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// Every file of `src`: its module, its text.
fn sources() -> Vec<(Vec<String>, String)> {
    let files = sources_in("src");
    assert!(files.len() > 50, "only {} files", files.len());
    files
}

fn sources_in(folder: &str) -> Vec<(Vec<String>, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    source_files(&root, &mut files);
    files.sort();
    let read =
        |path: &PathBuf| (module_of(path.strip_prefix(&root).unwrap()), fs::read_to_string(path).unwrap());
    files.iter().map(read).collect()
}

/// What the files do that their rooms may not. The engine's own tests may look around; no one else's.
fn violations(sources: &[(Vec<String>, String)]) -> Vec<String> {
    let read: Vec<_> = sources.iter().map(|(module, text)| (module, Paths::of(text, module))).collect();
    let test_files: BTreeSet<Vec<String>> = read
        .iter()
        .flat_map(|(module, paths)| {
            paths.test_files.iter().map(|name| [module.as_slice(), std::slice::from_ref(name)].concat())
        })
        .collect();
    let mut found = Vec::new();
    for (module, paths) in &read {
        // The root lists the rooms and nothing else.
        let Some(room) = module.first() else { continue };
        let is_test_file = (1..=module.len()).any(|end| test_files.contains(&module[..end]));
        for (path, test) in &paths.named {
            if room == "engine" && (*test || is_test_file) {
                continue;
            }
            let why = match path.first().map(String::as_str) {
                None => Some("names the root of the crate instead of a room".to_owned()),
                Some(to) => refusal(room, to),
            };
            found.extend(why.map(|why| format!("src/{}: {why} as `{}`", module.join("/"), path.join("::"))));
        }
    }
    found
}

#[test]
fn imports_only_point_down() {
    let found = violations(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_parser_finds_every_spelling_of_a_wrong_import() {
    let file = |module: &str, text: &str| {
        vec![(module.split('/').map(str::to_owned).collect::<Vec<_>>(), text.to_owned())]
    };
    for (module, text) in [
        ("types", "use crate::dp::PrivacyClaim;"),
        ("types/time", "use super::super::dp::PrivacyClaim;"),
        ("types/time", "mod inner { use super::super::super::dp; }"),
        ("types", "fn f() { let x = crate::policy::decide(); }"),
        ("types", "use crate::{\n    types::Days,\n    tags::{Clamp, Measure},\n};"),
        ("types", "use {crate::types::Days as D, crate::tags::Clamp};"),
        ("types", "fn f(x: &'static str, y: char) { if y == '\"' { crate::dp::f() } }"),
        ("types", "#[cfg(test)]\nmod tests { use crate::dp::PrivacyClaim; }"),
        ("types", "const A: &str = r#\"x\"#; use super::dp;"),
        ("types", "use crate as everything;"),
        ("types", "use crate::*;"),
        ("types", "use super::*;"),
        ("types", "use hushtag::dp::PrivacyClaim;"),
        ("types", "macro_rules! m { () => { $crate::dp::PrivacyClaim } }"),
        ("types", "use self::super::dp::PrivacyClaim;"),
        ("query", "use crate::release::Exact;"),
        ("release", "use crate::query::Plan;"),
        ("audit", "use crate::keys::SigningKey;"),
        ("audit", "use crate::ledger::Book;"),
        ("audit", "use crate::engine::Input;"),
        ("consent", "use crate::policy::Study;"),
        ("engine", "use crate::operator::Operator;"),
        ("release", "use crate::report::sarif;"),
        ("dp", "use crate::Operator;"),
        ("attic", "use crate::types::Days;"),
    ] {
        assert!(!violations(&file(module, text)).is_empty(), "{module}: {text}");
    }
    for (module, text) in [
        (
            "types",
            "// use crate::dp;\n/* use crate::dp; /* */ use crate::dp; */ const A: &str = \"\\\" crate::dp\";",
        ),
        ("types", "pub(crate) struct A; pub(super) struct B; impl A { fn f(&self) { self.g(); Self::h() } }"),
        ("types/time", "use super::name; mod tests { use super::*; use super::super::name; }"),
        (
            "policy",
            "use crate::{consent::Fold, tags::Clamp, deidentify, dp::PrivacyClaim, types::{self, Days}};",
        ),
        (
            "query",
            "fn f<'a>(x: &'a str) -> crate::dp::PrivacyClaim { crate::dp::PrivacyClaim::of::<crate::types::Days>(x) }",
        ),
        ("operator", "use crate::{engine, release::Exact, audit::{Log, Entry as E}, storage};"),
        ("engine", "#[cfg(test)]\nmod tests { use crate::operator::Operator; }"),
        ("types/a/b", "use super::{c, super::{name, super::types}};"),
    ] {
        assert_eq!(violations(&file(module, text)), [""; 0], "{module}: {text}");
    }
}

#[test]
fn no_file_is_longer_than_its_limit_before_its_tests() {
    for (module, text) in
        ["src", "crates/cli/src", "crates/population/src"].iter().flat_map(|root| sources_in(root))
    {
        if module.last().is_some_and(|name| name == "tests") {
            continue;
        }
        let before = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = before.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines before its tests", module.join("/"));
    }
}

/// The paths of a text between backticks; `tests/{a,b}.rs` is two of them.
fn paths_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in text.split('`').skip(1).step_by(2) {
        let is_path =
            ["src/", "tests/", "crates/", "fuzz/", "policies/"].iter().any(|root| word.starts_with(root));
        if !is_path || word.contains(char::is_whitespace) || word.contains("ID") {
            continue;
        }
        match word.split_once('{').and_then(|(start, rest)| Some((start, rest.split_once('}')?))) {
            Some((start, (names, end))) => {
                found.extend(names.split(',').map(|name| format!("{start}{name}{end}")));
            }
            None => drop(found.insert(word.to_owned())),
        }
    }
    found
}

#[test]
fn every_file_that_the_architecture_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    assert!(text.len() <= 12 * 1024, "ARCHITECTURE.md has {} bytes, 12 KB are its limit", text.len());
    let named = paths_in(&text);
    assert!(named.len() >= 60, "it names only {named:?}");
    for path in named {
        assert!(root.join(&path).exists(), "ARCHITECTURE.md names `{path}`, which is not there");
    }
}
