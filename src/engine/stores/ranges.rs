//! An object as a file.

use super::lake::told;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;

/// What is fetched at first, and what at most at a time.
const LEAST: u64 = 64 << 10;
const MOST: u64 = 8 << 20;

/// An object that is read as a file: its bytes are fetched some megabytes at a time. It waits for them, on a thread of the engine.
pub(in super::super) struct Ranges {
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    at: u64,
    /// Where the bytes begin that were fetched last, and these.
    fetched: (u64, Vec<u8>),
    runtime: Handle,
}

impl Ranges {
    /// To be made, and read, within the engine's runtime.
    pub fn new(store: Arc<dyn ObjectStore>, object: ObjectMeta) -> Ranges {
        Ranges { store, object, at: 0, fetched: (0, Vec::new()), runtime: Handle::current() }
    }

    /// With the first bytes at hand.
    pub async fn begun(mut self) -> Result<Ranges, Error> {
        let range = self.next();
        if !range.is_empty() {
            self.fetched = (0, Vec::from(self.store.get_range(&self.object.location, range).await?));
        }
        Ok(self)
    }

    /// What is fetched next: twice as much each time, since a sample is small and a file large.
    fn next(&self) -> Range<u64> {
        let wanted = (self.fetched.1.len() as u64 * 2).clamp(LEAST, MOST);
        self.at..self.at.saturating_add(wanted).min(self.object.size)
    }

    /// The bytes from here on that are at hand.
    fn at_hand(&self) -> &[u8] {
        let (start, bytes) = &self.fetched;
        let behind = self.at.checked_sub(*start).and_then(|skipped| usize::try_from(skipped).ok());
        behind.and_then(|skipped| bytes.get(skipped..)).unwrap_or_default()
    }
}

impl Read for Ranges {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at_hand().is_empty() && self.at < self.object.size {
            let bytes = self.store.get_range(&self.object.location, self.next());
            let bytes = tokio::task::block_in_place(|| self.runtime.block_on(bytes));
            let bytes = bytes.map_err(|e| io::Error::other(told("", &e).message))?;
            self.fetched = (self.at, Vec::from(bytes));
        }
        let count = self.at_hand().read(into)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Ranges {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(from) => self.object.size.checked_add_signed(from),
            SeekFrom::Current(from) => self.at.checked_add_signed(from),
        };
        self.at = to.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
