//! The words of explanations that belong to the mechanism and not to a law, from the one file of each language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::RuleResult;
use super::regime::{Lang, Mark};

macro_rules! phrases {
    ($($name:ident),+ $(,)?) => {
        /// The fixed phrases of explanations in one language.
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Phrases {
            $(pub(super) $name: String,)+
            states: BTreeMap<String, String>,
            facts: BTreeMap<String, String>,
            results: BTreeMap<String, String>,
            found: BTreeMap<String, String>,
        }
    };
}

phrases! {
    question, yes, yes_without_consent, no, the_use, action, purpose, basis, reads, sensitive, says, looked_at,
    fix, consents, names, names_handlers, for_purpose, lists, methods, informed, own_step, not_pre_ticked,
    single, not_gated, lasts, days, cool_down, not_withdrawn, adults, ages, duties, notes, marks, person,
    person_in, person_out, live, denied_anyway, documents, in_force, digest, no_digest, notice_text, screen, without_consent, with_consent, refused_basis,
    not_declared, applies_not, per_person, not_checked, stop, stop_within, stop_unbounded, and, semicolon, stated, stated_always, stated_of, words_that_give,
    replayed, replayed_decision, replayed_seal, replayed_texts,
}

/// The part of a language's file that is read here.
#[derive(Deserialize)]
struct File {
    opinion: Phrases,
}

static ENGLISH: LazyLock<Phrases> = LazyLock::new(|| read(include_str!("lang/en.toml")));
static CHINESE: LazyLock<Phrases> = LazyLock::new(|| read(include_str!("lang/zh.toml")));

/// The phrases of a file; a test reads both files, so that none is ever broken.
fn read(text: &str) -> Phrases {
    toml::from_str(text).map(|file: File| file.opinion).unwrap_or_default()
}

impl Phrases {
    pub(super) fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &ENGLISH,
            Lang::Zh => &CHINESE,
        }
    }

    /// The result of a rule in a word or two.
    pub(super) fn result(&self, result: RuleResult) -> &str {
        self.results.get(result.as_str()).map_or(result.as_str(), String::as_str)
    }

    /// What a fact that a study may leave out is about.
    pub(super) fn fact<'p>(&'p self, fact: &'p str) -> &'p str {
        self.facts.get(fact).map_or(fact, String::as_str)
    }

    /// How a statement about the law was found, in words.
    pub(super) fn mark(&self, mark: Mark) -> &str {
        let word = match mark {
            Mark::Text => "text",
            Mark::Quotation => "quotation",
            Mark::Secondary => "secondary",
            Mark::Memory => "memory",
            Mark::Reading => "reading",
        };
        self.found.get(word).map_or(word, String::as_str)
    }
}

/// The state of a fact in words; a word of the regime's own vocabularies stays as it is.
pub(super) fn state(word: &str, lang: Lang) -> String {
    Phrases::of(lang).states.get(word).map_or(word, String::as_str).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_hold_every_phrase() {
        for lang in [Lang::En, Lang::Zh] {
            let phrases = Phrases::of(lang);
            assert!(
                !phrases.question.is_empty()
                    && phrases.states.len() == 14
                    && phrases.found.len() == 5
                    && phrases.facts.len() == 5,
                "{lang:?}"
            );
            assert!(RuleResult::ALL.iter().all(|result| phrases.results.contains_key(result.as_str())));
        }
    }
}
