//! Row groups in pieces: none of their rows lost or read twice, and cut at all.

use super::columns::Columns;
use super::queue::{Part, Work};
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector,
};
use datafusion::parquet::file::metadata::PageIndexPolicy;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_expr::projection::ProjectionExprs;
use object_store::ObjectMeta;
use std::collections::VecDeque;
use std::sync::Arc;

const ROWS: usize = 300_000;
const PAGE: usize = 20_000;

/// A row group with pages of so many rows; of it, some rows are read.
fn work(rows: Option<RowSelection>) -> (Work, Columns) {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS as i64));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let properties = WriterProperties::builder()
        .set_data_page_row_count_limit(PAGE)
        .set_write_batch_size(1000)
        .set_dictionary_enabled(false)
        .build();
    let mut file = tempfile::tempfile().unwrap();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = ArrowReaderMetadata::load(&file, options).unwrap();
    let projection = ProjectionExprs::from_indices(&[0], &batch.schema());
    let columns = Columns::of(&projection, &batch.schema(), batch.schema()).unwrap();
    let meta = ObjectMeta {
        location: "ids.parquet".into(),
        last_modified: Default::default(),
        size: 0,
        e_tag: None,
        version: None,
    };
    let part = Part { name: "ids.parquet".to_string(), meta, folders: Vec::new() };
    (Work { part, metadata, group: 0, rows, columns: None, time: None }, columns)
}

/// The rows of each piece.
fn pieces(rows: Option<RowSelection>, mut left: usize, threads: usize) -> Vec<Option<Vec<usize>>> {
    let (work, columns) = work(rows.clone());
    let (before, own) = (left, rows.map_or(ROWS, |rows| rows.row_count()));
    let mut pieces = VecDeque::new();
    work.cut(&mut left, threads, &columns, &mut pieces);
    assert_eq!(left, before - own);
    let each = |piece: Work| piece.rows.as_ref().map(selected);
    pieces.into_iter().map(each).collect()
}

fn selected(rows: &RowSelection) -> Vec<usize> {
    let mut at = 0;
    let mut selected = Vec::new();
    for part in rows.iter() {
        if !part.skip {
            selected.extend(at..at + part.row_count);
        }
        at += part.row_count;
    }
    selected
}

fn every(rows: usize, of: usize) -> RowSelection {
    let pages = (0..ROWS / PAGE).map(|page| match page % of < rows {
        true => RowSelector::select(PAGE),
        false => RowSelector::skip(PAGE),
    });
    pages.collect()
}

#[test]
fn the_last_row_groups_are_cut_between_pages() {
    let all = || vec![RowSelector::select(ROWS)].into();
    // A condition that all pages fulfil selects all of them.
    for rows in [None, Some(all()), Some(every(4, 5)), Some(every(1, 2))] {
        let wanted = rows.as_ref().map_or((0..ROWS).collect(), selected);
        let found = pieces(rows, 300_000, 2);
        assert!(found.len() > 1);
        let starts = found.iter().map(|piece| piece.as_ref().unwrap()[0]);
        assert!(starts.map(|start| start % PAGE).all(|within| within == 0));
        let sizes: Vec<usize> = found.iter().map(|piece| piece.as_ref().unwrap().len()).collect();
        assert!(sizes.iter().all(|size| *size > 40_000), "{sizes:?}");
        assert_eq!(found.into_iter().flatten().flatten().collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn what_is_small_beside_the_rest_stays_whole() {
    assert_eq!(pieces(None, 2_000_000, 2), [None]);
    assert_eq!(pieces(None, 300_000, 1).len(), 2);
    let few = || vec![RowSelector::select(60_000), RowSelector::skip(ROWS - 60_000)].into();
    assert_eq!(pieces(Some(few()), 60_000, 2), [Some((0..60_000).collect())]);
}
