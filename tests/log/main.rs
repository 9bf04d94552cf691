//! Promises on log, each in a module of its own.
#![cfg(test)]

mod anchor;
mod approval;
mod bundle;
mod sandbox_files;
mod sealed_files;
mod tamper;
mod tamper_books;
mod tamper_log;
mod tamper_register;
mod vectors_merkle;

#[path = "../support/mod.rs"]
pub mod support;
