//! Promises on policy, each in a module of its own.
#![cfg(test)]

mod closed_lists;
mod fuzz_regressions;
mod policy_reference;
mod study_errors;
