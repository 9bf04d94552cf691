//! Promises on privacy, each in a module of its own.
#![cfg(test)]

mod attacks;
mod compile_fail;
mod coverage;
mod metrics;
mod seal_instants;
mod statistics;
mod traces;
mod vectors_dp;

#[path = "../support/mod.rs"]
pub mod support;
