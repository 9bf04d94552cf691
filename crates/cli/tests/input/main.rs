//! Promises on input, each in a module of its own.
#![cfg(test)]

mod amounts;
mod blind_tokens;
mod ciao;
mod consent_table;
mod file_hygiene;
mod handed_in;
mod links;
mod strange_files;
mod tokenize;

#[path = "../common/command.rs"]
pub mod command;
