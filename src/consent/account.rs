//! Why one person, whose rows the caller has, would be in or out.

use super::age::AgeFact;
use super::demand::Demand;
use super::event::Row;
use super::fold::Fold;
use super::status::ConsentStatus;
use super::tombstone::Tombstone;
use crate::types::Timestamp;

/// The consent status of one person under one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The trigger.
    pub trigger: String,
    /// Everything that excludes the person, in the order in which reasons count; empty when the consent is live.
    pub failing: Vec<ConsentStatus>,
}

/// Judges one person by rows that the caller has, exactly as the fold does.
///
/// # Privacy
/// Reads nothing of a sandbox: its result follows from the caller's rows.
#[must_use]
pub fn account(demand: &Demand, rows: &[Row<'_>], as_of: Timestamp, born: AgeFact) -> Vec<Account> {
    account_with(demand, rows, None, as_of, born)
}

/// As [`account`], of a person of whom a register removed events.
#[must_use]
pub fn account_with(
    demand: &Demand,
    rows: &[Row<'_>],
    tombstone: Option<&Tombstone>,
    as_of: Timestamp,
    born: AgeFact,
) -> Vec<Account> {
    let mut fold = Fold::new(demand.clone(), as_of);
    rows.iter().for_each(|row| fold.observe(0, row));
    tombstone.into_iter().for_each(|tombstone| fold.apply(0, tombstone));
    let reasons = fold.reasons_of_the_first(born).into_iter();
    reasons.map(|(trigger, failing)| Account { trigger, failing: failing.all().collect() }).collect()
}
