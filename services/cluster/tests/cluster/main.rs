//! The cluster on loopback: a scheduler and executors as child processes, sealed and compared with one machine.

#![cfg(test)]

mod canary;
mod equal;
mod killed;
mod objects;
mod refused;
mod sizes;
mod store;
mod support;
