//! `verify`, renewals: each has the next number, names this sandbox and a head that the log had, and is signed by every
//! handler; the ledger has the same ones.

use crate::audit::{Entry, Hash, RenewalText};
use crate::ledger::{LogHead, Renewal};
use crate::operator::OperatorError;
use crate::operator::sandbox::SandboxFile;
use crate::operator::verify::law::Laws;

/// The renewals of a log, as its ledger must have them; `heads` are the roots over 0, 1, 2, ... entries.
pub(in crate::operator) fn check_renewals(
    entries: &[(u64, Entry)],
    file: &SandboxFile,
    laws: &Laws,
    heads: &[Hash],
) -> Result<Vec<Renewal>, OperatorError> {
    let root = |size: u64| usize::try_from(size).ok().and_then(|size| heads.get(size)).copied();
    let pinned = laws.pinned()?;
    let mut pool = laws.first_pool();
    let mut all = Vec::new();
    for (number, (index, entry)) in (1_u64..).zip(entries) {
        let damaged = |why: String| OperatorError::damaged(format!("log entry {index}"), why);
        let (text, note) = RenewalText::of_entry(entry).map_err(|fault| damaged(fault.to_string()))?;
        if text.sandbox != file.id || text.number != number {
            return Err(damaged("renews another sandbox, or out of turn".into()));
        }
        if text.log_size == 0 || text.log_size > *index || root(text.log_size) != Some(text.log_root) {
            return Err(damaged("names a head that the log did not have".into()));
        }
        let over = pool.and_then(|(opened, window)| Some(opened.saturating_add(window?)));
        if over.is_none_or(|over| entry.at < over) {
            return Err(damaged("renews a pool whose window was not over".into()));
        }
        pool = Some((entry.at, Some(text.window)));
        let pinned = pinned.as_ref().ok_or_else(|| damaged("renews without anybody who can sign".into()))?;
        pinned.all_signed(&note).map_err(|faults| {
            damaged(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let size = index.saturating_add(1);
        let log_head = LogHead { size, root: root(size).ok_or_else(|| damaged("has no head".into()))? };
        let window_days = Some(text.window.days());
        all.push(Renewal { number, limit: text.limit, window_days, log_head, at: entry.at });
    }
    Ok(all)
}

/// The ledger has the renewals of the log; the last one may be missing, which the next open makes up for.
pub(in crate::operator) fn agree(ledger: &[Renewal], log: &[Renewal]) -> Result<(), OperatorError> {
    let missing = log.len().checked_sub(ledger.len());
    if missing.is_some_and(|missing| missing <= 1) && log.starts_with(ledger) {
        return Ok(());
    }
    Err(OperatorError::damaged("ledger.redb", "has not been renewed as the log says"))
}
