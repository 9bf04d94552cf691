//! The pool, fixed when the sandbox is made and at renewals, and what was spent of it.

use super::LogHead;
use crate::types::Timestamp;
use std::collections::BTreeMap;

/// How the pool counts.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PoolKind {
    /// Pure differential privacy; units are nano-epsilon.
    Pure,
    /// Zero-concentrated differential privacy; units are nano-rho.
    Zcdp {
        /// The delta at which it is shown as (epsilon, delta), as written.
        delta: String,
    },
}

/// The budget of all people of a sandbox; every study, recipient and epoch draws on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pool {
    /// How it counts.
    pub accounting: PoolKind,
    /// The most that may be spent, in units of the accounting.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub limit: u128,
    /// When it was opened or last renewed.
    pub opened_at: Timestamp,
    /// After how many days a renewal may be signed; never by itself.
    pub window_days: Option<u32>,
}

/// A new pool in place of the old one, which was signed for and logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// Its number: one above that of the last renewal, from 1.
    pub number: u64,
    /// The most that may be spent from now on, in units of the accounting.
    pub limit: u128,
    /// After how many days the next renewal may be signed.
    pub window_days: Option<u32>,
    /// The head of the audit log that ends with the entry of this renewal.
    pub log_head: LogHead,
    /// When.
    pub at: Timestamp,
}

/// What was spent, in units of the pool's accounting.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Totals {
    /// How often the pool was renewed.
    pub renewals: u64,
    /// How many entries a log has at least that holds all committed answers.
    pub logged: u64,
    /// Since the pool was opened.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub pool: u128,
    /// Ever.
    #[serde(serialize_with = "crate::types::exact::amount")]
    pub lifetime: u128,
    /// By study, since the pool was opened.
    #[serde(serialize_with = "crate::types::exact::by_name")]
    pub studies: BTreeMap<String, u128>,
    /// By recipient, since the pool was opened.
    #[serde(serialize_with = "crate::types::exact::by_name")]
    pub recipients: BTreeMap<String, u128>,
}
