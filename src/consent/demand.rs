//! What one flow demands of every person: made by the policy from study and regime, the same for all.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Deserialize;

use super::age::Ages;
use crate::types::Days;

/// What a consent has to name and how it has to be given, for one recipient and one trigger (PIPL art. 14, 23, 29).
///
/// Besides the [`checks`](Self::checks), every consent has to be live, to list all categories and methods, to be
/// recorded by a known handler, and to be given by the right person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The trigger, such as `SC23`.
    pub trigger: String,
    /// The purpose of the study.
    pub purpose: String,
    /// Legal ids, one of which the consent must name: the recipient and whom it lawfully succeeds, or the handlers.
    pub recipients: BTreeSet<String>,
    /// The data categories that the consent has to list.
    pub categories: BTreeSet<String>,
    /// The methods that the consent has to list, if the study declares any.
    pub methods: BTreeSet<String>,
    /// The id of the notice.
    pub notice: String,
    /// Versions of the notice that count: the oldest since its last material change, up to the current one.
    pub notice_versions: RangeInclusive<u32>,
    /// How long a consent without an end of its own lasts.
    pub retention: Days,
    /// Ids and legal ids of the handlers that may have collected it.
    pub handlers: BTreeSet<String>,
    /// All triggers that the regime knows; another word is unreadable.
    pub known_triggers: BTreeSet<String>,
    /// All purposes that the regime and the study know; another word could mean the purpose of the study.
    pub known_purposes: BTreeSet<String>,
    /// All categories that the regime knows; another word could mean one that the study reads.
    pub known_categories: BTreeSet<String>,
    /// The categories that the study reads, and those above and below them: an event that names one of them is about the study.
    pub own_categories: BTreeSet<String>,
    /// Further names of the recipients, such as the study's own ids of them.
    pub recipient_names: BTreeSet<String>,
    /// Legal ids and ids of the study that name another party, so that two ids that look alike are distinguished.
    pub other_recipients: BTreeSet<String>,
    /// Which kinds of consent count; a consent that names no kind is of none.
    pub kinds: BTreeSet<ConsentKind>,
    /// Which of the optional checks this quality of consent demands.
    pub checks: BTreeSet<Check>,
    /// A consent given less than this after a refusal of the same was pressed for and does not count (NDSR art.
    /// 22(1)(5)); `None` for no such rule.
    pub cool_down: Option<Days>,
}

/// A check that not every quality of consent demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// It was a step of its own.
    OwnStep,
    /// Its box was not ticked beforehand.
    NotPreTicked,
    /// It was not one of several behind one act.
    Single,
    /// No service that does not need it was refused without it.
    NotGated,
    /// It names the notice in a version that counts.
    Notice,
    /// The notice was shown no later than it was given.
    ShownBefore,
}

impl Check {
    /// All checks: those of a separate consent.
    pub const ALL: [Self; 6] =
        [Self::OwnStep, Self::NotPreTicked, Self::Single, Self::NotGated, Self::Notice, Self::ShownBefore];

    /// The word of the regime file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnStep => "own-step",
            Self::NotPreTicked => "not-pre-ticked",
            Self::Single => "single",
            Self::NotGated => "not-gated",
            Self::Notice => "notice",
            Self::ShownBefore => "shown-before",
        }
    }
}

/// The kind that a consent declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConsentKind {
    /// Consent (PIPL art. 13(1)(1)).
    Ordinary,
    /// Separate consent (dandu tongyi, PIPL art. 14).
    Separate,
    /// Written consent (shumian tongyi, PIPL art. 14, 29).
    Written,
}

impl ConsentKind {
    /// The word of consent tables and regime files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Separate => "separate",
            Self::Written => "written",
        }
    }
}

/// Everything that one flow demands of every person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The consents; all of them must be live. Without any, no one is covered.
    pub requirements: Vec<Requirement>,
    /// How old people have to be, and how that is known.
    pub ages: Ages,
}
