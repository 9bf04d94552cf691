//! `hush_key`: by what a part is grouped, which stands before its ciphertext.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BinaryBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use hushtag::engine::cluster::GroupKey;

use crate::error::Error;

/// Bytes of a key.
pub(crate) const KEY: usize = size_of::<GroupKey>();

/// The first bytes of a part.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PartKey {
    signature: Signature,
}

impl Default for PartKey {
    fn default() -> Self {
        Self { signature: Signature::exact(vec![DataType::LargeBinary], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for PartKey {
    fn name(&self) -> &str {
        "hush_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let parts = arrays.first().and_then(|array| array.as_binary_opt::<i64>()).ok_or(Error::Changed)?;
        let mut keys = BinaryBuilder::with_capacity(parts.len(), KEY * parts.len());
        for part in parts {
            let key = part.and_then(|part| part.split_first_chunk::<KEY>()).ok_or(Error::Changed)?;
            keys.append_value(key.0);
        }
        Ok(ColumnarValue::Array(Arc::new(keys.finish())))
    }
}
