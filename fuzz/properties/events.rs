//! Rows of consent tables for the properties, and what the properties demand of them.

use std::collections::{BTreeMap, BTreeSet};

use hushtag::consent::{Check, ConsentKind, Requirement, Row};
use hushtag::types::{Days, Timestamp};

/// The date as of which the properties fold.
pub(crate) const AS_OF: &str = "2026-10-01T00:00:00Z";

/// One row of a consent table: whose, and its cells by column. An empty cell is an absent one.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) person: u32,
    pub(crate) cells: BTreeMap<String, String>,
}

impl Event {
    pub(crate) fn cell(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(crate) fn row(&self) -> Row<'_> {
        Row {
            handler: self.cell("handler"),
            event: self.cell("event"),
            kind: self.cell("kind"),
            trigger: self.cell("trigger"),
            purpose: self.cell("purpose"),
            recipient: self.cell("recipient"),
            categories: self.cell("categories"),
            methods: self.cell("methods"),
            notice: self.cell("notice"),
            notice_version: self.cell("notice_version"),
            shown_at: self.cell("shown_at"),
            at: self.cell("at"),
            valid_to: self.cell("valid_to"),
            giver: self.cell("giver"),
            own_step: self.cell("own_step"),
            pre_ticked: self.cell("pre_ticked"),
            bundle_size: self.cell("bundle_size"),
            service_gate: self.cell("service_gate"),
            service_necessary: self.cell("service_necessary"),
        }
    }

    /// An instant in seconds; `Some(None)` is a cell that cannot be read.
    pub(crate) fn instant(&self, column: &str) -> Option<Option<i64>> {
        self.cell(column).map(|text| Timestamp::parse(text).ok().map(Timestamp::seconds))
    }

    /// An instant as an event may have it: from the second day of 1970 to what 32 bits hold.
    pub(crate) fn event_instant(&self, column: &str) -> Option<Option<i64>> {
        let plausible = |at: &i64| (86_400..=0xffff_ffff).contains(at);
        self.instant(column).map(|instant| instant.filter(plausible))
    }

    pub(crate) fn at(&self) -> Option<i64> {
        self.event_instant("at").flatten()
    }

    pub(crate) fn is(&self, words: &[&str]) -> bool {
        self.cell("event").is_some_and(|event| words.contains(&event))
    }
}

/// What the properties demand: a consent for all categories, and one for the sensitive categories with a method.
pub(crate) fn demands() -> Option<Vec<Requirement>> {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let all = Requirement {
        trigger: "SC23".into(),
        purpose: "measurement".into(),
        recipients: words(&["LEGAL-C"]),
        categories: words(&["profile", "payment-record"]),
        methods: words(&[]),
        notice: "N-1".into(),
        notice_versions: 3..=3,
        retention: Days::parse("90d").ok()?,
        handlers: words(&["platform", "LEGAL-A"]),
        known_triggers: words(&["SC23", "SC25", "SC29"]),
        known_purposes: words(&["ads", "measurement"]),
        known_categories: words(&["profile", "payment-record", "income"]),
        own_categories: words(&["profile", "payment-record"]),
        recipient_names: words(&[]),
        other_recipients: words(&["LEGAL-B"]),
        kinds: [ConsentKind::Separate, ConsentKind::Written].into(),
        checks: Check::ALL.into(),
        cool_down: None,
    };
    let sensitive = Requirement {
        trigger: "SC29".into(),
        categories: words(&["payment-record"]),
        methods: words(&["aggregate"]),
        ..all.clone()
    };
    Some(vec![all, sensitive])
}
