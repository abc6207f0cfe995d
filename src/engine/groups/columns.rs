//! Which columns of a file are read, as what, and how they become those of the plan.

use super::queue::Work;
use crate::plan::short_operands;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::basic::{Encoding, PageType, Type as PhysicalType};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How one column of the plan is made.
#[derive(Clone, Debug)]
enum Output {
    /// A column of the file; cast from its type in the table where there is a cast.
    Read { name: String, cast: Option<(DataType, CastOptions<'static>)> },
    /// An expression on columns as the table has them.
    Made(Arc<dyn PhysicalExpr>),
}

#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// What is behind each of `schema`'s columns.
    outputs: Vec<Output>,
    /// As delivered, but for what may be as it is stored.
    schema: SchemaRef,
    /// The columns of the table that expressions are made of.
    needed: SchemaRef,
    /// Which of them are decimals that are only added up, so that they may be as short as they are stored.
    short: BTreeSet<usize>,
    /// Of each of `schema`'s columns, whether its texts may be codes, and its decimals of 64 bits as short as they are stored.
    stored: Vec<bool>,
}

impl Columns {
    /// Those of a scan. `table`: the columns of its table, folders' among them; `schema`: those of the scan.
    pub fn of(projection: &ProjectionExprs, table: &SchemaRef, schema: SchemaRef) -> Result<Columns> {
        let made = projection.iter().filter(|projected| read(&projected.expr, table).is_none());
        let mut needed: Vec<usize> = made
            .flat_map(|projected| collect_columns(&projected.expr))
            .map(|column| column.index())
            .collect();
        needed.sort_unstable();
        needed.dedup();
        let needed = Arc::new(table.project(&needed)?);
        let output = |expr: &Arc<dyn PhysicalExpr>| match read(expr, table) {
            Some(output) => Ok(output),
            None => Ok(Output::Made(reassign_expr_columns(Arc::clone(expr), &needed)?)),
        };
        let outputs =
            projection.iter().map(|projected| output(&projected.expr)).collect::<Result<Vec<_>>>()?;
        let made = outputs.iter().filter_map(|output| match output {
            Output::Made(expr) => Some(Arc::clone(expr)),
            Output::Read { .. } => None,
        });
        let short = short_operands(&made.collect::<Vec<_>>());
        Ok(Columns { stored: vec![false; outputs.len()], outputs, schema, needed, short })
    }

    /// The same, of which some may have texts as codes, and shorter decimals.
    pub fn as_stored(&self, which: impl Fn(usize) -> bool) -> Columns {
        Columns { stored: (0..self.outputs.len()).map(which).collect(), ..self.clone() }
    }

    /// The columns of the table that some of the plan are made of.
    pub fn names(&self, of: impl Fn(usize) -> bool) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let read = self.outputs.iter().enumerate().filter_map(|(at, output)| match output {
            Output::Read { name, .. } if of(at) => Some(name.as_str()),
            _ => None,
        });
        for name in read.chain(self.needed.fields().iter().map(|field| field.name().as_str())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The column of the file that a column of the plan is, and its type there.
    pub fn behind(&self, column: usize) -> Option<(&str, &DataType)> {
        match self.outputs.get(column)? {
            Output::Read { name, .. } => Some((name, self.schema.fields().get(column)?.data_type())),
            Output::Made(_) => None,
        }
    }

    /// The file's columns in the types that they are read in: texts as codes where they may be and all their pages are,
    /// decimals short where they may be and are.
    pub fn read_as(&self, metadata: ArrowReaderMetadata) -> Result<ArrowReaderMetadata, ParquetError> {
        let mut changed = false;
        let fields: Vec<Field> = metadata
            .schema()
            .fields()
            .iter()
            .enumerate()
            .map(|(at, field)| {
                let field = field.as_ref().clone();
                let read_as = self.type_of(&field, metadata.metadata(), at);
                changed |= read_as != *field.data_type();
                field.with_data_type(read_as)
            })
            .collect();
        if !changed {
            return Ok(metadata);
        }
        let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
    }

    fn type_of(&self, field: &Field, metadata: &ParquetMetaData, at: usize) -> DataType {
        let is_this = |name: &str| name == field.name();
        let needed = self.needed.fields().iter().position(|field| is_this(field.name()));
        let mut reads = self.outputs.iter().zip(&self.stored).filter_map(|(output, stored)| match output {
            Output::Read { name, .. } if is_this(name) => Some(*stored),
            _ => None,
        });
        let as_stored = reads.next().map(|stored| stored && reads.all(|stored| stored));
        let if_needed = needed.map(|needed| self.short.contains(&needed));
        let may_be_short =
            as_stored.into_iter().chain(if_needed).reduce(|one, other| one && other) == Some(true);
        match field.data_type() {
            // Nanoseconds cannot say 9999-12-31, which banks write for “no end”.
            DataType::Timestamp(_, zone) if is_int96(metadata, at) => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            DataType::Decimal128(precision, scale) if may_be_short && is_short(metadata, at) => {
                DataType::Decimal64(*precision, *scale)
            }
            _ if needed.is_some() || as_stored.is_none() => field.data_type().clone(),
            text if is_text(text) => match as_stored == Some(true) && is_coded(metadata, at) {
                true => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
                false => DataType::Utf8View,
            },
            other => other.clone(),
        }
    }

    /// The columns of the plan from those of the file: in order, in type, and there.
    pub fn deliver(&self, batch: &RecordBatch, work: &Work) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let stored = |name: &str, wanted: &DataType| match batch.column_by_name(name) {
            Some(array) if array.data_type() == wanted => Ok(Arc::clone(array)),
            // What differs from the table's type in this file is made equal, as a scan would do.
            Some(array) => fitted(array, wanted, &CastOptions::default()),
            None => match work.part.folder(name) {
                Some(value) => fitted(&value.to_array_of_size(rows)?, wanted, &CastOptions::default()),
                None => Ok(new_null_array(wanted, rows)),
            },
        };
        let needed = self.needed.fields().iter().enumerate().map(|(at, field)| {
            let (name, wanted) = (field.name(), field.data_type());
            let short = batch
                .column_by_name(name)
                .filter(|array| self.short.contains(&at) && is_shorter(array.data_type(), wanted));
            let array = short.map_or_else(|| stored(name, wanted), |array| Ok(Arc::clone(array)))?;
            Ok((field.as_ref().clone().with_data_type(array.data_type().clone()), array))
        });
        let (fields, needed): (Vec<Field>, Vec<ArrayRef>) =
            needed.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let needed = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), needed, &options)?;
        let mut fields: Vec<Arc<Field>> = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for ((at, output), field) in self.outputs.iter().enumerate().zip(self.schema.fields()) {
            let wanted = field.data_type();
            let array = match (output, &work.time) {
                (_, Some((column, time))) if *column == at => time.to_array_of_size(rows)?,
                (Output::Made(expr), _) => expr.evaluate(&needed)?.into_array(rows)?,
                (Output::Read { name, cast }, _) => match (batch.column_by_name(name), cast) {
                    (Some(array), _) if array.data_type() == wanted || self.keeps(at, array, wanted) => {
                        Arc::clone(array)
                    }
                    (_, None) => stored(name, wanted)?,
                    (_, Some((table, options))) => fitted(&stored(name, table)?, wanted, options)?,
                },
            };
            fields.push(Arc::new(
                field.as_ref().clone().with_data_type(array.data_type().clone()).with_nullable(true),
            ));
            arrays.push(array);
        }
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
    }

    /// Whether what is stored may be delivered.
    fn keeps(&self, at: usize, array: &ArrayRef, wanted: &DataType) -> bool {
        self.stored.get(at) == Some(&true)
            && match (array.data_type(), wanted) {
                (DataType::Dictionary(..), text) => is_text(text),
                (stored, wanted) => is_shorter(stored, wanted),
            }
    }
}

/// Whether decimals are of 64 bits that are to be of 128.
fn is_shorter(stored: &DataType, wanted: &DataType) -> bool {
    matches!(
        (stored, wanted),
        (DataType::Decimal64(p, s), DataType::Decimal128(precision, scale)) if (p, s) == (precision, scale)
    )
}

/// An expression that is a column, or a cast of one.
fn read(expr: &Arc<dyn PhysicalExpr>, table: &SchemaRef) -> Option<Output> {
    let (expr, options) = match expr.downcast_ref::<CastExpr>() {
        Some(cast) => (cast.expr(), Some(cast.cast_options().clone())),
        None => (expr, None),
    };
    let column = expr.downcast_ref::<Column>()?;
    let field = table.fields().get(column.index())?;
    let cast = options.map(|options| (field.data_type().clone(), options));
    Some(Output::Read { name: column.name().to_string(), cast })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn leaf_of(metadata: &ParquetMetaData, root: usize) -> Option<usize> {
    let descriptor = metadata.file_metadata().schema_descr();
    (0..descriptor.num_columns()).find(|leaf| descriptor.get_column_root_idx(*leaf) == root)
}

fn is_int96(metadata: &ParquetMetaData, root: usize) -> bool {
    let descriptor = metadata.file_metadata().schema_descr();
    leaf_of(metadata, root).is_some_and(|leaf| descriptor.column(leaf).physical_type() == PhysicalType::INT96)
}

/// Whether a column of decimals is stored in no more than 64 bits.
fn is_short(metadata: &ParquetMetaData, root: usize) -> bool {
    let descriptor = metadata.file_metadata().schema_descr();
    let short =
        |leaf| matches!(descriptor.column(leaf).physical_type(), PhysicalType::INT32 | PhysicalType::INT64);
    leaf_of(metadata, root).is_some_and(short)
}

/// Whether every page of a column is coded. A column that ran out of codes goes on with its values, and would have to be
/// coded anew.
fn is_coded(metadata: &ParquetMetaData, root: usize) -> bool {
    let Some(leaf) = leaf_of(metadata, root) else { return false };
    let coded = |encoding: Encoding| {
        let old = Encoding::PLAIN_DICTIONARY;
        encoding == Encoding::RLE_DICTIONARY || encoding == old
    };
    let all_coded =
        |chunk: &ColumnChunkMetaData| match (chunk.page_encoding_stats(), chunk.page_encoding_stats_mask()) {
            (Some(pages), _) => {
                pages.iter().all(|page| page.page_type == PageType::DICTIONARY_PAGE || coded(page.encoding))
            }
            (None, Some(mask)) => mask.encodings().all(coded),
            (None, None) => false,
        };
    metadata.row_groups().iter().filter_map(|g| g.columns().get(leaf)).all(all_coded)
}

/// A column in another type.
fn fitted(array: &ArrayRef, wanted: &DataType, options: &CastOptions<'_>) -> Result<ArrayRef> {
    match (array.as_primitive_opt::<Int32Type>(), wanted) {
        // The usual way asks of each number whether it fits; here all do.
        (Some(numbers), DataType::Int64) => Ok(Arc::new(numbers.unary::<_, Int64Type>(i64::from))),
        _ => Ok(cast_with_options(array, wanted, options)?),
    }
}
