//! Folds of the engine as accumulators of DataFusion: its group numbers are the engine's, its states our ciphertexts.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, LargeBinaryArray, LargeBinaryBuilder, LargeListBuilder,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use hushtag::engine::cluster::{Fold, GroupKey, PeopleFold, SettleFold, TotalFold};

use super::{Work, item};
use crate::encryption::{Decryption, Encryption, Step};
use crate::error::Error;

/// Which step an aggregate function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// States of files, by person -> parts.
    People,
    /// Parts, by person -> what cubes count.
    Settle,
    /// Settled people -> totals, encrypted to the operator.
    Whole,
}

/// What the totals are encrypted for.
pub(crate) const RESULT: &[u8] = b"hushtag 2026-11 v1 totals of a cluster";

enum AnyFold {
    People(PeopleFold),
    Settle(SettleFold),
    Whole(TotalFold),
}

/// A fold, and what opens and closes its states.
pub(super) struct Groups {
    kernel: Kernel,
    work: Arc<Work>,
    fold: AnyFold,
    inputs: Decryption,
    states: Decryption,
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel.name())
    }
}

impl Kernel {
    const fn input(self) -> Step {
        match self {
            Self::People => Step::Person,
            Self::Settle => Step::Part,
            Self::Whole => Step::Settled,
        }
    }

    const fn state(self) -> Step {
        match self {
            Self::People => Step::Person,
            Self::Settle => Step::Settling,
            Self::Whole => Step::Totals,
        }
    }

    fn start(self, work: &Work) -> Result<AnyFold, Error> {
        let job = Arc::clone(&work.job);
        Ok(match self {
            Self::People => AnyFold::People(PeopleFold::new(job)?),
            Self::Settle => AnyFold::Settle(SettleFold::new(job)?),
            Self::Whole => AnyFold::Whole(TotalFold::new(job)?),
        })
    }
}

impl AnyFold {
    fn fold(&mut self) -> &mut dyn Fold {
        match self {
            Self::People(fold) => fold,
            Self::Settle(fold) => fold,
            Self::Whole(fold) => fold,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::People(fold) => fold.bytes(),
            Self::Settle(fold) => fold.bytes(),
            Self::Whole(fold) => fold.bytes(),
        }
    }

    /// Adds an input, which of people is a state already.
    fn observe(&mut self, group: usize, input: &[u8]) -> Result<(), Error> {
        let observed = match self {
            Self::People(fold) => fold.merge(group, input),
            Self::Settle(fold) => fold.observe(group, input),
            Self::Whole(fold) => fold.observe(input),
        };
        observed.map_err(Error::from)
    }
}

impl Groups {
    pub(super) fn new(kernel: Kernel, work: Arc<Work>) -> Result<Self, Error> {
        let fold = kernel.start(&work)?;
        let (inputs, states) = (Decryption::new(kernel.input()), Decryption::new(kernel.state()));
        Ok(Self { kernel, work, fold, inputs, states })
    }

    fn observe_all(
        &mut self,
        values: &[ArrayRef],
        group: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), Error> {
        for (row, input) in messages(values)?.iter().enumerate() {
            // A group that nothing is of, such as the totals of no partition.
            let Some(input) = input else { continue };
            // Behind the key of a part is its ciphertext.
            let sealed =
                if self.kernel == Kernel::Settle { input.get(super::key::KEY..) } else { Some(input) };
            let plain = self.work.key.decrypt(&mut self.inputs, sealed.ok_or(Error::Changed)?)?;
            self.fold.observe(group(row).ok_or(Error::Changed)?, &plain)?;
        }
        Ok(())
    }

    fn merge_all(
        &mut self,
        values: &[ArrayRef],
        group: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), Error> {
        for (row, state) in messages(values)?.iter().enumerate() {
            let Some(state) = state else { continue };
            let plain = self.work.key.decrypt(&mut self.states, state)?;
            self.fold.fold().merge(group(row).ok_or(Error::Changed)?, &plain)?;
        }
        Ok(())
    }

    /// The fold of the groups that are emitted; those behind them stay.
    fn take(&mut self, emit: EmitTo) -> Result<AnyFold, Error> {
        let mut taken = std::mem::replace(&mut self.fold, self.kernel.start(&self.work)?);
        if let EmitTo::First(count) = emit {
            let states = taken.fold().take_states()?;
            for (group, state) in states.iter().enumerate() {
                let (fold, group) =
                    if group < count { (&mut taken, group) } else { (&mut self.fold, group - count) };
                fold.fold().merge(group, state)?;
            }
        }
        Ok(taken)
    }

    fn states(&mut self, emit: EmitTo) -> Result<ArrayRef, Error> {
        let mut taken = self.take(emit)?;
        self.encrypted(taken.fold().take_states()?, self.kernel.state())
    }

    fn encrypted(&self, plain: Vec<Vec<u8>>, step: Step) -> Result<ArrayRef, Error> {
        let mut encryption = self.work.key.encryption(step)?;
        let mut all = LargeBinaryBuilder::new();
        for plain in plain {
            all.append_value(encryption.message(&plain)?);
        }
        Ok(Arc::new(all.finish()))
    }

    /// What the function gives for the groups that are emitted.
    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef, Error> {
        match self.take(emit)? {
            AnyFold::People(mut fold) => {
                let mut encryption = self.work.key.encryption(Step::Part)?;
                let mut all = LargeListBuilder::new(LargeBinaryBuilder::new()).with_field(item());
                for parts in fold.take_parts()? {
                    for (key, part) in parts {
                        all.values().append_value(part_message(&mut encryption, key, &part)?);
                    }
                    all.append(true);
                }
                Ok(Arc::new(all.finish()))
            }
            AnyFold::Settle(mut fold) => self.encrypted(fold.take_settled()?, Step::Settled),
            AnyFold::Whole(mut fold) => {
                let totals =
                    self.work.result.seal(RESULT, &fold.finish()?).map_err(|_| Error::Cryptography)?;
                Ok(Arc::new(LargeBinaryArray::from_vec(vec![totals.as_slice()])))
            }
        }
    }
}

/// The key of a part, and its ciphertext.
fn part_message(encryption: &mut Encryption, key: GroupKey, part: &[u8]) -> Result<Vec<u8>, Error> {
    let mut message = key.to_vec();
    encryption.append(part, &mut message)?;
    Ok(message)
}

fn messages(values: &[ArrayRef]) -> Result<&LargeBinaryArray, Error> {
    values.first().and_then(|array| array.as_binary_opt::<i64>()).ok_or(Error::Changed)
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        _: usize,
    ) -> Result<()> {
        if filter.is_some() {
            return Err(Error::Plan("a step of a seal has no filter".to_owned()).into());
        }
        Ok(self.observe_all(values, |row| groups.get(row).copied())?)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], _: usize) -> Result<()> {
        Ok(self.merge_all(values, |row| groups.get(row).copied())?)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        Ok(self.finish(emit)?)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.states(emit)?])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        if filter.is_some() {
            return Err(Error::Plan("a step of a seal has no filter".to_owned()).into());
        }
        if self.kernel == Kernel::People {
            // What is read of a file is a state.
            return Ok(values.to_vec());
        }
        // Each row as a group of its own.
        let mut each = Self::new(self.kernel, Arc::clone(&self.work))?;
        each.observe_all(values, Some)?;
        Ok(vec![each.states(EmitTo::All)?])
    }

    fn size(&self) -> usize {
        self.fold.bytes()
    }
}

/// The same for one group.
impl Accumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Ok(self.observe_all(values, |_| Some(0))?)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        Ok(self.merge_all(states, |_| Some(0))?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.finish(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::try_from_array(&self.states(EmitTo::All)?, 0)?])
    }

    fn size(&self) -> usize {
        self.fold.bytes()
    }
}
