//! What need not be read of some files: row groups, and pages, of which statistics say that no row fulfils a condition.
//!
//! Files are asked by the names of columns, and what they say is taken in the table's types: a column may stand elsewhere in
//! another file, and its times may be of another unit there. How many values are missing is unknown where a file does not
//! say it. Of bounds as Parquet had them once, which told neither texts nor decimals by their order, numbers' alone are taken.

use super::super::parquet::is_ordered;
use super::queue::Part;
use crate::plan::fold::ByTime;
use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection};
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{
    ParquetColumnIndex, ParquetMetaData, ParquetOffsetIndex, RowGroupMetaData,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// What need not be read.
#[derive(Clone, Debug)]
pub(super) struct Skipping {
    condition: Option<Arc<Condition>>,
    /// Which columns are read of which times; none where all are.
    pub by_time: Option<Arc<ByTime>>,
}

/// What must be true of rows that are read, as it is asked of statistics.
#[derive(Debug)]
struct Condition {
    groups: PruningPredicate,
    /// What of it is about one column, whose pages are asked.
    pages: Vec<(String, PruningPredicate)>,
    table: SchemaRef,
}

impl Skipping {
    /// `table`: the columns of the table, folders' among them.
    pub fn new(condition: Option<Arc<dyn PhysicalExpr>>, table: &SchemaRef) -> Skipping {
        let condition = condition.and_then(|condition| {
            let asked = |expr: &Arc<dyn PhysicalExpr>| {
                PruningPredicateBuilder::new().with_file_schema(Arc::clone(table)).try_build(Arc::clone(expr))
            };
            let of_one = |predicate: PruningPredicate| {
                let column = predicate.required_columns().single_column()?.name().to_string();
                Some((column, predicate)).filter(|(_, predicate)| !predicate.always_true())
            };
            let parts = split_conjunction(&condition).into_iter().filter_map(|part| asked(part).ok());
            let pages = parts.filter_map(of_one).collect();
            Some(Condition { groups: asked(&condition).ok()?, pages, table: Arc::clone(table) })
        });
        Skipping { condition: condition.map(Arc::new), by_time: None }
    }

    /// And of what is not read of some times.
    pub fn by_time(self, by_time: Option<&Arc<ByTime>>) -> Skipping {
        Skipping { by_time: by_time.cloned(), ..self }
    }

    /// Which row groups are read.
    pub fn groups(&self, part: &Part, footer: &ParquetMetaData) -> Vec<usize> {
        let all = 0..footer.row_groups().len();
        let file = footer.file_metadata();
        if let Some(condition) = &self.condition
            && let Ok(stored) = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())
        {
            let asked = Known { part, condition, stored: &stored, metadata: footer };
            if let Ok(read) = condition.groups.prune(&Groups(asked)) {
                return all.zip(read).filter_map(|(group, read)| read.then_some(group)).collect();
            }
        }
        all.collect()
    }

    /// The rows that are read of a row group; all where it is none.
    pub fn pages(&self, part: &Part, metadata: &ArrowReaderMetadata, group: usize) -> Option<RowSelection> {
        let condition = self.condition.as_ref()?;
        let (stored, metadata) = (metadata.schema().as_ref(), metadata.metadata().as_ref());
        let selections = condition.pages.iter().filter_map(|(column, predicate)| {
            let known = Known { part, condition, stored, metadata };
            let pages = Pages::of(known, column, group)?;
            let read = predicate.prune(&pages).ok()?;
            let read = pages.rows.iter().zip(read).filter(|(_, read)| *read).map(|(rows, _)| rows.clone());
            let rows = usize::try_from(metadata.row_groups().get(group)?.num_rows()).ok()?;
            Some(RowSelection::from_consecutive_ranges(read, rows))
        });
        selections.reduce(|all, of_one| all.intersection(&of_one))
    }
}

/// What a file says of its values.
struct Known<'a> {
    part: &'a Part,
    condition: &'a Condition,
    /// The file's columns.
    stored: &'a Schema,
    metadata: &'a ParquetMetaData,
}

impl<'a> Known<'a> {
    /// None where the file does not have the column.
    fn column(&self, name: &str) -> Option<StatisticsConverter<'a>> {
        let descriptor = self.metadata.file_metadata().schema_descr();
        let column = StatisticsConverter::try_new(name, self.stored, descriptor).ok()?;
        Some(column.with_missing_null_counts_as_zero(false))
    }

    /// Whether what is missing in the file is what is missing in the table: a time may be too large for a finer unit.
    fn keeps_all(&self, name: &str) -> bool {
        let of = |schema: &Schema| schema.field_with_name(name).map(|field| field.data_type().clone()).ok();
        match (of(self.stored), of(&self.condition.table)) {
            (Some(DataType::Timestamp(stored, _)), Some(DataType::Timestamp(unit, _))) => stored >= unit,
            _ => true,
        }
    }
}

/// What is known of each row group of a file.
struct Groups<'a>(Known<'a>);

impl<'a> Groups<'a> {
    fn all(&self) -> &'a [RowGroupMetaData] {
        self.0.metadata.row_groups()
    }

    fn bounds(
        &self,
        column: &Column,
        of: impl Fn(&StatisticsConverter<'a>, &'a [RowGroupMetaData]) -> ParquetResult<ArrayRef>,
    ) -> Option<ArrayRef> {
        if let Some(value) = self.0.part.folder(column.name()) {
            return value.to_array_of_size(self.num_containers()).ok();
        }
        let converter = self.0.column(column.name())?;
        let leaf = converter.parquet_column_index()?;
        let in_no_order =
            self.all().iter().map(|group| Some(!group.columns().get(leaf).is_some_and(is_ordered)));
        nullif(&of(&converter, self.all()).ok()?, &BooleanArray::from_iter(in_no_order)).ok()
    }
}

impl PruningStatistics for Groups<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |column, groups| column.row_group_mins(groups))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |column, groups| column.row_group_maxes(groups))
    }

    fn num_containers(&self) -> usize {
        self.all().len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        match (self.0.part.folder(column.name()), self.0.column(column.name())) {
            (Some(value), _) if !value.is_null() => {
                Some(Arc::new(UInt64Array::from(vec![0; self.all().len()])))
            }
            (None, Some(_)) if !self.0.keeps_all(column.name()) => None,
            (None, Some(column)) => Some(Arc::new(column.row_group_null_counts(self.all()).ok()?)),
            // Where the column is not, or has no value, it is missing in each row.
            _ => self.row_counts(),
        }
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let counts = self.all().iter().map(|group| u64::try_from(group.num_rows()).ok());
        Some(Arc::new(UInt64Array::from_iter(counts)))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// What is known of one column's pages in a row group.
struct Pages<'a> {
    values: &'a ParquetColumnIndex,
    places: &'a ParquetOffsetIndex,
    column: StatisticsConverter<'a>,
    keeps_all: bool,
    group: usize,
    rows: Vec<Range<usize>>,
}

impl<'a> Pages<'a> {
    /// None where the file does not say where its pages begin, or what is in them.
    fn of(known: Known<'a>, column: &str, group: usize) -> Option<Pages<'a>> {
        let metadata = known.metadata;
        let (values, places) = (metadata.column_index()?, metadata.offset_index()?);
        let (keeps_all, column) = (known.keeps_all(column), known.column(column)?);
        let leaf = column.parquet_column_index()?;
        values.get(group)?.get(leaf)?;
        let starts = places.get(group)?.get(leaf)?.page_locations();
        let starts = starts.iter().map(|page| usize::try_from(page.first_row_index).ok());
        let starts = starts.collect::<Option<Vec<_>>>()?;
        let end = usize::try_from(metadata.row_groups().get(group)?.num_rows()).ok()?;
        let ends = starts.iter().skip(1).chain([&end]);
        let rows: Vec<Range<usize>> = starts.iter().zip(ends).map(|(start, end)| *start..*end).collect();
        let is_damaged = starts.first() != Some(&0) || rows.iter().any(|rows| rows.start > rows.end);
        (!is_damaged).then_some(Pages { values, places, column, keeps_all, group, rows })
    }
}

impl PruningStatistics for Pages<'_> {
    fn min_values(&self, _: &Column) -> Option<ArrayRef> {
        self.column.data_page_mins(self.values, self.places, [&self.group]).ok()
    }

    fn max_values(&self, _: &Column) -> Option<ArrayRef> {
        self.column.data_page_maxes(self.values, self.places, [&self.group]).ok()
    }

    fn num_containers(&self) -> usize {
        self.rows.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        let counts = self.column.data_page_null_counts(self.values, self.places, [&self.group]);
        Some(Arc::new(counts.ok().filter(|_| self.keeps_all)?))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let counts = self.rows.iter().map(|rows| u64::try_from(rows.len()).ok());
        Some(Arc::new(UInt64Array::from_iter(counts)))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
