//! How far the stages of a seal are: executors say when they have run partitions of one, over the connection that they hold with the operator.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

use crate::functions::Kernel;

/// A stage of the plan of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Files are read.
    Read,
    /// States are merged by person.
    People,
    /// Contributions are added up by person.
    Settle,
    /// Everybody is counted.
    Whole,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Read, Self::People, Self::Settle, Self::Whole];

    /// Which one a plan of an executor is.
    pub(crate) fn of(plan: &dyn ExecutionPlan) -> Option<Self> {
        let mut found = None;
        for child in plan.children() {
            let looked = child.apply(|node| {
                // What is read or grouped last is the end of the stage before: the lowest node says which stage this is.
                if crate::scan::is_read(node) {
                    found = Some(Self::Read);
                } else if let Some(grouping) = node.downcast_ref::<AggregateExec>() {
                    let name = grouping.aggr_expr().first().map(|function| function.fun().name().to_owned());
                    found = name.and_then(|name| Self::grouped_by(&name)).or(found);
                }
                Ok(TreeNodeRecursion::Continue)
            });
            looked.ok()?;
        }
        found
    }

    fn grouped_by(function: &str) -> Option<Self> {
        let kernels =
            [(Kernel::People, Self::People), (Kernel::Settle, Self::Settle), (Kernel::Whole, Self::Whole)];
        kernels.into_iter().find(|(kernel, _)| kernel.name() == function).map(|(_, stage)| stage)
    }

    const fn number(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::People => 1,
            Self::Settle => 2,
            Self::Whole => 3,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reading files",
            Self::People => "merging by person",
            Self::Settle => "adding contributions",
            Self::Whole => "counting",
        })
    }
}

/// Partitions of one stage that an executor has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) stage: Stage,
    pub(crate) partitions: u32,
}

impl Ran {
    /// As it is sent.
    pub(crate) const fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.partitions.to_le_bytes();
        [self.stage.number(), a, b, c, d]
    }

    pub(crate) fn from_bytes([stage, partitions @ ..]: [u8; 5]) -> Option<Self> {
        let stage = Stage::ALL.into_iter().find(|known| known.number() == stage)?;
        Some(Self { stage, partitions: u32::from_le_bytes(partitions) })
    }
}

/// How many partitions of each stage are run, of how many.
pub(crate) struct Progress {
    of: [Option<u32>; 4],
    done: Mutex<[u32; 4]>,
}

impl Progress {
    /// Of a seal of so many files in so many partitions, which an adaptive engine changes.
    pub(crate) fn new(files: u32, partitions: u32, adaptive: bool) -> Self {
        let partitions = partitions.max(1);
        let of = [partitions.clamp(1, files.max(1)), partitions, partitions, 1];
        Self { of: of.map(|of| (!adaptive).then_some(of)), done: Mutex::default() }
    }

    /// Counts what an executor ran, and says how far the stage is if that is news. What is run again counts again, up to the whole.
    pub(crate) fn ran(&self, ran: Ran) -> Option<Shown> {
        let at = usize::from(ran.stage.number());
        let of = self.of.get(at).copied().flatten();
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let done = done.get_mut(at)?;
        let before = *done;
        *done = done.saturating_add(ran.partitions).min(of.unwrap_or(u32::MAX));
        (*done > before).then_some(Shown { stage: ran.stage, done: *done, of })
    }

    /// All begins again.
    pub(crate) fn reset(&self) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = [0; 4];
    }
}

/// How far one stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    stage: Stage,
    done: u32,
    of: Option<u32>,
}

impl Shown {
    /// Whether all partitions of it are run, where it is known how many there are.
    pub(crate) fn is_whole(&self) -> bool {
        self.of == Some(self.done)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, done, of } = self;
        match of {
            Some(of) => write!(f, "{stage}: {done} of {of} partitions"),
            None => write!(f, "{stage}: {done} partitions"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_is_counted_up_to_its_whole() {
        let progress = Progress::new(3, 16, false);
        let seen = |stage, partitions| progress.ran(Ran { stage, partitions });
        let ran = |stage, partitions| seen(stage, partitions).unwrap();
        assert_eq!(ran(Stage::Read, 2).to_string(), "reading files: 2 of 3 partitions");
        assert!(!ran(Stage::People, 15).is_whole() && ran(Stage::People, 1).is_whole());
        // A partition that was run once more after its executor was lost.
        assert_eq!(seen(Stage::People, 1), None);
        progress.reset();
        assert_eq!(ran(Stage::Whole, 1).to_string(), "counting: 1 of 1 partitions");
        let adaptive = Progress::new(3, 16, true);
        let shown = adaptive.ran(Ran { stage: Stage::Settle, partitions: 4 }).unwrap();
        assert_eq!(
            (shown.to_string().as_str(), shown.is_whole()),
            ("adding contributions: 4 partitions", false)
        );
    }

    #[test]
    fn what_is_sent_is_read_and_nothing_else() {
        for stage in Stage::ALL {
            let ran = Ran { stage, partitions: 70_000 };
            assert_eq!(Ran::from_bytes(ran.to_bytes()), Some(ran));
        }
        assert_eq!(Ran::from_bytes([4, 0, 0, 0, 0]), None);
    }
}
