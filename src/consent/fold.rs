//! The fold: for every person and requirement the latest word not after as-of, in any order of events.

use super::event::{Requirement, Row, Standing, Word};
use crate::types::Timestamp;

/// The latest word on one matter. `at` is `i64::MAX` for a word that no later event can change.
#[derive(Clone, Copy)]
struct Slot {
    at: i64,
    standing: Standing,
}

impl Slot {
    const EMPTY: Self = Self { at: i64::MIN, standing: Standing::Absent };

    /// The later word wins; at equal time the worse one, so the order of events does not matter.
    fn hear(&mut self, at: i64, standing: Standing) {
        if (at, badness(standing)) > (self.at, badness(self.standing)) {
            *self = Self { at, standing };
        }
    }
}

/// Rank for words of equal time: any flaw beats a live consent, and among flaws the first of the list stays.
fn badness(standing: Standing) -> usize {
    match standing {
        Standing::Absent => 0,
        Standing::Live => 1,
        flaw => 1 + Standing::COUNT - flaw as usize,
    }
}

/// Consent events of many people folded against the requirements of one recipient.
///
/// Memory: 32 bytes a person and requirement. It has no `Debug`: it holds who consented.
pub struct Fold {
    requirements: Vec<Requirement>,
    as_of: Timestamp,
    consents: Vec<Slot>,
    blocks: Vec<Slot>,
}

impl Fold {
    /// Starts with nobody in. Without any requirement nobody will ever be in.
    #[must_use]
    pub fn new(requirements: Vec<Requirement>, as_of: Timestamp) -> Self {
        Self { requirements, as_of, consents: Vec::new(), blocks: Vec::new() }
    }

    /// Hears one event of the person with this dense number. Events may come in any order, more than once.
    pub fn hear(&mut self, person: u32, row: &Row<'_>) {
        let width = self.requirements.len();
        let start = person as usize * width;
        if self.consents.len() < start + width {
            self.consents.resize(start + width, Slot::EMPTY);
            self.blocks.resize(start + width, Slot::EMPTY);
        }
        let consents = self.consents.iter_mut().skip(start);
        let blocks = self.blocks.iter_mut().skip(start);
        for ((requirement, consent), block) in self.requirements.iter().zip(consents).zip(blocks) {
            match requirement.read(row, self.as_of) {
                Word::Silent => {}
                Word::Unreadable => consent.hear(i64::MAX, Standing::Broken),
                Word::Consent(at, standing) => consent.hear(at.seconds(), standing),
                Word::Block(at, true) => block.hear(at.seconds(), Standing::Blocked),
                Word::Block(at, false) => block.hear(at.seconds(), Standing::Live),
                Word::Deceased => block.hear(i64::MAX, Standing::Blocked),
            }
        }
    }

    /// Who is in, for people numbered `0..people`.
    #[must_use]
    pub fn finish(self, people: usize) -> Coverage {
        let width = self.requirements.len();
        let mut coverage = Coverage { bits: vec![false; people], reasons: [0; Standing::COUNT] };
        let slots = self.consents.chunks(width.max(1)).zip(self.blocks.chunks(width.max(1)));
        let standings = slots.map(|(consents, blocks)| standing_of(consents, blocks));
        let all = standings.chain(std::iter::repeat(Standing::Absent));
        for (bit, standing) in coverage.bits.iter_mut().zip(all) {
            *bit = standing == Standing::Live;
            if let Some(count) = coverage.reasons.get_mut(standing as usize) {
                *count += 1;
            }
        }
        coverage
    }
}

/// The first failing reason over all requirements, or [`Standing::Live`] when every one of them is live.
fn standing_of(consents: &[Slot], blocks: &[Slot]) -> Standing {
    if blocks.iter().any(|block| block.standing == Standing::Blocked) {
        return Standing::Blocked;
    }
    let failing = consents.iter().map(|slot| slot.standing).find(|standing| *standing != Standing::Live);
    failing.unwrap_or(if consents.is_empty() { Standing::Absent } else { Standing::Live })
}

/// Who is in an epoch for one recipient, and how many are out for which reason.
///
/// # Privacy
/// Facts of the join: no `Debug`, `Display`, `Serialize` or `Clone`. The counts wait for the auditor's sealed figures.
pub struct Coverage {
    bits: Vec<bool>,
    reasons: [u64; Standing::COUNT],
}

impl Coverage {
    /// Whether the person with this dense number is in; nobody outside the folded numbers is.
    #[must_use]
    pub fn contains(&self, person: u32) -> bool {
        self.bits.get(person as usize).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::types::Days;

    const AS_OF: &str = "2026-10-01T00:00:00Z";

    fn requirement(trigger: &str) -> Requirement {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        Requirement {
            trigger: trigger.into(),
            purpose: "measurement".into(),
            recipient: "LEGAL-C".into(),
            categories: words(&["social-relation", "payment-record"]),
            methods: words(&[]),
            notice: "N-1".into(),
            notice_version: 3,
            retention: Days::parse("90d").unwrap(),
            handlers: words(&["platform", "LEGAL-A"]),
            known_triggers: words(&["SC23", "SC29"]),
        }
    }

    fn clean() -> Row<'static> {
        Row {
            handler: Some("platform"),
            event: Some("given"),
            kind: Some("separate"),
            trigger: Some("SC23"),
            purpose: Some("measurement"),
            recipient: Some("LEGAL-C"),
            categories: Some("payment-record|social-relation"),
            notice: Some("N-1"),
            notice_version: Some("3"),
            shown_at: Some("2026-09-01T08:00:00+08:00"),
            at: Some("2026-09-01T00:00:10Z"),
            giver: Some("self"),
            own_step: Some("true"),
            pre_ticked: Some("false"),
            bundle_size: Some("1"),
            service_gate: Some("false"),
            ..Row::default()
        }
    }

    fn is_in(rows: &[Row<'_>]) -> bool {
        let mut fold = Fold::new(vec![requirement("SC23")], Timestamp::parse(AS_OF).unwrap());
        rows.iter().for_each(|row| fold.hear(0, row));
        fold.finish(1).contains(0)
    }

    #[test]
    fn a_clean_consent_is_in_and_every_flaw_is_out() {
        assert!(is_in(&[clean()]));
        assert!(!is_in(&[]));
        type Flaw = fn(&mut Row<'static>);
        let flaws: [(&str, Flaw); 27] = [
            ("no event", |r| r.event = None),
            ("unknown event", |r| r.event = Some("agreed")),
            ("no time", |r| r.at = None),
            ("local time", |r| r.at = Some("2026-09-01T00:00:10")),
            ("future", |r| r.at = Some("2026-10-01T00:00:01Z")),
            ("expired", |r| r.valid_to = Some(AS_OF)),
            ("retention over", |r| {
                r.at = Some("2026-07-03T00:00:00Z");
                r.shown_at = r.at;
            }),
            ("unreadable end", |r| r.valid_to = Some("never")),
            ("ordinary", |r| r.kind = Some("ordinary")),
            ("no kind", |r| r.kind = None),
            ("other trigger", |r| r.trigger = Some("SC29")),
            ("unknown trigger", |r| r.trigger = Some("SC99")),
            ("no trigger", |r| r.trigger = None),
            ("other purpose", |r| r.purpose = Some("ads")),
            ("other recipient", |r| r.recipient = Some("brand-insights")),
            ("fewer categories", |r| r.categories = Some("social-relation")),
            ("other notice", |r| r.notice = Some("N-2")),
            ("old notice", |r| r.notice_version = Some("2")),
            ("shown after", |r| r.shown_at = Some("2026-09-01T00:00:11Z")),
            ("not shown", |r| r.shown_at = None),
            ("guardian", |r| r.giver = Some("guardian")),
            ("not own step", |r| r.own_step = Some("false")),
            ("pre-ticked", |r| r.pre_ticked = Some("true")),
            ("bundled", |r| r.bundle_size = Some("3")),
            ("no bundle size", |r| r.bundle_size = None),
            ("gated", |r| r.service_gate = Some("true")),
            ("unknown handler", |r| r.handler = Some("somebody")),
        ];
        for (name, flaw) in flaws {
            let mut row = clean();
            flaw(&mut row);
            assert!(!is_in(&[row]), "{name}");
        }
    }

    #[test]
    fn the_latest_word_decides_to_the_second() {
        let at = |event, at| Row { event: Some(event), at: Some(at), ..clean() };
        assert!(!is_in(&[clean(), at("withdrawn", "2026-10-01T00:00:00Z")]));
        assert!(is_in(&[clean(), at("withdrawn", "2026-10-01T00:00:01Z")]));
        assert!(!is_in(&[clean(), at("refused", "2026-09-01T00:00:10Z")]), "at equal time the negative wins");
        assert!(is_in(&[at("withdrawn", "2026-08-01T00:00:00Z"), clean()]));
        let unscoped = Row { event: Some("hold"), at: Some("2026-08-01T00:00:00Z"), ..Row::default() };
        assert!(!is_in(&[clean(), unscoped]));
        assert!(is_in(&[
            clean(),
            unscoped,
            Row { event: Some("lifted"), at: Some("2026-08-02T00:00:00Z"), ..unscoped }
        ]));
        let deceased = Row { event: Some("deceased"), ..unscoped };
        assert!(!is_in(&[
            clean(),
            deceased,
            Row { event: Some("lifted"), at: Some("2026-08-02T00:00:00Z"), ..unscoped }
        ]));
        let sloppy =
            |purpose, recipient| Row { purpose, recipient, ..at("withdrawn", "2026-09-02T00:00:00Z") };
        assert!(
            !is_in(&[clean(), sloppy(Some(" Measurement"), Some("legal-c "))]),
            "a sloppy withdrawal counts"
        );
        assert!(is_in(&[clean(), sloppy(Some("ads"), Some("LEGAL-C"))]), "one for another purpose does not");
        let elsewhere =
            Row { purpose: Some("ads"), recipient: Some("LEGAL-D"), trigger: Some("SC39"), ..deceased };
        assert!(!is_in(&[clean(), elsewhere]), "a death is no matter of purpose");
        assert!(!is_in(&[clean(), Row { at: Some("?"), ..clean() }]), "an unreadable row puts her out");
    }

    #[test]
    fn every_requirement_must_be_live_and_none_means_nobody() {
        let as_of = Timestamp::parse(AS_OF).unwrap();
        let mut both = Fold::new(vec![requirement("SC23"), requirement("SC29")], as_of);
        both.hear(0, &clean());
        both.hear(1, &clean());
        both.hear(1, &Row { trigger: Some("SC29"), ..clean() });
        let coverage = both.finish(3);
        assert_eq!([0, 1, 2].map(|person| coverage.contains(person)), [false, true, false]);
        let mut none = Fold::new(vec![], as_of);
        none.hear(0, &clean());
        assert!(!none.finish(1).contains(0));
    }

    proptest! {
        #[test]
        fn the_order_of_events_does_not_matter(
            order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(),
            picks in prop::collection::vec((0..8usize, 0..4usize), 6),
        ) {
            let times = ["2026-08-01T00:00:00Z", "2026-09-01T00:00:10Z", "2026-09-02T00:00:00Z", "2026-10-02T00:00:00Z"];
            let events = ["given", "given", "withdrawn", "refused", "hold", "lifted", "deceased", "objected"];
            let rows: Vec<Row<'_>> = picks.iter().enumerate().map(|(i, (event, at))| Row {
                event: Some(events[*event]),
                at: Some(times[*at]),
                shown_at: Some("2026-07-20T00:00:00Z"),
                bundle_size: Some(if i % 3 == 0 { "2" } else { "1" }),
                ..clean()
            }).collect();
            let shuffled: Vec<Row<'_>> = order.iter().map(|i| rows[*i]).collect();
            prop_assert_eq!(is_in(&rows), is_in(&shuffled));
        }
    }
}
