//! The pool, fixed when the sandbox is made, and what was spent of it.

use crate::types::Timestamp;
use std::collections::BTreeMap;

/// How the pool counts.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// How it counts.
    pub accounting: PoolKind,
    /// The most that may be spent, in units of the accounting.
    pub limit: u128,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// After how many days a renewal may be signed; never by itself.
    pub window_days: Option<u32>,
}

/// What was spent, in units of the pool's accounting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Since the pool was opened.
    pub pool: u128,
    /// Ever.
    pub lifetime: u128,
    /// By study.
    pub studies: BTreeMap<String, u128>,
    /// By recipient.
    pub recipients: BTreeMap<String, u128>,
}
