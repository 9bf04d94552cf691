//! An embeddable data sandbox. Two companies join a social graph with payment records; only people whose separate consent covers the
//! use are in, and only differentially private aggregates leave, paid from a durable budget and written into a log that anyone can verify.
//!
//! - [`Operator`] makes a sandbox ([`Operator::init`]) under a [`Study`] that the handlers signed, records consent events, seals epochs
//!   from [`Sources`], and administers keys, studies and budget ([`sandbox`]).
//! - [`Analyst`] asks queries of one recipient, as SQL or as [`Ask`], and gets a [`Released`] or [`Reason`]s; nothing else.
//! - [`Reader`] reads budget, status, vocabulary and forecasts beside the process that writes.
//! - [`policy`] decides what is permitted and explains it; [`audit`] verifies logs, bundles and proofs without a sandbox; [`dp`] has
//!   mechanisms and accounting, [`tags`] measures and closed vocabularies, [`consent`] the rules by which consents count. Each is usable alone.
//!
//! ```
//! use hushtag::{Approval, Keys, NanoEpsilon, Operator, PoolTerms, Setup, StudySource, SystemClock};
//!
//! let folder = tempfile::tempdir()?;
//! let text = include_str!("../policies/demo/study.toml").replace("2027-09-01", "2100-01-01");
//! // Fixed for the life of the sandbox: epsilon 4, shown at delta 1e-12.
//! let pool = PoolTerms { epsilon: NanoEpsilon::parse("4")?, delta: Some("1e-12".parse()?), window: None };
//! let setup = Setup {
//!     studies: vec![StudySource::new("study.toml", text)],
//!     pool,
//!     handlers: Vec::new(),
//!     approval: Approval::None,
//!     anchor: None,
//!     auditor: None,
//! };
//! let operator = Operator::init(&folder.path().join("box"), setup, Keys::InFolder, Box::new(SystemClock))?;
//! assert!(operator.status()?.epochs.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The README shows a seal and a query; the book in `docs/` has every format, command and figure.
#![cfg_attr(
    not(feature = "internals"),
    expect(
        unreachable_pub,
        unused_imports,
        dead_code,
        reason = "these rooms are private; our command, tests and benchmarks open them by the feature `internals`"
    )
)]

pub mod audit;
pub mod consent;
pub mod dp;
pub mod policy;
pub mod tags;

#[cfg(not(feature = "internals"))]
mod deidentify;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod deidentify;
#[cfg(not(feature = "internals"))]
mod engine;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod engine;
#[cfg(not(feature = "internals"))]
mod keys;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod keys;
#[cfg(not(feature = "internals"))]
mod ledger;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod ledger;
#[cfg(not(feature = "internals"))]
mod operator;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod operator;
#[cfg(not(feature = "internals"))]
mod query;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod query;
#[cfg(not(feature = "internals"))]
mod register;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod register;
#[cfg(not(feature = "internals"))]
mod release;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod release;
#[cfg(not(feature = "internals"))]
mod report;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod report;
#[cfg(not(feature = "internals"))]
mod storage;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod storage;
#[cfg(not(feature = "internals"))]
mod types;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod types;

pub use consent::ConsentStatus;
pub use engine::{Input, Reading, Sources};
pub use keys::{AuditorKey, AuditorPublicKey, KeyProvider, RootKey};
pub use operator::{
    Analyst, Answer, Approval, ErrorKind, Keys, NamedKey, Operator, OperatorError, PoolTerms, Reader,
    SealTerms, Sealed, Setup, Status, StudySource,
};
pub use policy::{Reason, Regime, Study};
pub use query::{Ask, Forecast};
pub use register::Event;
pub use release::Released;
pub use types::{
    AsOf, Clock, DatasetName, Days, EpochId, HandlerId, MaxAge, NanoEpsilon, NanoRho, Ratio, RecipientId,
    Secret, Sha256, StudyId, SystemClock, Timestamp,
};

/// What a seal and an import read, how, and what they say about the files.
pub mod input {
    pub use crate::deidentify::{Form, Span, Treatment};
    pub use crate::engine::{
        Elsewhere, EngineError, FileReport, Imported, IngestReport, Instants, InvalidMemory, MaxBadRows,
        MemoryBudget, Place, Progress, ReadError, is_decoding,
    };
    pub use crate::types::{
        AmountFormat, CsvDialect, Denomination, Integers, Separator, TextEncoding, Thousands, Zone,
    };
}

/// Types that public signatures mention and that callers seldom have to name.
#[doc(hidden)]
pub mod mentioned {
    pub use crate::deidentify::IdForms;
    pub use crate::engine::read::ingest_report::InvalidPercentage;
    pub use crate::engine::read::{CsvFault, FolderFault, JsonFault, Record, RecordPlace, RecordedFile};
    pub use crate::engine::{FileColumn, InputRecords, columns};
    pub use crate::keys::{Keyring, RootNumber, SealError, SigningKey};
    pub use crate::ledger::{LogHead, StoreFault};
    pub use crate::query::{Place, Possible, Probability, Problem, Selected, TagName};
    pub use crate::register::{
        Batches, EventTerms, Held, JsonEventError, Namespaces, RegisterFault, Snapshot, Tombstones, Walk,
    };
    pub use crate::storage::Blocks;
    pub use crate::types::amount::InvalidAmount;
    pub use crate::types::codec::CodecError;
    pub use crate::types::digest::InvalidSha256;
    pub use crate::types::json::JsonError;
    pub use crate::types::name::InvalidName;
    pub use crate::types::time::InvalidTime;
    pub use crate::types::zone::InvalidZone;
    pub use crate::types::{AmountFault, Spelled, TimeFault};
}

/// Queries, their forecasts and metrics, and what a released answer is made of.
pub mod answer {
    pub use crate::operator::{
        AskedEpoch, Given, GivenMetrics, MeasureView, MetricAnswer, MetricRow, Metrics, MetricsForecast,
        Remaining, TagView, View, Vocabulary,
    };
    pub use crate::query::metric::Estimate;
    pub use crate::query::{
        ColumnForecast, Comparison, Filter, Having, Item, Order, PartForecast, PartKind, Price,
        QuestionError, Width, WidthUnit, tag,
    };
    pub use crate::release::{BudgetView, Cell, NoisySelection, Part, PartUse, ReleaseError, Row};
    pub use crate::report::{
        NOISE_NOTE, OUTSIDE_NOTE, UNBIASED_NOTE, UNCERTAIN_NOTE, answer_csv, answer_json, budget_json,
        forecast_json, hygiene_json, metrics_forecast_json, metrics_json, refusal_json, selection_note,
        status_json, vocabulary_json,
    };
    pub use crate::types::Decimal;
}

/// What an operator and an auditor do with a sandbox besides asking: its parts, its states, and what verification finds.
pub mod sandbox {
    pub use crate::deidentify::{Risk, Sharing, TagRisk};
    pub use crate::keys::KeyError;
    pub use crate::ledger::{
        LedgerError, Pool, PoolKind, Record as ChargeRecord, Renewal, State as ChargeState, Totals,
    };
    pub use crate::operator::{
        Act, Adoption, Anchoring, Consents, EpochStatus, Erased, InputUse, NewRoot, PersonEpoch, PersonView,
        RegisterCheck, Renewed, Replay, Retired, Role, RootRotated, Rotated, Verification, VerifyTerms,
        check_regime, check_sandbox, check_study, show_log, studies_in_force, verify_log, verify_sandbox,
    };
    pub use crate::register::{
        EventError, EventFault, NewRequest, RegisterError, Request, RequestKind, State as RegisterState,
    };
    pub use crate::release::JoinDiagnostics;
    pub use crate::report::{registry_yaml, sarif};
    pub use crate::storage::{AnchorFile, Folder, LockError, Storage, StorageError, WriterLock};
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
