//! Promises on consent, each in a module of its own.
#![cfg(test)]

mod consent_reference;
mod erasure;
mod fail_closed;
mod register;

#[path = "../support/mod.rs"]
pub mod support;
