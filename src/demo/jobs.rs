//! The files as jobs, taken by a few threads, the longest first. What a job writes does not depend on who does it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::DemoError;
use super::calendar::Month;
use super::people::Population;
use super::{accounts, app, applications, campaigns, customers, products, transactions};

/// A table that takes long enough to report on; each is one file, or one per month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Transactions,
    AppEvents,
    Customers,
    Accounts,
    Holdings,
    Contacts,
    Applications,
}

const TABLES: [Table; 7] = [
    Table::Transactions,
    Table::AppEvents,
    Table::Customers,
    Table::Accounts,
    Table::Holdings,
    Table::Contacts,
    Table::Applications,
];

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Table::Transactions => "transactions",
            Table::AppEvents => "app_events",
            Table::Customers => "customers",
            Table::Accounts => "accounts",
            Table::Holdings => "holdings",
            Table::Contacts => "contacts",
            Table::Applications => "applications",
        }
    }

    /// Rows per customer, about: for the progress only.
    fn density(self) -> f64 {
        match self {
            Table::Transactions => 25.0,
            Table::AppEvents => 10.0,
            Table::Customers => 1.0,
            Table::Accounts => 2.5,
            Table::Holdings => 2.2,
            Table::Contacts => 1.7,
            Table::Applications => 0.2,
        }
    }
}

struct Job {
    table: Table,
    month: Option<Month>,
}

enum News {
    /// The job has so many more rows.
    Rows(Table, u64),
    /// The job of this number wrote these files.
    Done(usize, Vec<(String, u64)>),
    Failed(DemoError),
}

/// What every job works from.
pub struct Plan<'a> {
    pub dir: &'a Path,
    pub months: &'a [Month],
    pub population: &'a Population,
    pub seed: u64,
    pub threads: usize,
}

/// Writes all Parquet files; their paths below the folder and their rows, always in the same order.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&str, u64, u64)) -> Result<Vec<(String, u64)>, DemoError> {
    let jobs: Vec<Job> = TABLES
        .into_iter()
        .flat_map(|table| match table {
            Table::Transactions | Table::AppEvents => {
                plan.months.iter().map(|month| Job { table, month: Some(month.clone()) }).collect()
            }
            _ => vec![Job { table, month: None }],
        })
        .collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..plan.threads.max(1) {
            let (sender, jobs, next) = (sender.clone(), &jobs, &next);
            scope.spawn(move || {
                while let Some((number, job)) = take(jobs, next) {
                    let news = match work(plan, job, &sender) {
                        Ok(files) => News::Done(number, files),
                        Err(error) => {
                            // Nobody begins another file after a failure.
                            next.store(jobs.len(), Ordering::Relaxed);
                            News::Failed(error)
                        }
                    };
                    // The receiver outlives the threads.
                    let _ = sender.send(news);
                }
            });
        }
        drop(sender);
        listen(&receiver, &jobs, plan.population.size(), progress)
    })
}

fn take<'a>(jobs: &'a [Job], next: &AtomicUsize) -> Option<(usize, &'a Job)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(number).map(|job| (number, job))
}

fn listen(
    receiver: &mpsc::Receiver<News>,
    jobs: &[Job],
    customers: u64,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<Vec<(String, u64)>, DemoError> {
    let mut rows = TABLES.map(|table| (table, 0u64));
    let mut files: Vec<(usize, Vec<(String, u64)>)> = Vec::new();
    let mut failure = None;
    for news in receiver {
        match news {
            News::Rows(table, more) => {
                for (_, done) in rows.iter_mut().filter(|row| row.0 == table) {
                    *done += more;
                    let expected = (table.density() * customers as f64) as u64;
                    progress(table.name(), *done, expected.max(*done));
                }
            }
            News::Done(number, written) => {
                files.push((number, written));
                let table = jobs.get(number).map(|job| job.table);
                let all = jobs.iter().filter(|job| Some(job.table) == table).count();
                let ready =
                    files.iter().filter(|(done, _)| jobs.get(*done).map(|job| job.table) == table).count();
                for (table, done) in rows.iter().filter(|row| all == ready && Some(row.0) == table) {
                    progress(table.name(), *done, *done);
                }
            }
            News::Failed(error) => failure = failure.or(Some(error)),
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    files.sort_by_key(|file| file.0);
    Ok(files.into_iter().flat_map(|file| file.1).collect())
}

fn work(plan: &Plan, job: &Job, sender: &mpsc::Sender<News>) -> Result<Vec<(String, u64)>, DemoError> {
    let mut reported = 0;
    let mut report = |rows: u64| {
        let _ = sender.send(News::Rows(job.table, rows - reported));
        reported = rows;
    };
    let (people, seed) = (plan.population, plan.seed);
    let name = match &job.month {
        Some(month) => format!("data/{}/{}.parquet", job.table.name(), month.name),
        None => format!("data/{}.parquet", job.table.name()),
    };
    let path = plan.dir.join(&name);
    let rows = match (job.table, &job.month) {
        (Table::Transactions, Some(month)) => {
            transactions::write_month(&path, month, people, seed, &mut report)?
        }
        (Table::AppEvents, Some(month)) => app::write_month(&path, month, people, seed, &mut report)?,
        (Table::Accounts, _) => accounts::write(&path, people, seed, &mut report)?,
        (Table::Holdings, _) => products::write_holdings(&path, people, seed, &mut report)?,
        (Table::Applications, _) => {
            let first = plan.months.first().map_or(people.as_of, |month| month.first);
            applications::write(&path, first, people, seed, &mut report)?
        }
        (Table::Contacts, _) => {
            let answers = "data/responses.parquet".to_owned();
            let (sent, back) = campaigns::write(&path, &plan.dir.join(&answers), people, seed, &mut report)?;
            return Ok(vec![(name, sent), (answers, back)]);
        }
        (Table::Customers | Table::Transactions | Table::AppEvents, _) => {
            customers::write(&path, people, seed, &mut report)?
        }
    };
    Ok(vec![(name, rows)])
}
