//! Layer 0: names, exact amounts, decimals, time, secrets and the codec. Imports nothing of the crate.

pub mod amount;
mod cancel;
pub mod codec;
mod csv;
pub mod decimal;
pub mod digest;
pub(crate) mod exact;
mod feasible;
mod instant;
pub mod json;
pub mod money;
pub mod name;
mod read_as_text;
pub mod secret;
mod term;
pub mod time;
pub(crate) mod trace;
pub mod word;
pub mod zone;

pub use amount::{NanoEpsilon, NanoRho, Ratio};
pub use cancel::CancelToken;
pub use csv::{CsvDialect, Separator, TextEncoding};
pub use decimal::Decimal;
pub use digest::Sha256;
pub use feasible::Feasible;
pub use money::{AmountFault, AmountFormat, Denomination, Integers, Spelled, Thousands};
pub use name::{DatasetName, EpochId, HandlerId, RecipientId, StudyId};
pub use secret::Secret;
pub use term::Term;
pub use time::{AsOf, Clock, Days, MaxAge, SystemClock, TimeFault, Timestamp};
pub use word::nearest;
pub use word::{folded_word, is_blank, is_same_word, is_without_width};
pub use zone::Zone;
