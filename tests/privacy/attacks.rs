//! The attack suite: each test plays a recipient (or a holder of the folder) against a real sandbox, prints the
//! attacker's success beside the bound, and asserts it. Guards promises 3, 4 and 5.
//!
//! Elsewhere: crash and redraw (`tests/crash/crash.rs`), folders put back and copied (`tests/log/anchor.rs`), renewals
//! (`tests/budget/renewal.rs`), changes of key (`tests/keys/rotation.rs`).
//!
//! The noise is the system's, so where chance decides the margin is such that a right sandbox fails less than once in a
//! million runs; the arithmetic is beside each margin. The attacked study has `min_people = 0`: nothing is suppressed
//! by chance.

mod amounts;
mod averaging;
mod differencing;
mod oracles;
mod repeating;
mod resets;
mod world;
