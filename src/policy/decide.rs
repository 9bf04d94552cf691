//! The decision on the flow: is this use permitted at all, for this recipient, today? Unknown is denied.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Case, CategoryRead};
use super::logic::{Demand, State};
use super::phrases::Phrases;
use super::regime::{Lang, MISSING, Names, Regime, Scope, cell};
use super::study::{Recipient, Study};
use crate::consent::{self, Ages, Requirement};
use crate::dp::QueryHash;
use crate::types::{RecipientId, StudyId, Timestamp};

/// Why something was refused: a rule, its article, what failed and what would fix it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// The rule, such as `R23`.
    pub rule: String,
    /// Its article, such as `PIPL 23`.
    pub article: String,
    /// What failed.
    pub because: String,
    /// What would fix it.
    pub fix: String,
}

/// The outcome of a decision: it cannot fail, and it explains itself.
#[derive(Debug)]
pub enum Decision {
    /// Permitted, under the consents that the flow demands.
    Permit(Flow),
    /// Denied for all of these reasons.
    Deny(Vec<Reason>),
}

/// The rule of the mechanism by which a use that demands no consent is not sealed.
pub(super) const NO_CONSENT: &str = "CONSENT";

/// A permitted flow: one study, one recipient, one day.
#[derive(Debug)]
pub struct Flow {
    study: StudyId,
    study_hash: String,
    recipient: RecipientId,
    demand: consent::Demand,
    /// The article of the basis that the use rests on.
    basis: String,
}

impl Flow {
    /// What every person's consents must name. Without requirements the use rests on another basis than consent, and no one
    /// is let in by consent.
    #[must_use]
    pub fn demand(&self) -> &consent::Demand {
        &self.demand
    }

    /// Why the flow cannot be sealed although it is permitted: it demands no consent, and consent alone lets people in.
    #[must_use]
    pub fn no_consent(&self) -> Option<Reason> {
        self.demand.requirements.is_empty().then(|| Reason {
            rule: NO_CONSENT.into(),
            article: self.basis.clone(),
            because: "the use may rest on another basis than consent, and this sandbox lets people in by their consents alone"
                .into(),
            fix: "use `basis = \"consent\"` and an action that demands one".into(),
        })
    }

    /// The token that lets one query of this flow through the door.
    pub fn permit(&self, question: QueryHash) -> Permit {
        Permit {
            study: self.study.clone(),
            study_hash: self.study_hash.clone(),
            recipient: self.recipient.clone(),
            question,
        }
    }
}

/// Proof that policy permits one query: made by [`Flow::permit`] only, used up by the door.
#[must_use = "a permit that the door does not take permits nothing"]
pub struct Permit {
    study: StudyId,
    study_hash: String,
    recipient: RecipientId,
    question: QueryHash,
}

impl Permit {
    /// The study.
    #[must_use]
    pub fn study(&self) -> &StudyId {
        &self.study
    }

    /// The hash of the study's text that was decided on.
    #[must_use]
    pub fn study_hash(&self) -> &str {
        &self.study_hash
    }

    /// The recipient.
    #[must_use]
    pub fn recipient(&self) -> &RecipientId {
        &self.recipient
    }

    /// The query that it is bound to.
    #[must_use]
    pub fn question(&self) -> QueryHash {
        self.question
    }
}

/// A demand of the regime that applies to a use, or may, and whether it holds.
#[derive(Debug, Clone)]
pub(super) struct Considered<'a> {
    pub(super) demand: &'a Demand,
    /// The categories for which it applies; none where it is not about a category.
    pub(super) categories: Vec<&'a str>,
    /// The word that its fact has; of the first category that fails, where they differ.
    pub(super) word: u8,
    /// Whether it applies; it may apply where a fact of its condition is not declared.
    pub(super) applies: bool,
    pub(super) holds: bool,
    /// The facts that it reads and the study does not declare.
    pub(super) undeclared: BTreeSet<usize>,
}

/// Everything that was looked at to decide on one use: the decision and its explanation are both read from it.
pub struct Opinion<'a> {
    pub(super) case: Case<'a>,
    pub(super) categories: &'a [CategoryRead],
    pub(super) considered: Vec<Considered<'a>>,
    pub(super) triggers: BTreeMap<&'a str, Vec<&'a str>>,
    pub(super) duties: BTreeSet<&'a str>,
}

/// Decides whether `study` may be used for `recipient` on the day of `now`.
///
/// # Privacy
/// Reads the study, the regime and the date; never the population. Source: the articles that the regime names.
#[must_use]
pub fn decide(study: &Study, regime: &Regime, recipient: &Recipient, now: Timestamp) -> Decision {
    with_opinion(study, regime, recipient, now, |opinion| opinion.decision())
}

/// Forms an opinion on a use and hands it to `read`.
///
/// # Privacy
/// As [`decide`].
pub fn with_opinion<T>(
    study: &Study,
    regime: &Regime,
    recipient: &Recipient,
    now: Timestamp,
    read: impl FnOnce(&Opinion<'_>) -> T,
) -> T {
    let case = Case { study, regime, recipient, now };
    let (categories, state) = (case.categories(), case.state());
    read(&Opinion::form(case, &categories, state))
}

impl<'a> Opinion<'a> {
    pub(super) fn form(case: Case<'a>, categories: &'a [CategoryRead], state: State) -> Self {
        let regime = case.regime;
        let states: Vec<(&str, State)> = categories
            .iter()
            .map(|category| (category.name.as_str(), of_category(regime, &state, category)))
            .collect();
        let by_category = ["category", "sensitive"].map(|fact| regime.vocabulary.place(fact));
        let look = Look { regime, by_category, flow: &state, categories: &states };
        let considered = regime.compiled.demands.iter().filter_map(|demand| look.consider(demand)).collect();
        let mut opinion =
            Self { case, categories, considered, triggers: BTreeMap::new(), duties: BTreeSet::new() };
        opinion.demand_consents(&states);
        opinion.oblige(&states);
        opinion
    }

    /// Whether nothing that the regime demands is missing.
    #[must_use]
    pub fn permits(&self) -> bool {
        self.considered.iter().all(|considered| considered.holds)
    }

    /// The decision.
    #[must_use]
    pub fn decision(&self) -> Decision {
        if !self.permits() {
            return Decision::Deny(self.reasons(Lang::En));
        }
        let Case { study, recipient, .. } = &self.case;
        Decision::Permit(Flow {
            study: study.id.clone(),
            study_hash: study.hash.clone(),
            recipient: recipient.id.clone(),
            demand: self.demand(),
            basis: self.basis_article().to_owned(),
        })
    }

    /// The article of the basis that the use rests on.
    fn basis_article(&self) -> &str {
        let basis = self.case.regime.file.bases.get(&self.case.study.basis);
        basis.map_or("", |basis| basis.article.get_ref())
    }

    /// Why no person is in where the use demands no consent: this sandbox lets people in by their consents alone, and under some
    /// bases a person who refused would be out besides (PIPL art. 27).
    pub(super) fn without_consent(&self, lang: Lang) -> Vec<Reason> {
        let phrases = Phrases::of(lang);
        let own = Reason {
            rule: NO_CONSENT.into(),
            article: self.basis_article().to_owned(),
            because: phrases.without_consent.clone(),
            fix: phrases.with_consent.clone(),
        };
        let file = &self.case.regime.file;
        let refusal = file.bases.get(&self.case.study.basis).and_then(|basis| basis.refusal.as_ref());
        let refusal = refusal.and_then(|rule| {
            let text = file.rules.get(rule.get_ref())?;
            Some(Reason {
                rule: rule.get_ref().clone(),
                article: text.article.get_ref().clone(),
                because: phrases.refused_basis.clone(),
                fix: text.fix.of(lang).to_owned(),
            })
        });
        [own].into_iter().chain(refusal).collect()
    }

    /// The consents that the matrix and the facts demand, each with the categories that it must list.
    fn demand_consents(&mut self, states: &[(&'a str, State)]) {
        let regime = self.case.regime;
        let action = self.case.study.action;
        let on_consent = regime.file.bases.get(&self.case.study.basis).is_none_or(|basis| basis.consent);
        for ((name, state), category) in states.iter().zip(self.categories) {
            let own = cell(&regime.file, name, action).into_iter().flat_map(|cell| &cell.triggers);
            let own = own.map(|trigger| trigger.get_ref().as_str());
            let extra = regime.compiled.extras.iter().filter(|extra| extra.when.contains(state));
            let extra = extra.flat_map(|extra| &extra.triggers).map(String::as_str);
            for name_of in own.chain(extra).collect::<BTreeSet<_>>() {
                let Some(trigger) = regime.file.triggers.get(name_of) else { continue };
                let in_scope = trigger.of == Scope::All || category.sensitive;
                if in_scope && (on_consent || !trigger.displaceable) {
                    self.triggers.entry(name_of).or_default().push(name);
                }
            }
        }
    }

    fn oblige(&mut self, states: &[(&'a str, State)]) {
        for obliged in &self.case.regime.compiled.obliged {
            if states.iter().any(|(_, state)| obliged.when.contains(state)) {
                self.duties.extend(obliged.duties.iter().map(String::as_str));
            }
        }
    }

    /// What every person's consents must say, were the use permitted.
    #[must_use]
    pub fn demand(&self) -> consent::Demand {
        let Case { study, regime, recipient, .. } = &self.case;
        let handlers = study.handlers.iter().flat_map(|h| [h.id.to_string(), h.legal_id.clone()]);
        let handlers: BTreeSet<String> = handlers.collect();
        let known_triggers = regime.trigger_words();
        let names = regime.file.actions.get(&study.action).map(|action| action.names);
        let recipients: BTreeSet<String> = match names {
            Some(Names::Handlers) => study.handlers.iter().map(|handler| handler.legal_id.clone()).collect(),
            Some(Names::Recipient) | None => {
                recipient.succeeds.iter().chain([&recipient.legal_id]).cloned().collect()
            }
        };
        let by_recipient = names != Some(Names::Handlers);
        let named = |id: String, name: &String| [id, name.clone()];
        let recipient_names: BTreeSet<String> = match by_recipient {
            true => named(recipient.id.to_string(), &recipient.name).into(),
            false => study
                .handlers
                .iter()
                .flat_map(|handler| named(handler.id.to_string(), &handler.name))
                .collect(),
        };
        let others =
            study.recipients.iter().map(|other| (&other.legal_id, other.id.to_string(), &other.name));
        let others = others
            .chain(study.handlers.iter().map(|other| (&other.legal_id, other.id.to_string(), &other.name)));
        let other_recipients: BTreeSet<String> = others
            .filter(|(legal_id, ..)| !recipients.contains(*legal_id))
            .flat_map(|(legal_id, id, name)| [legal_id.clone(), id, name.clone()])
            .collect();
        let known_purposes = regime.purpose_words(study);
        let (known_categories, own_categories) = self.known_and_own_categories();
        let oldest = self.case.oldest_version();
        let requirements = self.triggers.iter().filter_map(|(name, categories)| {
            let trigger = regime.file.triggers.get(*name)?;
            let quality = regime.file.qualities.get(trigger.quality.get_ref())?;
            Some(Requirement {
                trigger: (*name).to_owned(),
                purpose: study.purpose.clone(),
                recipients: recipients.clone(),
                categories: categories.iter().map(|category| (*category).to_owned()).collect(),
                methods: study.methods.clone(),
                notice: study.notice.id.clone(),
                notice_versions: oldest..=study.notice.version,
                retention: study.retention,
                handlers: handlers.clone(),
                known_triggers: known_triggers.clone(),
                known_purposes: known_purposes.clone(),
                known_categories: known_categories.clone(),
                own_categories: own_categories.clone(),
                recipient_names: recipient_names.clone(),
                other_recipients: other_recipients.clone(),
                kinds: quality.kinds.clone(),
                checks: quality.checks.clone(),
                cool_down: regime.file.regime.refusal_cool_down,
            })
        });
        consent::Demand { requirements: requirements.collect(), ages: self.ages() }
    }

    /// All categories of the regime, and those that the study reads with what lies above and below them.
    fn known_and_own_categories(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let categories = &self.case.regime.file.categories;
        let above = |name: &str| {
            let mut all = vec![name.to_owned()];
            let mut next = categories.get(name).and_then(|category| category.under.as_ref());
            while let Some(over) = next.filter(|over| !all.contains(over.get_ref())) {
                all.push(over.get_ref().clone());
                next = categories.get(over.get_ref()).and_then(|category| category.under.as_ref());
            }
            all
        };
        let mut own: BTreeSet<String> = self.categories.iter().flat_map(|read| above(&read.name)).collect();
        let read = |name: &String| self.categories.iter().any(|read| read.name == *name);
        own.extend(categories.keys().filter(|name| above(name).iter().any(read)).cloned());
        (categories.keys().cloned().collect(), own)
    }

    fn ages(&self) -> Ages {
        let Case { study, regime, .. } = &self.case;
        if study.declared_adults {
            return Ages::DeclaredAdults;
        }
        let head = &regime.file.regime;
        Ages::Read { child_below: head.child_below, adult_from: head.adult_from, admits: study.admits }
    }

    /// All demands that fail, one for each rule and fact, in the order of evaluation.
    pub(super) fn failing(&self) -> impl Iterator<Item = &Considered<'a>> {
        self.considered.iter().filter(|considered| !considered.holds)
    }

    /// Why the use is denied, in the regime's order of evaluation; empty for a permitted one.
    #[must_use]
    pub fn reasons(&self, lang: Lang) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = Vec::new();
        for considered in self.failing() {
            let reason = self.reason(considered, lang);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }

    fn reason(&self, considered: &Considered<'_>, lang: Lang) -> Reason {
        let rule = considered.demand.rule.clone();
        // Every rule of a demand is defined (checked when the regime is parsed); were one missing, the use is denied all the same.
        match self.case.regime.file.rules.get(&rule) {
            Some(text) => Reason {
                article: text.article.get_ref().clone(),
                because: self.fill(text.because.of(lang), considered, lang),
                fix: self.fill(text.fix.of(lang), considered, lang),
                rule,
            },
            None => Reason { article: String::new(), because: rule.clone(), fix: String::new(), rule },
        }
    }

    /// Puts what failed, its state and the categories into a text of the regime.
    pub(super) fn fill(&self, text: &str, considered: &Considered<'_>, lang: Lang) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let (subject, state) = self.named(considered, lang);
        let categories: Vec<&str> =
            considered.categories.iter().map(|name| self.category_title(name, lang)).collect();
        text.replace("{is}", &state)
            .replace("{category}", &categories.join(&Phrases::of(lang).and))
            .replace("{}", &subject)
    }
}

/// The situation of a use for one of its categories.
fn of_category(regime: &Regime, state: &State, category: &CategoryRead) -> State {
    let mut own = state.clone();
    for (fact, word) in
        [("category", category.name.as_str()), ("sensitive", if category.sensitive { "yes" } else { "no" })]
    {
        if let Some(fact) = regime.vocabulary.place(fact) {
            let unknown = || regime.vocabulary.position(fact, super::regime::UNKNOWN);
            own.set(fact, regime.vocabulary.position(fact, word).or_else(unknown));
        }
    }
    own
}

/// The situations in which a use is looked at: as a whole, and for each of its categories.
struct Look<'l, 'a> {
    regime: &'l Regime,
    /// The facts that differ between categories.
    by_category: [Option<usize>; 2],
    flow: &'l State,
    categories: &'l [(&'a str, State)],
}

impl<'a> Look<'_, 'a> {
    /// Whether a demand applies or may apply, to which categories, and whether it holds for all of them.
    fn consider(&self, demand: &'a Demand) -> Option<Considered<'a>> {
        let speaks_of = |fact| demand.fact == fact || demand.when.words(fact).is_some();
        if !self.by_category.into_iter().flatten().any(speaks_of) {
            return self.in_state(demand, None, self.flow);
        }
        let each = self.categories.iter();
        each.filter_map(|(name, state)| self.in_state(demand, Some(name), state)).reduce(together)
    }

    fn in_state(
        &self,
        demand: &'a Demand,
        category: Option<&'a str>,
        state: &State,
    ) -> Option<Considered<'a>> {
        let is_open =
            |fact: usize| self.regime.compiled.open.get(fact).is_some_and(|open| open.has(state.word(fact)));
        let (mut applies, mut undeclared) = (true, BTreeSet::new());
        for (fact, words) in demand.when.restricted() {
            let open = is_open(fact);
            match words.has(state.word(fact)) {
                false if !open => return None,
                is => applies &= is,
            }
            undeclared.extend(open.then_some(fact));
        }
        let word = state.word(demand.fact);
        let holds = !applies || demand.good.has(word);
        // A document that a rule asks for, and whose absence it does not refuse, is not declared either.
        let is_absent = || self.regime.vocabulary.word(demand.fact, word) == MISSING;
        if applies && holds && (is_open(demand.fact) || is_absent()) {
            undeclared.insert(demand.fact);
        }
        Some(Considered {
            demand,
            categories: category.into_iter().collect(),
            word,
            applies,
            holds,
            undeclared,
        })
    }
}

/// What two categories say of one demand: the failing ones are those to name, then those to which it applies.
fn together<'a>(mut one: Considered<'a>, mut other: Considered<'a>) -> Considered<'a> {
    let rank = |considered: &Considered<'_>| (!considered.holds, considered.applies);
    if rank(&other) > rank(&one) {
        std::mem::swap(&mut one, &mut other);
    }
    if rank(&one) == rank(&other) {
        one.categories.append(&mut other.categories);
    }
    one.undeclared.append(&mut other.undeclared);
    one
}
