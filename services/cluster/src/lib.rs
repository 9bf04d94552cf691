//! The same seal on a cluster: Ballista runs it, cubes are byte for byte those of one machine, and nothing readable is on any executor's
//! disk.
//!
//! | process | holds | does |
//! |---|---|---|
//! | operator (`seal`) | the sandbox with all its keys | hands work and keys of one seal to executors, runs the plan, opens the totals, writes cubes and books |
//! | scheduler | its certificate | plans, hands tasks out |
//! | executor | keys of pseudonyms and truncation of one epoch, the key of states | reads files, merges, counts |
//!
//! The steps are those of [`hushtag::engine::cluster`]; here they are functions of DataFusion whose states are AES-256-GCM ciphertexts.
//! `certificates` names roles, `handover` hands work out, `gate` and `admission` let nothing but a seal run.

mod admission;
mod certificates;
mod codec;
pub mod command;
mod encryption;
mod error;
mod executor;
mod functions;
mod gate;
mod handover;
mod objects;
mod progress;
mod run;
mod scan;
mod scheduler;
mod work_folder;

pub use certificates::{Certificates, Role, make as make_certificates};
pub use error::Error;
pub use executor::{ExecutorTerms, run as run_executor};
pub use objects::Listed;
pub use run::{Ballista, ClusterTerms, Notice};
pub use scheduler::{Scheduler, SchedulerTerms};
