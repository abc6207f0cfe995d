//! Row groups of Parquet files decoded with arrow's reader and nothing between.
//!
//! What it gains over DataFusion's scan: a page is decoded when its rows are due, so that few bytes are held and touched;
//! threads take row groups, or pieces of them, as they come to them, however few are left after skipping. Where a fold reads,
//! text that is stored as codes stays codes, so that a condition on it is worked out once for each text, decimals stay as
//! short as they are stored (as they also do where they are only added up); and of a row group that lies within one
//! interval of all windows, columns that only other windows ask for are left out, the times among them.

mod columns;
mod queue;
mod skipping;
#[cfg(test)]
mod tests;

use super::source::ShownName;
use super::stores::is_local;
use crate::plan::fold::{ByTime, FoldExec};
use crate::plan::{give_way, short_operands};
use columns::Columns;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, PlanProperties, ReplaceChildrenOptions, SchedulingType,
    replace_children_if_necessary,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning};
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use queue::{Part, Queue, Work};
use skipping::Skipping;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// How many times larger batches are of which little is left.
const CHOOSY: usize = 4;

/// Of a store, how many pieces of work a thread has at hand: the one that it decodes, and the one that is fetched meanwhile.
const AHEAD: usize = 2;

/// Has Parquet read directly, where that can be.
#[derive(Debug)]
pub(super) struct DirectReads;

impl PhysicalOptimizerRule for DirectReads {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let direct = plan.transform_up(|plan| {
            if let Some(rows) = RowGroups::of(&plan)? {
                return Ok(Transformed::yes(Arc::new(rows) as Arc<dyn ExecutionPlan>));
            }
            if let Some(projection) = plan.downcast_ref::<ProjectionExec>()
                && let Some(rows) = projection.input().downcast_ref::<RowGroups>()
            {
                let exprs: Vec<_> = projection.expr().iter().map(|p| Arc::clone(&p.expr)).collect();
                let rows = Arc::new(rows.with_short(&short_operands(&exprs)));
                return Ok(Transformed::yes(replace_children_if_necessary(plan, vec![rows])?));
            }
            let Some(fold) = plan.downcast_ref::<FoldExec>() else { return Ok(Transformed::no(plan)) };
            let events = fold.scans().map(|(scan, by_time)| match scan.downcast_ref::<RowGroups>() {
                Some(rows) => Arc::new(rows.folded(by_time, fold.is_choosy())),
                None => Arc::clone(scan),
            });
            Ok(Transformed::yes(fold.reading(events.collect())?))
        });
        Ok(direct?.data)
    }

    fn name(&self) -> &str {
        "direct_reads"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The scan of some Parquet files.
#[derive(Clone, Debug)]
struct RowGroups {
    url: ObjectStoreUrl,
    parts: Arc<Vec<Part>>,
    columns: Columns,
    skipping: Skipping,
    /// Most rows are dropped at once, so that they come in larger batches.
    choosy: bool,
    statistics: Arc<Statistics>,
    properties: Arc<PlanProperties>,
    /// What is left to be read; made when the first thread asks.
    queue: Arc<OnceCell<Result<Queue, Arc<DataFusionError>>>>,
    metrics: ExecutionPlanMetricsSet,
}

impl RowGroups {
    /// The same rows as `scan` gives, where it is a plain scan of Parquet files.
    fn of(scan: &Arc<dyn ExecutionPlan>) -> Result<Option<RowGroups>> {
        let Some(config) = scan
            .downcast_ref::<DataSourceExec>()
            .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>())
        else {
            return Ok(None);
        };
        let source = config.file_source();
        let (Some(parquet), Some(projection)) = (source.downcast_ref::<ParquetSource>(), source.projection())
        else {
            return Ok(None);
        };
        if config.limit.is_some() {
            return Ok(None);
        }
        let table = source.table_schema();
        let folders: Vec<&String> = table.table_partition_cols().iter().map(|field| field.name()).collect();
        let columns = Columns::of(projection, table.table_schema(), scan.schema())?;
        let mut parts: Vec<Part> = Vec::new();
        for file in config.file_groups.iter().flat_map(|group| group.iter()) {
            // The groups cut files into ranges of bytes; here each file is whole, once.
            let Some(name) = file.extension::<ShownName>() else { return Ok(None) };
            if parts.iter().all(|known| known.meta.location != file.object_meta.location) {
                let (name, meta) = (name.0.clone(), file.object_meta.clone());
                let values = folders.iter().map(|name| (*name).clone()).zip(file.partition_values.clone());
                parts.push(Part { name, meta, folders: values.collect() });
            }
        }
        let schema = scan.schema();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(scan.properties().partitioning.partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Some(RowGroups {
            url: config.object_store_url.clone(),
            parts: Arc::new(parts),
            columns,
            skipping: Skipping::new(parquet.filter(), table.table_schema()),
            choosy: false,
            statistics: StatisticsContext::new().compute(scan.as_ref(), &StatisticsArgs::new())?,
            properties: Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative)),
            queue: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    /// The same, some of whose decimals may come as short as they are stored.
    fn with_short(&self, columns: &BTreeSet<usize>) -> RowGroups {
        RowGroups { columns: self.columns.as_stored(|at| columns.contains(&at)), ..self.clone() }
    }

    /// The same for a fold: texts may come as codes, decimals short; and of a row group within one interval nothing comes
    /// that is not read of that interval's events, and another time of the interval for theirs.
    fn folded(&self, by_time: Option<&Arc<ByTime>>, choosy: bool) -> RowGroups {
        RowGroups {
            columns: self.columns.as_stored(|_| true),
            skipping: self.skipping.clone().by_time(by_time),
            choosy,
            queue: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
            ..self.clone()
        }
    }
}

impl DisplayAs for RowGroups {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "RowGroups: files={}, columns=[{}]",
            self.parts.len(),
            self.columns.names(|_| true).join(", ")
        )
    }
}

impl ExecutionPlan for RowGroups {
    fn name(&self) -> &str {
        "RowGroups"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        if args.partition().is_some() {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema())));
        }
        Ok(match self.queue.get() {
            // What was skipped will not be read.
            Some(Ok(queue)) => {
                let known = self.statistics.as_ref().clone();
                Arc::new(Statistics { num_rows: Precision::Exact(queue.rows()), ..known })
            }
            _ => Arc::clone(&self.statistics),
        })
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (groups, schema) = (self.clone(), self.schema());
        let reader = async move {
            let plan = queue::plan(&groups.url, &groups.parts, &groups.columns, &groups.skipping, &context);
            let queue = groups.queue.get_or_init(|| async { plan.await.map_err(Arc::new) }).await;
            if let Err(e) = queue {
                return Err(DataFusionError::Shared(Arc::clone(e)));
            }
            // Those who waited for the plan are next on the thread of the one who made it, which would let go late.
            give_way().await;
            let batch_size = context.session_config().batch_size();
            let reader = Reader {
                batch_size: batch_size.saturating_mul(if groups.choosy { CHOOSY } else { 1 }),
                rows: BaselineMetrics::new(&groups.metrics, partition),
                bytes: MetricBuilder::new(&groups.metrics).counter("bytes_scanned", partition),
                memory: Arc::clone(context.memory_pool()),
                groups,
            };
            if is_local(&reader.groups.url) {
                return Ok(futures::stream::iter(reader.local()).boxed());
            }
            let store = context.runtime_env().object_store(&reader.groups.url)?;
            Ok(reader.fetched(store).boxed())
        };
        let stream = futures::stream::once(reader).try_flatten();
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(schema, Box::pin(stream)))))
    }
}

/// One thread's reading.
struct Reader {
    groups: RowGroups,
    batch_size: usize,
    rows: BaselineMetrics,
    bytes: Count,
    memory: Arc<dyn MemoryPool>,
}

/// A piece of work whose rows are read.
struct Open {
    work: Work,
    batches: ParquetRecordBatchReader,
    /// What was fetched for it.
    _held: Option<MemoryReservation>,
}

impl Reader {
    /// Of local files, which are read as they are decoded.
    fn local(self) -> impl Iterator<Item = Result<RecordBatch>> {
        let mut open: Option<Open> = None;
        std::iter::from_fn(move || {
            loop {
                if let Some(batch) = open.as_mut().and_then(|open| self.batch(open)) {
                    return Some(batch);
                }
                let opened = self.work()?.and_then(|work| {
                    let batches = work.open(&self.groups.columns, self.batch_size, &self.bytes)?;
                    Ok(Open { work, batches, _held: None })
                });
                match opened {
                    Ok(opened) => open = Some(opened),
                    Err(e) => return Some(Err(e)),
                }
            }
        })
    }

    /// Of objects in a store: while a piece is decoded, the next is fetched.
    fn fetched(self, store: Arc<dyn ObjectStore>) -> impl Stream<Item = Result<RecordBatch>> {
        let reader = Arc::new(self);
        let asking = Arc::clone(&reader);
        let works = futures::stream::iter(std::iter::from_fn(move || asking.work()));
        let fetching = Arc::clone(&reader);
        let fetched = works.map(move |work| {
            let task = SpawnedTask::spawn(Arc::clone(&fetching).fetch(work, Arc::clone(&store)));
            async { task.join_unwind().await.map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))? }
        });
        let batches = fetched.buffered(AHEAD).map_ok(move |mut open| {
            let reader = Arc::clone(&reader);
            futures::stream::iter(std::iter::from_fn(move || reader.batch(open.as_mut()?)))
        });
        batches.try_flatten()
    }

    async fn fetch(self: Arc<Self>, work: Result<Work>, store: Arc<dyn ObjectStore>) -> Result<Option<Open>> {
        let work = work?;
        let columns = &self.groups.columns;
        let held = MemoryConsumer::new("row groups fetched").register(&self.memory);
        let batches = work.fetch(store.as_ref(), columns, self.batch_size, &self.bytes, &held).await?;
        Ok(batches.map(|batches| Open { work, batches, _held: Some(held) }))
    }

    /// What is to be read next.
    fn work(&self) -> Option<Result<Work>> {
        match self.groups.queue.get() {
            Some(Ok(queue)) => queue.next().map(Ok),
            _ => Some(internal_err!("row groups without a plan")),
        }
    }

    fn batch(&self, open: &mut Open) -> Option<Result<RecordBatch>> {
        let batch = open.batches.next()?.map_err(|e| open.work.part.damaged(&e).into());
        let batch = batch.and_then(|batch| self.groups.columns.deliver(&batch, &open.work));
        if let Ok(batch) = &batch {
            self.rows.record_output(batch.num_rows());
        }
        Some(batch)
    }
}
