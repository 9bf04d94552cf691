//! From the regime file as written to demands over facts; every word must be known, and every cell of the matrix there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::file::{Cell, Facts, RegimeFile, Written};
use super::vocabulary::{UNDECLARED, UNKNOWN, bounds_of, is_assumed, open_words};
use crate::consent::ConsentStatus;
use crate::policy::compile::{Misplaced, Outcome, fault_at, unknown};
use crate::policy::logic::{Cube, Demand, MAX_WORDS, Vocabulary, Words};
use crate::policy::placed::Spanned;
use crate::policy::study::Action;

/// The top of the file, for what has no better place.
const NOWHERE: Range<usize> = 0..0;

/// What a file writes for all purposes of a class.
const CLASS: &str = "purpose-class";

/// Triggers that some facts bring, besides those of the matrix.
#[derive(Debug)]
pub(in crate::policy) struct Extra {
    pub(in crate::policy) when: Cube,
    pub(in crate::policy) triggers: Vec<String>,
}

/// Duties that some facts bring.
#[derive(Debug)]
pub(in crate::policy) struct Obliged {
    pub(in crate::policy) when: Cube,
    pub(in crate::policy) duties: Vec<String>,
}

/// The contents of a regime file, over the facts of a vocabulary.
#[derive(Debug)]
pub(in crate::policy) struct Compiled {
    /// In the order of evaluation.
    pub(in crate::policy) demands: Vec<Demand>,
    pub(in crate::policy) extras: Vec<Extra>,
    pub(in crate::policy) obliged: Vec<Obliged>,
    /// By fact: the words by which a study leaves it open.
    pub(in crate::policy) open: Vec<Words>,
}

/// Compiles a file over a vocabulary that holds at least its own facts.
pub(in crate::policy) fn compile(file: &RegimeFile, vocabulary: &Vocabulary) -> Outcome<Compiled> {
    let mut compiler = Compiler { file, vocabulary, demands: Vec::new() };
    compiler.check_words()?;
    compiler.check_categories()?;
    compiler.unknown_words();
    compiler.written_demands()?;
    compiler.matrix()?;
    let extras = compiler.extras()?;
    let obliged = compiler.obliged()?;
    let mut demands = merged(compiler.demands, vocabulary);
    demands.sort_by_key(|demand| stage(file, &demand.rule));
    let open = (0..vocabulary.facts().len()).map(|fact| open_words(vocabulary, fact)).collect();
    Ok(Compiled { demands, extras, obliged, open })
}

/// The cell of a category for an action: its own, or that of a category which it is under.
pub(in crate::policy) fn cell<'a>(file: &'a RegimeFile, category: &str, action: Action) -> Option<&'a Cell> {
    let mut at = category;
    loop {
        let own = file.matrix.iter().find(|(name, _)| name.get_ref() == at);
        if let Some(cell) = own.and_then(|(_, cells)| cells.get(&action)) {
            return Some(cell);
        }
        // A cycle was refused when the file was parsed.
        at = file.categories.get(at)?.under.as_ref()?.get_ref();
    }
}

/// The position of a rule's stage in the order of evaluation.
fn stage(file: &RegimeFile, rule: &str) -> Option<usize> {
    let stage = file.rules.get(rule)?.stage.get_ref();
    file.regime.stages.iter().position(|known| known == stage)
}

struct Compiler<'a> {
    file: &'a RegimeFile,
    vocabulary: &'a Vocabulary,
    demands: Vec<Demand>,
}

impl Compiler<'_> {
    fn known<'k>(
        &self,
        kind: &'static str,
        word: &Spanned<String>,
        mut known: impl Iterator<Item = &'k String> + Clone,
    ) -> Outcome<()> {
        let all = known.clone();
        if known.any(|name| name == word.get_ref()) {
            return Ok(());
        }
        Err(unknown(kind, word, all.map(String::as_str)))
    }

    fn each_known<'k>(
        &self,
        kind: &'static str,
        words: &Written,
        known: impl Iterator<Item = &'k String> + Clone,
    ) -> Outcome<()> {
        words.iter().try_for_each(|word| self.known(kind, word, known.clone()))
    }

    /// Every article, rule, quality, stage and statement that the file names is one that it defines.
    fn check_words(&self) -> Outcome<()> {
        let file = self.file;
        let articles = (file.bases.values().map(|basis| &basis.article))
            .chain(file.actions.values().map(|action| &action.article))
            .chain(file.triggers.values().map(|trigger| &trigger.article))
            .chain(file.qualities.values().map(|quality| &quality.article))
            .chain(file.notices.values().map(|notice| &notice.article))
            .chain(file.documents.values().map(|document| &document.article))
            .chain(file.figures.values().map(|figure| &figure.article))
            .chain(file.rules.values().map(|rule| &rule.article))
            .chain(file.duties.values().map(|duty| &duty.article));
        for article in articles {
            self.known("article", article, file.articles.keys())?;
        }
        let rules = (file.triggers.values().map(|trigger| &trigger.rule))
            .chain(file.notices.values().map(|notice| &notice.rule))
            .chain(file.documents.values().map(|document| &document.rule))
            .chain(file.person.values().filter_map(|reason| reason.rule.as_ref()))
            .chain(file.bases.values().filter_map(|basis| basis.refusal.as_ref()))
            .chain([&file.regime.unknown]);
        for rule in rules {
            self.known("rule", rule, file.rules.keys())?;
        }
        for trigger in file.triggers.values() {
            self.known("quality", &trigger.quality, file.qualities.keys())?;
        }
        for rule in file.rules.values() {
            self.known("stage", &rule.stage, file.regime.stages.iter())?;
        }
        for block in file.notices.values() {
            self.each_known("statement", &block.states, file.statements.keys())?;
        }
        for (name, figure) in &file.figures {
            let bounds: BTreeSet<u64> = figure.bands.values().copied().collect();
            if bounds.len() != figure.bands.len() {
                return fault_at(figure.article.span(), format!("two bands of `{name}` start at one bound"));
            }
        }
        if let Some(stage) = file.regime.stages.iter().find(|s| !file.regime.stages_text.contains_key(*s)) {
            return fault_at(NOWHERE, format!("stage `{stage}` has no title under `stages_text`"));
        }
        let extra = file.regime.stages_text.keys().find(|stage| !file.regime.stages.contains(stage));
        if let Some(stage) = extra {
            return Err(unknown("stage", &nowhere(stage), file.regime.stages.iter().map(String::as_str)));
        }
        let reasons = || ConsentStatus::ALL.iter().filter(|status| **status != ConsentStatus::Live);
        let is_reason = |name: &String| reasons().any(|reason| reason.as_str() == name.as_str());
        if let Some(name) = file.person.keys().find(|name| !is_reason(name)) {
            return Err(unknown("reason", &nowhere(name), reasons().map(|reason| reason.as_str())));
        }
        let home = &file.regime.home;
        if home.len() != 2 || !home.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return fault_at(NOWHERE, "`home` is a country: two capital letters");
        }
        let missing = reasons().find(|reason| !file.person.contains_key(reason.as_str()));
        if let Some(reason) = missing {
            return fault_at(NOWHERE, format!("`[person.{}]` is missing", reason.as_str()));
        }
        let large = self.vocabulary.facts().iter().find(|fact| fact.words.len() > MAX_WORDS);
        match large {
            Some(fact) => fault_at(NOWHERE, format!("`{}` has more than {MAX_WORDS} words", fact.name)),
            None => Ok(()),
        }
    }

    /// Profiles are known, no category is under itself, and every category has a cell for every action.
    fn check_categories(&self) -> Outcome<()> {
        let file = self.file;
        for category in file.categories.values() {
            self.each_known("profile", &category.sensitive, file.regime.profiles.iter())?;
            if let Some(above) = &category.under {
                self.known("category", above, file.categories.keys())?;
            }
        }
        for (name, category) in &file.categories {
            let mut seen = BTreeSet::from([name.as_str()]);
            let mut above = category.under.as_ref();
            while let Some(next) = above {
                if !seen.insert(next.get_ref()) {
                    return fault_at(next.span(), format!("category `{name}` is under itself: a cycle"));
                }
                above = file.categories.get(next.get_ref()).and_then(|category| category.under.as_ref());
            }
        }
        for name in file.matrix.keys() {
            self.known("category", name, file.categories.keys())?;
        }
        for name in file.categories.keys() {
            if let Some(action) = Action::ALL.into_iter().find(|action| cell(file, name, *action).is_none()) {
                return fault_at(
                    NOWHERE,
                    format!("the matrix has no cell `[matrix.{name}.{}]`", action.as_str()),
                );
            }
        }
        match Action::ALL.into_iter().find(|action| !file.actions.contains_key(action)) {
            Some(action) => fault_at(NOWHERE, format!("`[actions.{}]` is missing", action.as_str())),
            None => Ok(()),
        }
    }

    /// What the regime does not know is refused, whether or not the file has a rule for it.
    fn unknown_words(&mut self) {
        let file = self.file;
        let own: [(&str, Vec<&str>); 4] = [
            ("purpose", file.purposes.keys().map(String::as_str).collect()),
            ("basis", file.bases.keys().map(String::as_str).collect()),
            ("category", file.categories.keys().map(String::as_str).collect()),
            ("handler-kinds", vec!["known"]),
        ];
        for (name, words) in own {
            let Some(fact) = self.vocabulary.place(name) else { continue };
            let good = words.iter().filter_map(|word| self.vocabulary.position(fact, word));
            let good = good.fold(Words::NONE, Words::with);
            let rule = file.regime.unknown.get_ref().clone();
            self.demands.push(Demand { rule, when: Cube::default(), fact, good });
        }
    }

    fn written_demands(&mut self) -> Outcome<()> {
        let file = self.file;
        for section in &file.demands {
            self.known("rule", &section.rule, file.rules.keys())?;
            let when = self.cube(&section.when)?;
            for (name, words) in &section.needs {
                let (fact, good) = self.literal(name, words)?;
                let rule = section.rule.get_ref().clone();
                self.demands.push(Demand { rule, when: when.clone(), fact, good });
            }
        }
        Ok(())
    }

    fn matrix(&mut self) -> Outcome<()> {
        let file = self.file;
        for cells in file.matrix.values() {
            for cell in cells.values() {
                self.each_known("trigger", &cell.triggers, file.triggers.keys())?;
                self.each_known("notice", &cell.notices, file.notices.keys())?;
                self.each_known("document", &cell.documents, file.documents.keys())?;
                self.each_known("duty", &cell.duties, file.duties.keys())?;
                if let Some(rule) = &cell.deny {
                    self.known("rule", rule, file.rules.keys())?;
                }
            }
        }
        for category in file.categories.keys() {
            for action in Action::ALL {
                if let Some(cell) = cell(file, category, action) {
                    let when = self.at(&[("category", category), ("action", action.as_str())]);
                    self.cell(&when, cell, action)?;
                }
            }
        }
        Ok(())
    }

    fn cell(&mut self, when: &Cube, cell: &Cell, action: Action) -> Outcome<()> {
        self.papers(when, &cell.notices, &cell.documents);
        let Some(rule) = &cell.deny else { return Ok(()) };
        let rule = rule.get_ref();
        for (name, words) in &cell.unless {
            let (fact, good) = self.literal(name, words)?;
            self.demands.push(Demand { rule: rule.clone(), when: when.clone(), fact, good });
        }
        if cell.unless.is_empty()
            && let Some(fact) = self.vocabulary.place("action")
            && let Some(own) = self.vocabulary.position(fact, action.as_str())
        {
            let good = self.vocabulary.all(fact).without(Words::NONE.with(own));
            self.demands.push(Demand { rule: rule.clone(), when: when.clone(), fact, good });
        }
        Ok(())
    }

    /// The documents and the blocks of the notice that something asks for.
    fn papers(&mut self, when: &Cube, notices: &Written, documents: &Written) {
        let notices = notices.iter().filter_map(|block| {
            let rule = self.file.notices.get(block.get_ref())?.rule.get_ref();
            Some((format!("notice:{}", block.get_ref()), rule, &["complete", UNDECLARED][..]))
        });
        let documents = documents.iter().filter_map(|kind| {
            let rule = self.file.documents.get(kind.get_ref())?.rule.get_ref();
            Some((format!("document:{}", kind.get_ref()), rule, &["valid", UNDECLARED][..]))
        });
        for (name, rule, good) in notices.chain(documents) {
            let Some(fact) = self.vocabulary.place(&name) else { continue };
            let good = good.iter().filter_map(|word| self.vocabulary.position(fact, word));
            let good = good.fold(Words::NONE, Words::with);
            self.demands.push(Demand { rule: rule.clone(), when: when.clone(), fact, good });
        }
    }

    fn extras(&mut self) -> Outcome<Vec<Extra>> {
        let file = self.file;
        let mut extras = Vec::new();
        for section in &file.extra_triggers {
            self.each_known("trigger", &section.triggers, file.triggers.keys())?;
            self.each_known("notice", &section.notices, file.notices.keys())?;
            self.each_known("document", &section.documents, file.documents.keys())?;
            let when = self.cube(&section.when)?;
            self.papers(&when, &section.notices, &section.documents);
            extras.push(Extra { when, triggers: plain(&section.triggers) });
        }
        Ok(extras)
    }

    fn obliged(&self) -> Outcome<Vec<Obliged>> {
        let file = self.file;
        let mut all = Vec::new();
        for section in &file.obligations {
            self.each_known("duty", &section.duties, file.duties.keys())?;
            all.push(Obliged { when: self.cube(&section.when)?, duties: plain(&section.duties) });
        }
        for category in file.categories.keys() {
            for action in Action::ALL {
                let Some(cell) = cell(file, category, action) else { continue };
                let when = self.at(&[("category", category), ("action", action.as_str())]);
                if !cell.duties.is_empty() {
                    all.push(Obliged { when, duties: plain(&cell.duties) });
                }
            }
        }
        Ok(all)
    }

    fn at(&self, words: &[(&str, &str)]) -> Cube {
        let mut cube = Cube::default();
        for (name, word) in words {
            let Some(fact) = self.vocabulary.place(name) else { continue };
            let word = self.vocabulary.position(fact, word);
            cube.restrict(fact, word.map_or(Words::NONE, |word| Words::NONE.with(word)));
        }
        cube
    }

    fn cube(&self, facts: &Facts) -> Outcome<Cube> {
        let mut cube = Cube::default();
        for (name, words) in facts {
            let (fact, words) = self.literal(name, words)?;
            cube.restrict(fact, words);
        }
        Ok(cube)
    }

    fn literal(&self, name: &Spanned<String>, words: &Written) -> Outcome<(usize, Words)> {
        let facts = || self.vocabulary.facts().iter().map(|fact| fact.name.as_str()).chain([CLASS]);
        // The class of a purpose is no fact of its own: it means the purposes of the class.
        let written = if name.get_ref() == CLASS { "purpose" } else { name.get_ref().as_str() };
        let Some(fact) = self.vocabulary.place(written) else { return Err(unknown("fact", name, facts())) };
        let mut good = Words::NONE;
        for word in words {
            let meant = self.meant(name.get_ref(), fact, word.get_ref());
            if meant.is_empty() {
                return Err(self.unknown_word(name.get_ref(), fact, word));
            }
            good = good.or(meant);
        }
        if good.is_empty() {
            return fault_at(name.span(), format!("`{}` needs at least one word", name.get_ref()));
        }
        Ok((fact, good))
    }

    /// The words of a fact that a word of the file means.
    fn meant(&self, name: &str, fact: usize, word: &str) -> Words {
        let all = |words: &mut dyn Iterator<Item = &str>| {
            words.filter_map(|word| self.vocabulary.position(fact, word)).fold(Words::NONE, Words::with)
        };
        let assumed = is_assumed(name, word).then_some(UNDECLARED);
        let own = all(&mut [word].into_iter().chain(assumed));
        match name.strip_prefix("figure:").and_then(|name| self.file.figures.get(name)) {
            Some(figure) => {
                let words = self.vocabulary.facts().get(fact).map(|fact| fact.words.as_slice());
                let own = if word == UNDECLARED { own } else { Words::NONE };
                own.or(all(&mut bounds_of(figure, word, words.unwrap_or_default()).into_iter()))
            }
            None if name == CLASS && word != UNKNOWN => {
                let purposes = self.file.purposes.iter().filter(|(_, purpose)| purpose.class == word);
                all(&mut purposes.map(|(purpose, _)| purpose.as_str()))
            }
            _ => own,
        }
    }

    fn unknown_word(&self, name: &str, fact: usize, word: &Spanned<String>) -> Misplaced {
        if name == CLASS {
            return unknown("class", word, self.file.purposes.values().map(|purpose| purpose.class.as_str()));
        }
        if let Some(figure) = name.strip_prefix("figure:").and_then(|name| self.file.figures.get(name)) {
            return unknown("band", word, figure.bands.keys().map(String::as_str));
        }
        let words = self.vocabulary.facts().get(fact).map(|fact| fact.words.as_slice()).unwrap_or_default();
        unknown("word", word, words.iter().map(String::as_str).filter(|word| *word != UNKNOWN))
    }
}

/// A word that is a key of a table, whose place is not kept.
fn nowhere(word: &str) -> Spanned<String> {
    Spanned::new(NOWHERE, word.to_owned())
}

fn plain(words: &Written) -> Vec<String> {
    words.iter().map(|word| word.get_ref().clone()).collect()
}

/// Demands that differ in the category alone are one demand of all those categories.
fn merged(demands: Vec<Demand>, vocabulary: &Vocabulary) -> Vec<Demand> {
    let Some(category) = vocabulary.place("category") else { return demands };
    let mut merged: Vec<Demand> = Vec::new();
    let mut places: BTreeMap<(String, Cube, usize, Words), usize> = BTreeMap::new();
    for demand in demands {
        let Some(words) = demand.when.words(category) else {
            merged.push(demand);
            continue;
        };
        let key = (demand.rule.clone(), demand.when.free(category), demand.fact, demand.good);
        match places.get(&key).and_then(|at| merged.get_mut(*at)) {
            Some(known) => known.when.widen(category, words),
            None => {
                places.insert(key, merged.len());
                merged.push(demand);
            }
        }
    }
    merged
}
