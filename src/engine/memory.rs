//! A budget of memory for the structures of a seal that grow with people, rows and pairs.
//!
//! What is held is computed from numbers of ids, rows, pairs and cells, never from who is in, so that a seal that is refused for
//! memory is refused independent of consents. Input buffers of fixed size and temporary copies while a table grows are not counted.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::error::EngineError;

const MIB: u64 = 1 << 20;

/// How many bytes a seal may hold for people, rows and pairs; without a limit by default. Clones share one budget.
#[derive(Clone, Default)]
pub struct MemoryBudget {
    limit: Option<u64>,
    held: Arc<AtomicU64>,
    /// All bytes that were ever asked for.
    #[cfg(test)]
    asked: Arc<AtomicU64>,
}

/// A text that is no amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount of memory, such as 512MiB or 4GiB")]
pub struct InvalidMemory(String);

impl FromStr for MemoryBudget {
    type Err = InvalidMemory;

    /// A positive whole number of bytes, or of a unit: `B`, `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB`, `GB`, `TB`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidMemory(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).ok_or_else(invalid)?;
        let unit: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => MIB,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            _ => return Err(invalid()),
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        bytes.filter(|bytes| *bytes > 0).map(Self::of_bytes).ok_or_else(invalid)
    }
}

/// Shows the limit alone: how much is held depends on several parties' tables.
impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl MemoryBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn of_bytes(limit: u64) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// Whether there is a limit.
    pub(super) const fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Holds nothing yet.
    pub(super) fn nothing(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }

    /// Holds so many bytes until the value is dropped.
    ///
    /// # Errors
    /// [`EngineError::Memory`]
    pub(super) fn hold(&self, bytes: usize) -> Result<Held, EngineError> {
        let mut held = self.nothing();
        held.set(bytes)?;
        Ok(held)
    }

    /// All bytes that were ever asked for.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// Bytes of one structure, given back when it is dropped.
#[derive(Default)]
pub(super) struct Held {
    budget: MemoryBudget,
    bytes: u64,
}

impl Held {
    /// The structure has so many bytes now.
    ///
    /// # Errors
    /// [`EngineError::Memory`] if all structures together have more than the budget.
    pub(super) fn set(&mut self, bytes: usize) -> Result<(), EngineError> {
        let bytes = bytes as u64;
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes <= before {
            self.budget.held.fetch_sub(before - bytes, Ordering::Relaxed);
            return Ok(());
        }
        let more = bytes - before;
        #[cfg(test)]
        self.budget.asked.fetch_add(more, Ordering::Relaxed);
        let held = self.budget.held.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        match self.budget.limit.filter(|limit| held > *limit) {
            Some(limit) => Err(EngineError::Memory { needed: held.div_ceil(MIB), limit: limit / MIB }),
            None => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_numbers_of_units() {
        let limit = |text: &str| text.parse::<MemoryBudget>().ok().and_then(|budget| budget.limit);
        assert_eq!(limit("4GiB"), Some(4 << 30));
        assert_eq!(["1", "1B", "2KiB", "3MB"].map(limit), [1, 1, 2048, 3_000_000].map(Some));
        for wrong in ["", "0", "GiB", "-1", "1.5GiB", "4 GiB", "4gib", "99999999999TiB", "4GiB ", "٤GiB"] {
            assert_eq!(limit(wrong), None, "{wrong}");
        }
    }

    /// Guards that a budget is one sum over all that is held, and that what is dropped is given back.
    #[test]
    fn what_is_held_is_one_sum() {
        let budget = MemoryBudget::of_bytes(10 * MIB);
        let mut first = budget.hold(4 << 20).unwrap();
        let second = budget.hold(6 << 20).unwrap();
        let Err(EngineError::Memory { needed, limit }) = first.set((4 << 20) + 1) else {
            panic!("the budget is passed")
        };
        assert_eq!((needed, limit), (11, 10));
        drop(second);
        first.set(10 << 20).unwrap();
        first.set(0).unwrap();
        assert!(budget.hold(10 << 20).is_ok());
    }
}
