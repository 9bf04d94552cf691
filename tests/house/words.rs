//! Promise: prose, comments, names and messages use the words of the field. The words below are not used any more; where one is
//! left, the list of exceptions says why.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Words that are not used, and what to write instead.
const WORDS: [(&str, &str); 20] = [
    ("asker", "client"),
    ("askers", "clients"),
    ("dearer", "more expensive, or costs more"),
    ("dearest", "most expensive"),
    ("hear", "observe, accumulate"),
    ("heard", "observed, accumulated"),
    ("hearing", "observing, accumulating"),
    ("hears", "observes, accumulates"),
    ("her", "their"),
    ("hers", "theirs"),
    ("herself", "themselves"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("mends", "fixes"),
    ("nobody", "no one, no person, none"),
    ("she", "they"),
    ("told", "reported, shown, acknowledged"),
    ("whoever", "anyone who; regardless of who"),
    ("可信区间", "置信区间"),
    ("她", "本人"),
];

/// Where a word stays, and why; no word means all of them. An exception that is not needed any more fails the test.
const EXCEPTIONS: [(&str, &str, &str); 8] = [
    ("crates/cli/src/interactive/tags.rs", "nobody", "a label that a new study is offered"),
    ("crates/cli/src/lang/tests.rs", "", "the list of words that no message may have"),
    ("crates/cli/tests/input/ciao.rs", "nobody", "a label of the study"),
    ("crates/cli/tests/report/report_metrics.rs", "", "the list of words that no page may have"),
    ("policies/social-commerce/README.md", "nobody", "a label of the study"),
    ("services/serve/tests/service/operator.rs", "nobody", "a user of the system"),
    ("services/serve/tests/service/oracle.rs", "nobody", "a label of the study"),
    ("tests/privacy/attacks/differencing.rs", "nobody", "a label of the study"),
];

/// Folders and files that are read: sources, tests, prose and the texts of both languages.
const ROOTS: [&str; 10] =
    ["src", "crates", "services", "tests", "fuzz", "benches", "examples", "docs", "policies", ".ci"];

/// Every file of these kinds below a folder. Data, seeds and texts that are signed (studies, regimes) are left out.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_text = [".rs", ".md", ".py", ".sh"].iter().any(|end| name.ends_with(end))
            || name.ends_with(".toml") && (folder.ends_with("lang") || folder.ends_with("docs"))
            || name == "run";
        if path.is_dir() {
            if !["target", "seeds", "regressions", "corpus", "artifacts"].contains(&name.as_str()) {
                files(&path, found);
            }
        } else if is_text {
            found.push(path);
        }
    }
}

/// The words of a line in lower case; `is_told`, `IsTold` and "is told" are two words each.
fn words(line: &str) -> BTreeSet<String> {
    let mut parts = String::new();
    let mut was_lower = false;
    for letter in line.chars() {
        if letter.is_uppercase() && was_lower {
            parts.push(' ');
        }
        was_lower = letter.is_lowercase();
        parts.push(if letter.is_alphabetic() { letter } else { ' ' });
    }
    parts.split_whitespace().map(str::to_lowercase).collect()
}

/// The unused words of a line. Chinese has no blanks between words, so those are looked for as they are.
fn found_in(line: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (line, words) = (line.to_owned(), words(line));
    WORDS.into_iter().filter(
        move |(word, _)| {
            if word.is_ascii() { words.contains(*word) } else { line.contains(word) }
        },
    )
}

#[test]
fn old_words_are_not_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "README.zh-CN.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "justfile",
    ]
    .map(|name| root.join(name))
    .into();
    ROOTS.iter().for_each(|folder| files(&root.join(folder), &mut paths));
    assert!(paths.len() > 500, "{} files", paths.len());
    let mut unused: BTreeSet<usize> = (0..EXCEPTIONS.len()).collect();
    let mut found = Vec::new();
    for path in paths {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if name == "tests/house/words.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            for (word, instead) in found_in(line) {
                let excused = EXCEPTIONS
                    .iter()
                    .position(|(place, own, _)| name.starts_with(place) && (own.is_empty() || *own == word));
                match excused {
                    Some(which) => drop(unused.remove(&which)),
                    None => found.push(format!("{name}:{}: `{word}`; write {instead}", number + 1)),
                }
            }
        }
    }
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
    let unused: Vec<_> = unused.into_iter().map(|which| EXCEPTIONS[which]).collect();
    assert!(unused.is_empty(), "exceptions that are not needed any more: {unused:?}");
}

#[test]
fn words_are_found_in_names_comments_and_texts() {
    for line in [
        "fn is_told() {}",
        "struct Told;",
        "// as we were told",
        "\"Nobody is in\"",
        "names_nobody",
        "95 % 可信区间",
        "由她给出",
    ] {
        assert_eq!(found_in(line).count(), 1, "{line}");
    }
    for line in
        ["other, there, further", "recommend", "the sheet", "fn overheard() {}", "置信区间", "user_id"]
    {
        assert_eq!(found_in(line).count(), 0, "{line}");
    }
}
