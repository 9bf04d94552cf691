//! Promises on crash, each in a module of its own.
#![cfg(test)]

mod crash;
mod killed;

#[path = "../support/mod.rs"]
pub mod support;
