//! Promises on budget, each in a module of its own.
#![cfg(test)]

mod administration;
mod concurrency;
mod readers;
mod renewal;

#[path = "../support/mod.rs"]
pub mod support;
