//! A source's files as a table of a plan.

use super::error::FileError;
use super::files::{Format, Found, local};
use super::parquet::{self, AT_ONCE};
use super::source::{PlainSource, ShownName};
use super::stores::{Store, told};
use crate::catalog::TableSchema as Columns;
use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use std::fs;
use std::sync::Arc;

/// One file of a source, ready to be scanned.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub found: Found,
    /// The values that its folders give.
    pub folder_values: Vec<ScalarValue>,
    /// By the columns of the table, those of the folders included; Parquet only.
    pub statistics: Option<Arc<Statistics>>,
}

#[derive(Debug)]
pub(super) struct FilesTable {
    pub store: Store,
    pub format: Format,
    pub file_schema: SchemaRef,
    pub folder_fields: Vec<FieldRef>,
    /// `file_schema` and then `folder_fields`.
    pub schema: SchemaRef,
    /// The same in the language's types.
    pub columns: Columns,
    pub parts: Vec<Part>,
}

impl FilesTable {
    /// Whether the files are these, unchanged.
    pub fn is_of(&self, files: &[Found]) -> bool {
        self.parts.iter().map(|part| &part.found).eq(files) && files.iter().all(Found::tells_changes)
    }

    /// `filters`: what rows are wanted for; what the files' statistics exclude by them is not read.
    fn source(&self, filters: &[Expr], session: &dyn Session) -> Result<Arc<dyn FileSource>> {
        let table_schema = TableSchema::builder(Arc::clone(&self.file_schema))
            .with_table_partition_cols(self.folder_fields.clone())
            .build();
        if self.format != Format::Parquet {
            return Ok(Arc::new(PlainSource::new(self.format, table_schema)));
        }
        let source = parquet::format(believes_statistics(session)).file_source(table_schema);
        let (Some(filter), Some(parquet)) =
            (conjunction(filters.to_vec()), source.downcast_ref::<ParquetSource>())
        else {
            return Ok(source);
        };
        let named = DFSchema::try_from(Arc::clone(&self.schema))?;
        Ok(Arc::new(parquet.with_predicate(session.create_physical_expr(filter, &named)?)))
    }

    /// The filters that the folders alone decide.
    fn folder_filters<'a>(&self, filters: &'a [Expr]) -> Vec<&'a Expr> {
        let names: Vec<&str> = self.folder_fields.iter().map(|field| field.name().as_str()).collect();
        filters
            .iter()
            .filter(|filter| !names.is_empty() && expr_applicable_for_cols(&names, filter))
            .collect()
    }

    /// Whether rows of the file may pass; a filter that cannot be judged lets it through.
    fn may_pass(&self, part: &Part, filters: &[&Expr], session: &dyn Session) -> Result<bool> {
        if filters.is_empty() {
            return Ok(true);
        }
        let schema = Arc::new(Schema::new(self.folder_fields.clone()));
        let values = part.folder_values.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>>>()?;
        let row = RecordBatch::try_new(Arc::clone(&schema), values)?;
        let named = DFSchema::try_from(schema)?;
        for filter in filters {
            let judged = session.create_physical_expr((*filter).clone(), &named)?.evaluate(&row)?;
            let judged = judged.into_array(1)?;
            if judged.as_boolean_opt().is_some_and(|answer| answer.is_valid(0) && !answer.value(0)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether what files say of their values is made use of.
fn believes_statistics(session: &dyn Session) -> bool {
    session.config_options().execution.parquet.pruning
}

impl Part {
    /// `with_statistics`: what its footer says of its values goes with it.
    fn partitioned(&self, with_statistics: bool) -> PartitionedFile {
        let mut file = PartitionedFile::new_from_meta(self.found.meta.clone())
            .with_partition_values(self.folder_values.clone())
            .with_extension(ShownName(self.found.info.path.clone()));
        file.statistics = self.statistics.clone().filter(|_| with_statistics);
        file
    }

    /// A footer and its file must be of one writing.
    async fn check_unchanged(&self, store: &Store) -> Result<(), FileError> {
        let Found { info, meta, .. } = &self.found;
        if !store.is_local() {
            let known = store.objects.head(&meta.location).await;
            return known.map(drop).map_err(|e| told(&info.path, &e));
        }
        let now = fs::metadata(local(&meta.location, &info.path)?)
            .map_err(|e| FileError::new(&info.path, format!("cannot be read any more ({e})")))?;
        if now.len() == info.size && now.modified().is_ok_and(|modified| modified == info.modified) {
            Ok(())
        } else {
            Err(FileError::new(&info.path, "was changed since it was opened; run again"))
        }
    }
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let folder_filters = self.folder_filters(filters);
        let mut parts = Vec::new();
        for part in &self.parts {
            if self.may_pass(part, &folder_filters, session)? {
                parts.push(part);
            }
        }
        let checks: Vec<_> = parts.iter().map(|part| part.check_unchanged(&self.store).boxed()).collect();
        futures::stream::iter(checks).buffered(AT_ONCE).try_collect::<()>().await?;
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        let known: Option<Vec<&Statistics>> = parts.iter().map(|part| part.statistics.as_deref()).collect();
        let mut statistics = match known {
            Some(known) => Statistics::try_merge_iter(known, &self.schema)?,
            None => Statistics::new_unknown(&self.schema),
        };
        let believes = believes_statistics(session);
        if !believes {
            statistics.column_statistics = Statistics::unknown_column(&self.schema);
        }
        let files = parts.iter().map(|part| part.partitioned(believes)).collect();
        let groups = FileGroup::new(files).split_files(session.config().target_partitions());
        let config = FileScanConfigBuilder::new(self.store.url.clone(), self.source(filters, session)?)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        match self.format {
            Format::Parquet => {
                parquet::format(believes_statistics(session)).create_physical_plan(session, config).await
            }
            _ => Ok(DataSourceExec::from_data_source(config)),
        }
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}
