//! Promises on budget, each in a module of its own.
#![cfg(test)]

mod administration;
mod concurrency;
mod health;
mod many;
mod readers;
mod renewal;
mod waits;

#[path = "../support/mod.rs"]
pub mod support;
