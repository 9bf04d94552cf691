//! Promises on keys, each in a module of its own.
#![cfg(test)]

mod key_provider;
mod retire;
mod root_rotation;
mod rotation;
mod vectors_keys;

#[path = "../support/mod.rs"]
pub mod support;
