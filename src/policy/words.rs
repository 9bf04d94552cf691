//! The closed lists of a regime, to choose from, and what a use still lacks: for authors of a study.

use super::decide::{Considered, Opinion};
use super::regime::{Lang, MISSING, Regime};

/// A word of a closed list, and its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word as a study writes it.
    pub word: String,
    /// Its meaning.
    pub means: String,
}

impl Word {
    fn new(word: &str, means: &str) -> Self {
        Self { word: word.to_owned(), means: means.to_owned() }
    }
}

/// A closed list of a regime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the lists are the tables of the regime file")]
pub enum WordsOf {
    Actions,
    Categories,
    HandlerKinds,
    Purposes,
}

impl Regime {
    /// The names of the built-in regimes.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        super::regime::BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The words of one of its lists, in alphabetical order.
    #[must_use]
    pub fn words(&self, list: WordsOf, lang: Lang) -> Vec<Word> {
        let file = &self.file;
        match list {
            WordsOf::Actions => {
                file.actions.iter().map(|(word, of)| Word::new(word.as_str(), of.title.of(lang))).collect()
            }
            WordsOf::Categories => {
                file.categories.iter().map(|(word, of)| Word::new(word, of.title.of(lang))).collect()
            }
            WordsOf::HandlerKinds => {
                file.handler_kinds.iter().map(|(word, of)| Word::new(word, of.title.of(lang))).collect()
            }
            WordsOf::Purposes => {
                file.purposes.iter().map(|(word, of)| Word::new(word, of.title.of(lang))).collect()
            }
        }
    }
}

impl Opinion<'_> {
    /// The documents whose lack or state fails the use, and those that a rule reads and the study leaves out, by kind, with title and
    /// article.
    #[must_use]
    pub fn lacking_documents(&self, lang: Lang) -> Vec<Word> {
        let regime = self.case.regime;
        let mut lacking: Vec<Word> = Vec::new();
        let is_open = |considered: &&Considered<'_>| {
            let word = regime.vocabulary.word(considered.demand.fact, considered.word);
            considered.applies && (!considered.holds || word == MISSING)
        };
        for considered in self.considered.iter().filter(is_open) {
            let fact = regime.vocabulary.name(considered.demand.fact);
            let Some(kind) = fact.strip_prefix("document:") else { continue };
            let Some(document) = regime.file.documents.get(kind) else { continue };
            let means = format!("{} ({})", document.title.of(lang), document.article.get_ref());
            let word = Word::new(kind, &means);
            if !lacking.contains(&word) {
                lacking.push(word);
            }
        }
        lacking
    }

    /// The statements that the notice has to hold, where the study does not list what it holds.
    #[must_use]
    pub fn statements_to_make(&self, lang: Lang) -> Vec<Word> {
        let file = &self.case.regime.file;
        let blocks = self.undeclared_notices();
        let blocks = blocks.iter().filter_map(|block| file.notices.get(*block));
        let mut all: Vec<Word> = Vec::new();
        for word in blocks.flat_map(|block| &block.states).map(|word| word.get_ref().as_str()) {
            let title = file.statements.get(word).map_or(word, |titled| titled.title.of(lang));
            let statement = Word::new(word, title);
            if !all.contains(&statement) {
                all.push(statement);
            }
        }
        all
    }
}
