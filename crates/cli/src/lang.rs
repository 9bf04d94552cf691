//! The texts of the command, from one catalogue for each language: the code holds none. English is the default; a text has the same
//! key and the same places in both.

mod help;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use hushtag::policy::Lang;
use hushtag::types::Timestamp;

/// Whether the language of this process is Chinese: errors of arguments are made before there is anything to pass it in.
static CHINESE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The language of a command that runs on this thread of a service.
    static OF_THREAD: Cell<Option<Lang>> = const { Cell::new(None) };
}

/// The texts of both languages by section and name, such as `seal.done`, once they are needed.
static TEXTS: [OnceLock<BTreeMap<String, String>>; 2] = [OnceLock::new(), OnceLock::new()];

/// The text with this key, its places filled with what is displayed: `text!("seal.done", epoch = id, count)`.
macro_rules! text {
    ($key:literal $(, $place:ident $(= $value:expr)?)* $(,)?) => {
        $crate::lang::filled($key, &[$($crate::lang::place!($place $(= $value)?)),*])
    };
}

macro_rules! place {
    ($place:ident) => {
        (stringify!($place), &$place as &dyn std::fmt::Display)
    };
    ($place:ident = $value:expr) => {
        (stringify!($place), &$value as &dyn std::fmt::Display)
    };
}

pub(crate) use {place, text};

pub(crate) use help::in_chosen_language;

/// A language, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

impl From<Language> for Lang {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::Zh => Self::Zh,
        }
    }
}

/// The language of the environment: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty decides (POSIX.1-2017, 8.2).
pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<OsString>) -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| {
        variable(name).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned())
    });
    let locale = set.unwrap_or_default().to_ascii_lowercase();
    let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
    if language == "zh" { Lang::Zh } else { Lang::En }
}

/// The language that `--lang` names among arguments that are not parsed yet.
pub(crate) fn of_arguments(arguments: impl IntoIterator<Item = OsString>) -> Option<Lang> {
    let mut arguments = arguments.into_iter();
    let mut named = None;
    while let Some(argument) = arguments.next().filter(|argument| argument != "--") {
        let argument = argument.to_string_lossy();
        let value = match argument.strip_prefix("--lang") {
            Some("") => arguments.next().map(|value| value.to_string_lossy().into_owned()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        named = match value.as_deref() {
            Some("zh") => Some(Lang::Zh),
            Some("en") => Some(Lang::En),
            _ => named,
        };
    }
    named
}

/// Chooses the language of all texts of this process from here on.
pub(crate) fn choose(lang: Lang) {
    CHINESE.store(lang == Lang::Zh, Ordering::Relaxed);
}

/// Runs `work` with all texts that this thread makes in `lang`.
pub(crate) fn in_language<T>(lang: Lang, work: impl FnOnce() -> T) -> T {
    OF_THREAD.set(Some(lang));
    let made = work();
    OF_THREAD.set(None);
    made
}

/// The chosen language.
pub(crate) fn chosen() -> Lang {
    if let Some(lang) = OF_THREAD.get() {
        return lang;
    }
    if CHINESE.load(Ordering::Relaxed) { Lang::Zh } else { Lang::En }
}

/// Whether texts are in the language of the library's errors.
pub(crate) fn is_english() -> bool {
    chosen() == Lang::En
}

/// An instant: in UTC, and in Chinese texts as the clocks of Beijing show it, with their offset.
pub(crate) fn time(at: Timestamp) -> String {
    /// Beijing's offset in seconds.
    const EAST: i64 = 8 * 3600;
    if is_english() {
        return at.to_string();
    }
    Timestamp::from_seconds(at.seconds().saturating_add(EAST)).to_string().replace('Z', "+08:00")
}

/// A word that the library and the JSON outputs use, such as `age-unknown`, in the chosen language, else as it is.
pub(crate) fn word(section: &str, word: &str) -> String {
    texts().get(&format!("{section}.{word}")).map_or_else(|| word.to_owned(), Clone::clone)
}

/// Items between commas.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(&filled("list.comma", &[]))
}

/// The text with this key and its places filled, in one pass: what fills a place is text and has no places. A key that the catalogue
/// lacks, which a test excludes, is shown as it is.
pub(crate) fn filled(key: &str, places: &[(&str, &dyn Display)]) -> String {
    let Some(text) = texts().get(key) else { return key.to_owned() };
    let mut all = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        all.push_str(before);
        let place = after.split_once('}').and_then(|(name, after)| {
            places.iter().find(|(known, _)| *known == name).map(|(_, value)| (value, after))
        });
        match place {
            Some((value, after)) => {
                all.push_str(&value.to_string());
                rest = after;
            }
            None => {
                all.push('{');
                rest = after;
            }
        }
    }
    all.push_str(rest);
    all
}

fn texts() -> &'static BTreeMap<String, String> {
    let [english, chinese] = &TEXTS;
    let texts = if is_english() { english } else { chinese };
    texts.get_or_init(|| read(source(chosen())))
}

const fn source(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => include_str!("lang/zh.toml"),
        _ => include_str!("lang/en.toml"),
    }
}

/// The texts of a catalogue by section and name; a catalogue that is not TOML, which a test excludes, has none.
fn read(catalogue: &str) -> BTreeMap<String, String> {
    let sections: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(catalogue).unwrap_or_default();
    let named = sections.into_iter().flat_map(|(section, texts)| {
        texts.into_iter().map(move |(name, text)| (format!("{section}.{name}"), text))
    });
    named.collect()
}

#[cfg(test)]
mod tests;
