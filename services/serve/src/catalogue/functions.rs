//! Functions that clients call about the catalogue and the catalogue crate lacks; `quantile`, which is the library's; and what is taken
//! away, because a short call of it makes a long text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, create_udf,
};
use datafusion::prelude::SessionContext;

use super::SERVER_VERSION;

/// What a short call of makes large: `repeat('x', 1000000000)`.
const TAKEN_AWAY: [&str; 8] =
    ["repeat", "lpad", "rpad", "array_repeat", "array_resize", "list_repeat", "list_resize", "range"];

/// Adds and takes away.
pub(super) fn register(context: &SessionContext) {
    for name in TAKEN_AWAY {
        context.deregister_udf(name);
    }
    let constant = |name: &str, arguments: Vec<DataType>, value: ScalarValue| {
        let kind = value.data_type();
        let call = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(value.clone()));
        context.register_udf(create_udf(name, arguments, kind, Volatility::Stable, Arc::new(call)));
    };
    let version = format!("PostgreSQL {SERVER_VERSION} (hushtag)");
    constant("version", vec![], ScalarValue::from(version.as_str()));
    for name in ["pg_function_is_visible", "pg_type_is_visible", "pg_collation_is_visible"] {
        constant(name, vec![DataType::Int32], ScalarValue::from(true));
    }
    for name in ["pg_get_viewdef", "pg_get_function_result", "pg_get_indexdef"] {
        constant(name, vec![DataType::Int32], ScalarValue::Utf8(None));
    }
    constant("pg_get_serial_sequence", vec![DataType::Utf8, DataType::Utf8], ScalarValue::Utf8(None));
    constant("to_regtype", vec![DataType::Utf8], ScalarValue::Int32(None));
    constant("obj_description", vec![DataType::Int32, DataType::Utf8], ScalarValue::Utf8(None));
    constant("col_description", vec![DataType::Int32, DataType::Int32], ScalarValue::Utf8(None));
    context.register_udf(ScalarUDF::new_from_impl(Text::new("json_build_object")));
    context.register_udf(ScalarUDF::new_from_impl(Text::new("format")));
    context.register_udf(current_setting());
    context.register_udaf(AggregateUDF::new_from_impl(Quantile(Signature::any(2, Volatility::Immutable))));
}

/// Settings that clients read by function.
fn current_setting() -> ScalarUDF {
    let call = |arguments: &[ColumnarValue]| {
        let name = match arguments.first() {
            Some(ColumnarValue::Scalar(name)) => name.to_string(),
            _ => String::new(),
        };
        Ok(ColumnarValue::Scalar(match name.as_str() {
            "server_version_num" => ScalarValue::from("160006"),
            "server_version" => ScalarValue::from(SERVER_VERSION),
            "search_path" => ScalarValue::from("public"),
            "max_index_keys" => ScalarValue::from("32"),
            _ => ScalarValue::Utf8(None),
        }))
    };
    create_udf("current_setting", vec![DataType::Utf8], DataType::Utf8, Volatility::Stable, Arc::new(call))
}

/// `format('%s.%I', ...)`; `json_build_object` stands in branches that no row takes.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Text {
    name: &'static str,
    signature: Signature,
}

impl Text {
    fn new(name: &'static str) -> Self {
        Self { name, signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Text {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.name != "format" {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
        }
        let rows = call.number_rows;
        let mut columns = Vec::new();
        for argument in call.args {
            columns.push(cast(&argument.into_array(rows)?, &DataType::Utf8)?);
        }
        let columns: Vec<&StringArray> =
            columns.iter().filter_map(|column| column.as_any().downcast_ref::<StringArray>()).collect();
        let texts = (0..rows).map(|row| Some(formatted(&columns, row)));
        Ok(ColumnarValue::Array(Arc::new(texts.collect::<StringArray>())))
    }
}

fn formatted(columns: &[&StringArray], row: usize) -> String {
    let value = |column: usize| {
        let column = columns.get(column)?;
        (!column.is_null(row)).then(|| column.value(row))
    };
    let (mut text, mut next) = (String::new(), 1);
    let pattern = value(0).unwrap_or_default();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => match letters.next() {
                Some('%') => text.push('%'),
                Some(_) => {
                    text.push_str(value(next).unwrap_or_default());
                    next += 1;
                }
                None => {}
            },
            letter => text.push(letter),
        }
    }
    text
}

/// `QUANTILE(measure, 0.9)`: planned here, released by the library; run over released rows it fails.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantile(Signature);

impl AggregateUDFImpl for Quantile {
    fn name(&self) -> &str {
        "quantile"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Float64))
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        datafusion::common::not_impl_err!("QUANTILE is of measures of tags")
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<datafusion::arrow::datatypes::FieldRef>> {
        Ok(Vec::new())
    }
}
