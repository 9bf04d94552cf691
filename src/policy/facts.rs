//! What a study declares, as facts of its regime: one situation for every recipient and day.

use std::collections::BTreeSet;

use super::logic::State;
use super::regime::{Regime, UNDECLARED, UNKNOWN};
use super::study::{Action, Document, FieldKind, Recipient, Role, Study};
use crate::tags::{Aggregate, Source};
use crate::types::{DatasetName, Days, Timestamp};

/// A data category that a study reads, with whether it is sensitive here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CategoryRead {
    pub(super) name: String,
    pub(super) sensitive: bool,
}

/// One question about one use: may `recipient` get answers of `study` at `now`?
pub(super) struct Case<'a> {
    pub(super) study: &'a Study,
    pub(super) regime: &'a Regime,
    pub(super) recipient: &'a Recipient,
    pub(super) now: Timestamp,
}

fn several(count: usize) -> &'static str {
    if count > 1 { "several" } else { "one" }
}

impl Case<'_> {
    fn category_names(&self) -> BTreeSet<&str> {
        self.study.categories().chain(self.study.infers.values().map(String::as_str)).collect()
    }

    /// The categories of all datasets, and those that tags infer.
    pub(super) fn categories(&self) -> Vec<CategoryRead> {
        self.category_names()
            .into_iter()
            .map(|name| CategoryRead {
                name: name.to_owned(),
                sensitive: self.regime.is_sensitive_in(self.study, name),
            })
            .collect()
    }

    /// Every fact but `category` and `sensitive`, which differ from dataset to dataset.
    pub(super) fn state(&self) -> State {
        let vocabulary = &self.regime.vocabulary;
        let mut state = State::first(vocabulary);
        for (fact, described) in vocabulary.facts().iter().enumerate() {
            let position = match described.name.strip_prefix("figure:") {
                Some(name) => vocabulary.position(fact, &self.figure(name)),
                None => vocabulary.position(fact, self.word(&described.name)),
            };
            state.set(fact, position);
        }
        state
    }

    /// The word of a fact; a word that the fact does not have is taken as one that no rule calls good.
    fn word(&self, fact: &str) -> &str {
        let (study, file) = (self.study, &self.regime.file);
        let purpose = file.purposes.get(&study.purpose);
        let yes = |is: bool| if is { "yes" } else { "no" };
        match fact.split_once(':') {
            Some(("document", kind)) => self.document(kind),
            Some(("notice", block)) => self.notice(block),
            Some(("handler-kind", kind)) => {
                if study.handlers.iter().any(|handler| handler.kind == kind) {
                    "present"
                } else {
                    "absent"
                }
            }
            _ => match fact {
                "action" => study.action.as_str(),
                "purpose" => purpose.map_or(UNKNOWN, |_| &study.purpose),
                "basis" => file.bases.get_key_value(&study.basis).map_or(UNKNOWN, |(word, _)| word),
                "recipient-role" => self.recipient.role.map_or(UNDECLARED, Role::as_str),
                "recipient-place" => self.place(),
                "recipient-named" => yes(self.is_named()),
                "recipient-standing" => match self.recipient.suspended {
                    Some(true) => "suspended",
                    Some(false) => "good",
                    None => UNDECLARED,
                },
                "succession" => self.succession(),
                "handlers" => several(study.handlers.len()),
                "read-categories" => several(self.category_names().len()),
                "handler-kinds" => self.handler_kinds(),
                "age" => self.age(),
                "admits-children" => yes(study.admits.children),
                "admits-minors" => yes(study.admits.minors),
                "sub-processors" => self.sub_processors(),
                "pointer-fields" => yes(self.reads_pointers()),
                "own-list-counts" => yes(self.counts_own_lists()),
                _ => "",
            },
        }
    }

    fn is_named(&self) -> bool {
        let Recipient { legal_id, name, contact, .. } = self.recipient;
        [legal_id, name, contact].into_iter().all(|text| !text.trim().is_empty())
    }

    fn place(&self) -> &'static str {
        match self.recipient.country.trim() {
            "" => "unsaid",
            home if home == self.regime.file.regime.home => "domestic",
            _ => "abroad",
        }
    }

    fn succession(&self) -> &'static str {
        match (self.recipient.succeeds.is_empty(), self.document("succession")) {
            (true, _) => "none",
            (false, "valid" | UNDECLARED) => "announced",
            (false, _) => "unannounced",
        }
    }

    fn handler_kinds(&self) -> &'static str {
        let known = &self.regime.file.handler_kinds;
        let all = self.study.handlers.iter().all(|handler| known.contains_key(&handler.kind));
        if all { "known" } else { UNKNOWN }
    }

    fn age(&self) -> &'static str {
        if self.study.declared_adults {
            return "declared-adults";
        }
        if self.study.age_field().is_some() { "read" } else { "unsaid" }
    }

    fn sub_processors(&self) -> &'static str {
        let Some(named) = &self.study.sub_processors else {
            // Only an entrusted party has sub-processors to declare.
            return if self.study.action == Action::Entrust { UNDECLARED } else { "none" };
        };
        if named.is_empty() {
            return "none";
        }
        let contract = self.study.documents.get("entrust-contract");
        let approved = contract.is_some_and(|contract| named.is_subset(&contract.covers.sub_processors));
        if approved { "approved" } else { "unapproved" }
    }

    fn reads_pointers(&self) -> bool {
        let mut fields = self.study.datasets.iter().flat_map(|dataset| &dataset.fields);
        fields.any(|field| matches!(field.kind, FieldKind::Person { .. }))
    }

    fn counts_own_lists(&self) -> bool {
        let points = |dataset: &DatasetName, field: &String| {
            let field = self.study.dataset(dataset).and_then(|dataset| dataset.field(field));
            field.is_some_and(|field| matches!(field.kind, FieldKind::Person { .. }))
        };
        let mut measures = self.study.catalogue.measures().iter();
        measures.any(|measure| match &measure.source {
            Source::OwnListSize { .. } | Source::Ties { .. } => true,
            Source::Own { rows, what: Aggregate::Distinct { field, .. } } => points(&rows.dataset, field),
            _ => false,
        })
    }

    fn document(&self, kind: &str) -> &'static str {
        let Some(document) = self.study.documents.get(kind) else { return "missing" };
        let kind = self.regime.file.documents.get(kind);
        let max_age = kind.and_then(|kind| kind.max_age);
        self.validity(document, max_age, kind.is_some_and(|kind| kind.general))
    }

    /// Late: approved only after the use started, or not yet (PIPL art. 55 asks for it beforehand). Undeclared: in force, but the
    /// study does not declare when the use starts, or for which purposes, data and recipients the document is.
    fn validity(&self, document: &Document, max_age: Option<Days>, general: bool) -> &'static str {
        let start = self.study.start.unwrap_or(self.now).min(self.now);
        let stale = max_age.is_some_and(|age| document.approved.saturating_add(age) <= self.now);
        if document.approved > start {
            "late"
        } else if document.expires <= self.now || stale {
            "expired"
        } else if !self.covers(document) {
            "out-of-scope"
        } else if general || (self.study.start.is_some() && document.covers.is_declared()) {
            "valid"
        } else {
            UNDECLARED
        }
    }

    fn covers(&self, document: &Document) -> bool {
        let covers = &document.covers;
        let holds = |list: &BTreeSet<String>, word: &str| list.is_empty() || list.contains(word);
        let recipient = holds(&covers.recipients, self.recipient.id.as_str())
            || holds(&covers.recipients, &self.recipient.legal_id);
        recipient
            && holds(&covers.purposes, &self.study.purpose)
            && self.category_names().into_iter().all(|category| holds(&covers.categories, category))
    }

    fn notice(&self, block: &str) -> &'static str {
        let (Some(states), Some(block)) = (&self.study.notice.states, self.regime.file.notices.get(block))
        else {
            return UNDECLARED;
        };
        let complete = block.states.iter().all(|statement| states.contains(statement.get_ref()));
        if complete { "complete" } else { "incomplete" }
    }

    /// The lower bound of the band that a declared number is in.
    fn figure(&self, name: &str) -> String {
        let Some(declared) = self.study.figures.get(name) else { return UNDECLARED.to_owned() };
        let bands = self.regime.file.figures.get(name).map(|figure| &figure.bands);
        let below = bands.into_iter().flat_map(|bands| bands.values()).filter(|bound| *bound <= declared);
        below.max().map_or_else(|| UNDECLARED.to_owned(), u64::to_string)
    }

    /// The oldest version of the notice under which a consent still counts: the last one that changed something material
    /// (PIPL art. 14(2)). A version of which the study does not say what it changed may have changed anything, and so may one
    /// that changed what the regime does not know.
    pub(super) fn oldest_version(&self) -> u32 {
        let notice = &self.study.notice;
        let head = &self.regime.file.regime;
        let (material, slight) = (&head.material_changes, &head.slight_changes);
        let is_slight = |version: &u32| {
            notice.changes.get(version).is_some_and(|changed: &BTreeSet<String>| {
                !changed.is_empty() && changed.is_disjoint(material) && changed.is_subset(slight)
            })
        };
        let mut oldest = notice.version;
        while is_slight(&oldest) {
            let Some(before) = oldest.checked_sub(1) else { break };
            oldest = before;
        }
        oldest
    }
}
