//! Promises on input, each in a module of its own.
#![cfg(test)]

mod amounts;
mod blind_bad_files;
mod blind_stops;
mod blind_tokens;
mod ciao;
mod consent_table;
mod file_hygiene;
mod handed_in;
mod links;
mod strange_files;
mod tokenize;

#[path = "../common/blind_request.rs"]
pub mod blind_request;
#[path = "../common/command.rs"]
pub mod command;
