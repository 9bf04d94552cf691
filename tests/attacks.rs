//! The attack suite: each test plays a recipient (or a holder of the folder) against a real sandbox, prints the
//! attacker's success beside the bound, and asserts it. Guards promises 3, 4 and 5.
//!
//! Elsewhere: crash and redraw (`tests/crash.rs`), folders put back and copied (`tests/anchor.rs`), renewals
//! (`tests/renewal.rs`), changes of key (`tests/rotation.rs`).
//!
//! The noise is the system's, so where chance decides the margin is such that a right sandbox fails less than once in a
//! million runs; the arithmetic stands beside each margin. The attacked study has `min_people = 0`: nothing is suppressed
//! by chance.
#![cfg(test)]

#[path = "attacks/amounts.rs"]
mod amounts;
#[path = "attacks/averaging.rs"]
mod averaging;
#[path = "attacks/differencing.rs"]
mod differencing;
#[cfg(feature = "cli")]
#[path = "attacks/exits.rs"]
mod exits;
#[path = "attacks/oracles.rs"]
mod oracles;
#[path = "attacks/repeating.rs"]
mod repeating;
#[path = "attacks/resets.rs"]
mod resets;
pub mod support;
#[path = "attacks/world.rs"]
mod world;
