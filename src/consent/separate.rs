//! Why a consent, as it was asked for, cannot be a separate one, whatever a study demands: "agree to all" in one tap is
//! recorded as what it is.

use super::act::Act;
use super::cell::{flag, kind, number};
use super::demand::ConsentKind;
use super::event::Row;

/// One thing that keeps a consent from being separate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The column that states it, or leaves it open.
    pub column: &'static str,
    /// The article that asks for it.
    pub article: &'static str,
    /// What is wrong.
    pub because: &'static str,
}

/// Everything that keeps a `given` row from being a separate consent (PIPL art. 14, 16, 17); empty for one that can be, and
/// for rows that give nothing.
#[must_use]
pub fn not_separate(row: &Row<'_>) -> Vec<Shortfall> {
    let row = row.without_blanks();
    if row.event.and_then(Act::read) != Some(Act::Given) {
        return Vec::new();
    }
    let is = |cell: Option<&str>, wanted: bool| flag(cell) == Some(Some(wanted));
    let (yes, no) = (true, false);
    let free = is(row.service_gate, no) || (is(row.service_gate, yes) && is(row.service_necessary, yes));
    let version = number(row.notice_version).flatten().is_some();
    let times = row.times();
    let shown = match (times.shown_at.last(), times.at.first()) {
        (Some(Some(shown)), Some(Some(at))) => shown <= at,
        _ => false,
    };
    let single = number(row.bundle_size) == Some(Some(1));
    let kept = [
        (
            matches!(kind(row.kind), Some(Some(ConsentKind::Separate | ConsentKind::Written))),
            "kind",
            "PIPL 14",
            "it is not recorded as a separate or written consent",
        ),
        (is(row.own_step, yes), "own_step", "PIPL 14", "it was not a step of its own"),
        (
            is(row.pre_ticked, no),
            "pre_ticked",
            "PIPL 14",
            "its box was ticked beforehand, or that is not stated",
        ),
        (single, "bundle_size", "PIPL 14", "it was one of several behind one act, or that is not stated"),
        (
            free,
            "service_gate",
            "PIPL 16",
            "a service that does not need it was refused without it, or that is not stated",
        ),
        (row.notice.is_some() && version, "notice", "PIPL 17", "it names no notice with its version"),
        (shown, "shown_at", "PIPL 17", "the notice was not shown before, or that is not stated"),
    ];
    let lacking = kept.into_iter().filter(|(holds, ..)| !holds);
    lacking.map(|(_, column, article, because)| Shortfall { column, article, because }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Row<'static> {
        Row {
            event: Some("given"),
            kind: Some("separate"),
            own_step: Some("true"),
            pre_ticked: Some("false"),
            bundle_size: Some("1"),
            service_gate: Some("false"),
            notice: Some("N-1"),
            notice_version: Some("3"),
            shown_at: Some("2026-09-01T00:00:00Z"),
            at: Some("2026-09-01T00:00:10Z"),
            ..Row::default()
        }
    }

    #[test]
    fn each_missing_part_is_named_by_its_column() {
        assert_eq!(not_separate(&clean()), []);
        let cases: [(&str, Row<'_>); 9] = [
            ("kind", Row { kind: Some("ordinary"), ..clean() }),
            ("own_step", Row { own_step: None, ..clean() }),
            ("pre_ticked", Row { pre_ticked: Some("true"), ..clean() }),
            ("bundle_size", Row { bundle_size: Some("3"), ..clean() }),
            ("bundle_size", Row { bundle_size: None, ..clean() }),
            ("service_gate", Row { service_gate: Some("true"), ..clean() }),
            ("notice", Row { notice_version: Some("new"), ..clean() }),
            ("shown_at", Row { shown_at: Some("2026-09-01T00:00:11Z"), ..clean() }),
            ("shown_at", Row { shown_at: None, ..clean() }),
        ];
        for (column, row) in cases {
            assert_eq!(not_separate(&row).iter().map(|lack| lack.column).collect::<Vec<_>>(), [column]);
        }
        let spelled = Row {
            event: Some("Granted"),
            kind: Some("Written"),
            own_step: Some("yes"),
            pre_ticked: Some("N"),
            bundle_size: Some(" 1"),
            service_gate: Some("off"),
            ..clean()
        };
        assert_eq!(not_separate(&spelled), []);
        let gated = Row { service_gate: Some("1"), service_necessary: Some("1"), ..clean() };
        assert_eq!(not_separate(&gated), []);
        assert_eq!(not_separate(&Row { event: Some("withdrawn"), ..Row::default() }), []);
    }
}
