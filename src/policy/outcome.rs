//! What became of every rule of a regime for one use: a closed list of results, the same for the page, the explanation and SARIF.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide::{Considered, Opinion};
use super::regime::{Lang, PersonReason, Rule};
use crate::consent::ConsentStatus;

/// The result of a rule for one study, recipient and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleResult {
    /// The rule applies, and the declared facts fulfil it.
    Holds,
    /// The rule applies, and the use is denied by it.
    Denied,
    /// The rule applies or may apply, and the study does not declare a fact that it reads.
    NotDeclared,
    /// The declared facts show that the rule does not apply.
    NotApplicable,
    /// The rule is about each person's consent, age or status and is applied at the seal.
    PerPerson,
    /// As [`Self::PerPerson`], and the study leaves out what bounds it.
    Warning,
    /// The regime has no check of a study for it; its text names where it is met, or states that it is not modelled.
    NotChecked,
}

impl RuleResult {
    /// Every result.
    pub const ALL: [Self; 7] = [
        Self::Holds,
        Self::Denied,
        Self::NotDeclared,
        Self::NotApplicable,
        Self::PerPerson,
        Self::Warning,
        Self::NotChecked,
    ];

    /// The word, as JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Denied => "denied",
            Self::NotDeclared => "not-declared",
            Self::NotApplicable => "not-applicable",
            Self::PerPerson => "per-person",
            Self::Warning => "warning",
            Self::NotChecked => "not-checked",
        }
    }

    /// The `kind` of a result of SARIF 2.1.0, section 3.27.9.
    #[must_use]
    pub const fn sarif_kind(self) -> &'static str {
        match self {
            Self::Holds => "pass",
            Self::Denied | Self::Warning => "fail",
            Self::NotDeclared => "open",
            Self::NotApplicable => "notApplicable",
            Self::PerPerson | Self::NotChecked => "review",
        }
    }
}

/// A rule with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleOutcome {
    /// The rule, such as `R52`.
    pub rule: String,
    /// Its article, such as `PIPL 52`.
    pub article: String,
    /// The result.
    pub result: RuleResult,
    /// The facts that the rule reads and the study does not declare, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undeclared: Vec<String>,
}

/// A rule of the regime with what was considered of it.
pub(super) struct Ruled<'o, 'a> {
    pub(super) id: &'o str,
    pub(super) rule: &'o Rule,
    pub(super) result: RuleResult,
    pub(super) considered: Vec<&'o Considered<'a>>,
}

impl<'a> Opinion<'a> {
    /// Every rule of the regime with its result, in the order of evaluation.
    ///
    /// # Privacy
    /// None: it reads the study, the regime and the date.
    #[must_use]
    pub fn rules(&self, lang: Lang) -> Vec<RuleOutcome> {
        let outcome = |ruled: Ruled<'_, '_>| RuleOutcome {
            rule: ruled.id.to_owned(),
            article: ruled.rule.article.get_ref().clone(),
            result: ruled.result,
            undeclared: self.undeclared_of(&ruled, lang),
        };
        self.ruled().into_iter().map(outcome).collect()
    }

    /// As [`Self::rules`], with what was considered of each.
    pub(super) fn ruled(&self) -> Vec<Ruled<'_, 'a>> {
        let file = &self.case.regime.file;
        let stage = |rule: &Rule| file.regime.stages.iter().position(|known| known == rule.stage.get_ref());
        let first = |id: &str| {
            let demands = &self.case.regime.compiled.demands;
            demands.iter().position(|demand| demand.rule == id).unwrap_or(usize::MAX)
        };
        let mut rules: Vec<(&String, &Rule)> = file.rules.iter().collect();
        rules.sort_by_key(|(id, rule)| (stage(rule), first(id)));
        let ruled = |(id, rule): (&'_ String, _)| -> Option<Ruled<'_, 'a>> {
            let (id, rule) = (file.rules.get_key_value(id).map(|(id, _)| id.as_str())?, rule);
            let considered = self.considered.iter().filter(|considered| considered.demand.rule == id);
            let considered: Vec<&Considered<'a>> = considered.collect();
            let result = self.result(id, &considered);
            Some(Ruled { id, rule, result, considered })
        };
        rules.into_iter().filter_map(ruled).collect()
    }

    fn result(&self, id: &str, considered: &[&Considered<'_>]) -> RuleResult {
        if considered.iter().any(|considered| !considered.holds) {
            return RuleResult::Denied;
        }
        if considered.iter().any(|considered| !considered.undeclared.is_empty()) {
            return RuleResult::NotDeclared;
        }
        if !considered.is_empty() {
            return RuleResult::Holds;
        }
        let Self { case, triggers, .. } = self;
        let file = &case.regime.file;
        let is_own = |trigger: &str| file.triggers.get(trigger).is_some_and(|own| own.rule.get_ref() == id);
        if triggers.keys().any(|trigger| is_own(trigger)) {
            return RuleResult::PerPerson;
        }
        let of_study = case.regime.compiled.demands.iter().any(|demand| demand.rule == id);
        let of_people = |reason: &PersonReason| reason.rule.as_ref().is_some_and(|rule| rule.get_ref() == id);
        if !of_study && file.person.values().any(of_people) {
            let on_withdrawal =
                case.regime.rule_of(ConsentStatus::Withdrawn).is_some_and(|(rule, _)| rule == id);
            return match (triggers.is_empty(), on_withdrawal && case.study.release.max_age.is_none()) {
                (true, _) => RuleResult::NotApplicable,
                (false, true) => RuleResult::Warning,
                (false, false) => RuleResult::PerPerson,
            };
        }
        let has_check = of_study || file.triggers.keys().any(|trigger| is_own(trigger));
        if has_check { RuleResult::NotApplicable } else { RuleResult::NotChecked }
    }

    /// The facts that a rule reads and the study does not declare, in words, each once.
    pub(super) fn undeclared_of(&self, ruled: &Ruled<'_, '_>, lang: Lang) -> Vec<String> {
        if ruled.result != RuleResult::NotDeclared {
            return Vec::new();
        }
        let facts: BTreeSet<usize> =
            ruled.considered.iter().flat_map(|considered| considered.undeclared.iter().copied()).collect();
        facts.into_iter().map(|fact| self.fact_in_words(fact, lang)).collect()
    }
}
