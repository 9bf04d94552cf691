//! The steps of a seal as functions of DataFusion. Plans name functions, never keys; keys are in the memory of executors alone.

mod groups;
mod key;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ScalarUDF, Signature, Volatility,
};
use hushtag::AuditorPublicKey;
use hushtag::engine::cluster::Job;

use crate::encryption::JobKey;
use crate::error::Error;
use crate::objects::{Objects, Stores};
use groups::Groups;
pub(crate) use groups::Kernel;
pub(crate) use groups::RESULT;

/// What an executor knows of a seal.
pub(crate) struct Work {
    pub(crate) job: Arc<Job>,
    pub(crate) key: JobKey,
    /// The key of the operator to which the totals are encrypted.
    pub(crate) result: AuditorPublicKey,
    /// Files that are objects of a store.
    pub(crate) objects: Objects,
    pub(crate) stores: Stores,
    /// The folder of this executor.
    pub(crate) folder: PathBuf,
}

/// The work of an executor; none in all other processes, whose functions only plan.
#[derive(Clone, Default)]
pub(crate) struct Workplace(Option<Arc<Work>>);

impl Workplace {
    pub(crate) const fn of(work: Arc<Work>) -> Self {
        Self(Some(work))
    }

    pub(crate) fn work(&self) -> Result<Arc<Work>, Error> {
        self.0.clone().ok_or(Error::NoKey)
    }
}

/// An aggregate function of a seal.
struct Aggregate {
    kernel: Kernel,
    signature: Signature,
    place: Workplace,
}

impl Kernel {
    /// The name in plans.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::People => "hush_person",
            Self::Settle => "hush_settle",
            Self::Whole => "hush_whole",
        }
    }

    fn returns(self) -> DataType {
        match self {
            Self::People => DataType::LargeList(Arc::new(item())),
            Self::Settle | Self::Whole => DataType::LargeBinary,
        }
    }
}

/// The items of a list of parts.
fn item() -> Field {
    Field::new("item", DataType::LargeBinary, true)
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.kernel == other.kernel
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel.name().hash(state);
    }
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel.name())
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.kernel.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.kernel.returns())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Groups::new(self.kernel, self.place.work()?)?))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "state"), DataType::LargeBinary, true))])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        self.kernel != Kernel::Whole
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(self.kernel, self.place.work()?)?))
    }
}

/// The aggregate functions of a seal.
pub(crate) fn aggregates(place: &Workplace) -> Vec<Arc<AggregateUDF>> {
    let make = |kernel| {
        let signature = Signature::exact(vec![DataType::LargeBinary], Volatility::Volatile);
        Arc::new(AggregateUDF::new_from_impl(Aggregate { kernel, signature, place: place.clone() }))
    };
    [Kernel::People, Kernel::Settle, Kernel::Whole].map(make).into()
}

/// The scalar function of a seal.
pub(crate) fn scalars() -> Vec<Arc<ScalarUDF>> {
    vec![Arc::new(ScalarUDF::new_from_impl(key::PartKey::default()))]
}
