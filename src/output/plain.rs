//! Columns in the shapes that every reader knows.

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use std::sync::Arc;

/// The schema with string views, large strings and dictionaries as plain text, lists as plain lists, and
/// without metadata, whose order in a file would differ from run to run. With `decimals_as_text` decimals are
/// text of all their digits.
pub fn plain_schema(schema: &Schema, decimals_as_text: bool) -> SchemaRef {
    Arc::new(Schema::new(
        schema.fields().iter().map(|f| plain_field(f, decimals_as_text)).collect::<Vec<_>>(),
    ))
}

fn plain_field(field: &Field, decimals: bool) -> Field {
    Field::new(field.name(), plain_type(field.data_type(), decimals), field.is_nullable())
}

fn plain_type(ty: &DataType, decimals: bool) -> DataType {
    use DataType::*;
    let item = |field: &Arc<Field>| Arc::new(plain_field(field, decimals));
    match ty {
        Utf8View | LargeUtf8 => Utf8,
        BinaryView | LargeBinary => Binary,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) if decimals => Utf8,
        Dictionary(_, value) => plain_type(value, decimals),
        List(field) | LargeList(field) | ListView(field) | LargeListView(field) => List(item(field)),
        Struct(fields) => Struct(fields.iter().map(item).collect()),
        other => other.clone(),
    }
}

/// The batch's columns as `schema` has them.
pub fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(column, field.data_type())
            }
        })
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
