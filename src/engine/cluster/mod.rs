//! The same seal on a cluster: what executors read, merge and settle, as bytes in and out, and what the operator makes of it.
//!
//! | step | where | in | out |
//! |---|---|---|---|
//! | [`Job::read`] | executor | a file of the job | a state for each person of the file, and the report of the file |
//! | [`PeopleFold`] | executor, by person | states in any order | the person's own part, and a contribution to each person of the truncated lists |
//! | [`SettleFold`] | executor, by person | parts in any order | what the cubes count of the person |
//! | [`TotalFold`] | executor, then one | settled people in any order | cubes, statuses and reports |
//! | [`build_on`] | operator | totals | the cubes of a local seal, if nothing was lost and nothing counted twice |
//!
//! The kernels are those of one machine (`consent::Fold`, `records::Accumulator`, `relations::smallest_ranks`, `cube::CubeCounter`), keyed
//! by the pseudonym of the epoch instead of a number. Every state and part carries a keyed tag; tags are added up wherever states are
//! merged, so that the operator sees what is missing and what is there twice. Membership is applied last here, too: who is in travels as
//! a mask beside what everybody sends, and masks sums where they are settled.
//!
//! # Privacy
//! States are personal information in the clear: the code that moves them between processes encrypts them. Their numbers have a fixed width:
//! the length of a message depends on rows and lists, not on a value, on who consented, or on who is in.

mod build;
mod error;
mod fold;
mod job;
mod part;
mod people;
mod read;
mod refusal;
mod report;
mod settle;
mod tag;
#[cfg(test)]
pub(crate) mod tests;
mod total;

pub use build::{Cluster, ClusterEntry, build_on};
pub use error::ClusterError;
pub use fold::{Fold, GroupKey, KeyedParts};
pub use job::{Job, JobTerms};
pub use people::PeopleFold;
pub use refusal::{Refusal, refused_by_study};
pub use settle::SettleFold;
pub use total::TotalFold;
