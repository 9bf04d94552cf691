//! Promises on policy, each in a module of its own.
#![cfg(test)]

mod asked_again;
mod blind_seeds;
mod closed_lists;
mod fuzz_regressions;
mod policy_reference;
mod study_errors;
mod without_consent;

#[path = "../support/mod.rs"]
pub mod support;
