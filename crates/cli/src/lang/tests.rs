//! Promises: a text has the same key and the same places in every language; the code names texts that are there, with all their
//! places, and holds no prose of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::*;

/// Sections of which a word names the text: see [`word`].
const WORDS: [&str; 14] = [
    "absent",
    "constant",
    "dataset_kind",
    "dropped",
    "event_means",
    "fault",
    "field_type",
    "kind",
    "level",
    "relation",
    "request_kind",
    "request_state",
    "rules",
    "status",
];

/// Where literals are no messages: drawings and the page, which has a catalogue of its own, hold names of styles; the draft of a study
/// writes the comments of a study file, which are English as those of the template are.
const NO_MESSAGES: [&str; 3] = ["src/chart/", "src/page/", "src/interactive/draft.rs"];

fn both() -> [BTreeMap<String, String>; 2] {
    [Lang::En, Lang::Zh].map(|lang| read(source(lang)))
}

/// The names between braces.
fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn both_languages_have_the_same_keys_with_the_same_places() {
    let [english, chinese] = both();
    assert!(english.len() > 500, "{}", english.len());
    assert_eq!(english.keys().collect::<Vec<_>>(), chinese.keys().collect::<Vec<_>>());
    for (key, text) in &english {
        assert_eq!(places(text), places(&chinese[key]), "{key}");
        assert_eq!(text.ends_with('\n'), chinese[key].ends_with('\n'), "{key}");
        assert_eq!(text.starts_with('\n'), chinese[key].starts_with('\n'), "{key}");
    }
}

#[test]
fn chinese_texts_keep_the_terms_of_the_vocabulary() {
    let [_, chinese] = both();
    for (key, text) in &chinese {
        for wrong in ["她", "可信区间", "数据主体"] {
            assert!(!text.contains(wrong), "{key}: {wrong}");
        }
    }
}

#[test]
fn english_texts_keep_the_terms_of_the_vocabulary() {
    let [english, _] = both();
    // The questions of a dialogue are questions.
    let is_dialogue = |key: &str| key.starts_with("dialogue.") || key.starts_with("interactive.");
    for (key, text) in english.iter().filter(|(key, _)| !is_dialogue(key)) {
        let words: Vec<String> =
            text.split(|letter: char| !letter.is_ascii_alphabetic()).map(str::to_ascii_lowercase).collect();
        for wrong in [
            "she",
            "her",
            "hers",
            "nobody",
            "whoever",
            "mend",
            "mended",
            "told",
            "tell",
            "tells",
            "hear",
            "question",
            "questions",
            "stands",
        ] {
            assert!(!words.iter().any(|word| word == wrong), "{key}: {wrong}: {text}");
        }
    }
}

/// What the code names, says and fills.
#[derive(Default)]
struct Found {
    /// Calls of `text!`: the key, and the names of its places.
    calls: Vec<(String, BTreeSet<String>)>,
    /// All literals outside of attributes and tests, with their file.
    literals: Vec<(PathBuf, String)>,
}

fn sources(folder: &Path, found: &mut Found) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let tokens: TokenStream = std::fs::read_to_string(&path).unwrap().parse().unwrap();
            walk(tokens, &path, found);
        }
    }
}

fn walk(tokens: TokenStream, path: &Path, found: &mut Found) {
    let all: Vec<TokenTree> = tokens.into_iter().collect();
    let mut place = 0;
    while let Some(token) = all.get(place) {
        place += 1;
        match token {
            // Attributes hold help, which is English, and errors of types.
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                let inner = usize::from(
                    matches!(all.get(place), Some(TokenTree::Punct(mark)) if mark.as_char() == '!'),
                );
                let Some(TokenTree::Group(group)) = all.get(place + inner) else { continue };
                place += inner + 1;
                if group.to_string().replace(' ', "") == "[cfg(test)]" {
                    // The item that is for tests.
                    while !matches!(all.get(place), None | Some(TokenTree::Group(_)))
                        && !matches!(all.get(place), Some(TokenTree::Punct(mark)) if mark.as_char() == ';')
                    {
                        place += 1;
                    }
                    place += 1;
                }
            }
            TokenTree::Ident(name) if name == "class" => {
                // A class of the style sheet.
                if matches!(all.get(place), Some(TokenTree::Punct(mark)) if mark.as_char() == '=')
                    && matches!(all.get(place + 1), Some(TokenTree::Literal(_) | TokenTree::Group(_)))
                {
                    place += 2;
                }
            }
            TokenTree::Ident(name) if name == "text" => {
                if let (Some(TokenTree::Punct(mark)), Some(TokenTree::Group(group))) =
                    (all.get(place), all.get(place + 1))
                    && mark.as_char() == '!'
                    && group.delimiter() == Delimiter::Parenthesis
                {
                    found.calls.push(call(group));
                }
            }
            TokenTree::Group(group) => walk(group.stream(), path, found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.starts_with('"') || text.starts_with("r\"") || text.starts_with("r#") {
                    found.literals.push((
                        path.to_owned(),
                        text.trim_start_matches(['r', '#']).trim_matches(['"', '#']).to_owned(),
                    ));
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The key and the names of the places of `text!(...)`.
fn call(group: &Group) -> (String, BTreeSet<String>) {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let arguments = tokens.split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ','));
    let mut first = arguments.filter_map(|argument| argument.first()).map(ToString::to_string);
    let key = first.next().unwrap_or_default().trim_matches('"').to_owned();
    (key, first.collect())
}

fn found() -> Found {
    let mut found = Found::default();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.calls.len() > 400 && found.literals.len() > 1000);
    found
}

#[test]
fn the_code_fills_exactly_the_places_of_texts_that_are_there() {
    let [english, _] = both();
    let mut wrong = Vec::new();
    for (key, filled) in found().calls.iter().filter(|(key, _)| key.contains('.')) {
        let Some(text) = english.get(key) else {
            wrong.push(format!("{key}: there is no such text"));
            continue;
        };
        let wanted: BTreeSet<String> = places(text).into_iter().map(str::to_owned).collect();
        if *filled != wanted {
            wrong.push(format!("{key}: filled {filled:?}, wanted {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_text_is_used() {
    let [english, _] = both();
    let found = found();
    let named: BTreeSet<&str> = found.literals.iter().map(|(_, text)| text.as_str()).collect();
    let by_word = |key: &str| key.split_once('.').is_some_and(|(section, _)| WORDS.contains(&section));
    let unused: Vec<&String> =
        english.keys().filter(|key| !named.contains(key.as_str()) && !by_word(key)).collect();
    assert!(unused.is_empty(), "{unused:#?}");
}

#[test]
fn keys_that_are_named_without_the_macro_are_there() {
    let [english, _] = both();
    let sections: BTreeSet<&str> =
        english.keys().filter_map(|key| key.split_once('.')).map(|(one, _)| one).collect();
    let is_key = |text: &&String| {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        text.split_once('.').is_some_and(|(section, name)| {
            sections.contains(section) && plain(name) && !["toml", "rs", "html"].contains(&name)
        })
    };
    let found = found();
    let missing: Vec<&String> = found
        .literals
        .iter()
        .map(|(_, text)| text)
        .filter(is_key)
        .filter(|key| !english.contains_key(*key))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Whether a text has two words in a row, outside of places and of what is typed.
fn is_prose(text: &str) -> bool {
    let plain: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let words: Vec<&str> = plain.split(' ').collect();
    let is_word = |word: &str| word.len() > 1 && word.chars().all(|letter| letter.is_ascii_alphabetic());
    let is_start = |word: &str| {
        let word = word.trim_end_matches([',', ';', ':']);
        is_word(word.rsplit(['\\', '}', '(', '"', '\n']).next().unwrap_or_default().trim_start_matches('n'))
    };
    words
        .windows(2)
        .any(|pair| is_start(pair[0]) && is_word(pair[1].trim_end_matches([',', ';', ':', '.', ')'])))
}

#[test]
fn the_code_holds_no_prose() {
    let found = found();
    let prose = found.literals.iter().filter(|(path, text)| {
        let is_message = !NO_MESSAGES.iter().any(|place| path.to_str().unwrap().contains(place));
        // Queries, and names with which this program marks what it made.
        is_message && !text.starts_with("SELECT ") && !text.contains("hushtag ") && is_prose(text)
    });
    let prose: Vec<String> = prose.map(|(path, text)| format!("{}: {text}", path.display())).collect();
    assert!(prose.is_empty(), "{prose:#?}");
    assert!(is_prose("check the path") && is_prose("{n} rows read") && is_prose("\\nerased at {at}"));
    assert!(!is_prose("keys/root.key") && !is_prose("{}: {} {}") && !is_prose("`a b`"));
}

/// Promise: a table says the same as JSON, whose notes are the library's.
#[test]
fn notes_in_english_are_those_of_the_library() {
    assert_eq!(text!("note.noise"), hushtag::report::NOISE_NOTE);
    assert_eq!(text!("note.unbiased"), hushtag::report::UNBIASED_NOTE);
    assert_eq!(text!("note.uncertain"), hushtag::report::UNCERTAIN_NOTE);
    assert_eq!(text!("note.outside"), hushtag::report::OUTSIDE_NOTE);
}

#[test]
fn what_fills_a_place_has_no_places() {
    let value = "{count} {x";
    assert_eq!(text!("progress.rows", count = value), "{count} {x rows");
    assert_eq!(filled("no.such.text", &[]), "no.such.text");
    assert_eq!(word("status", "age-unknown"), "age-unknown");
}

#[test]
fn the_environment_and_the_arguments_name_the_language() {
    let of = |pairs: &[(&str, &str)]| {
        of_environment(|name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    };
    assert_eq!(of(&[]), Lang::En);
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
    assert_eq!(of(&[("LANG", "zh-Hans")]), Lang::Zh);
    assert_eq!(of(&[("LANG", "de_DE.UTF-8")]), Lang::En);
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Lang::En);
    assert_eq!(of(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "zh_TW.UTF-8"), ("LC_ALL", "")]), Lang::Zh);
    let arguments = |list: &[&str]| of_arguments(list.iter().map(OsString::from));
    assert_eq!(arguments(&["hushtag", "status", "--lang", "zh"]), Some(Lang::Zh));
    assert_eq!(arguments(&["hushtag", "--lang=zh", "status", "--lang=en"]), Some(Lang::En));
    assert_eq!(arguments(&["hushtag", "status", "--", "--lang=zh"]), None);
    assert_eq!(arguments(&["hushtag", "--language", "zh"]), None);
}
