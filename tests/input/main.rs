//! Promises on input, each in a module of its own.
#![cfg(test)]

mod bad_input;
mod cancelled;
mod odd_tables;

#[path = "../support/mod.rs"]
pub mod support;
