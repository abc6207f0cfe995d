//! All object stores as one.
//!
//! DataFusion tells stores apart by less than their addresses, and keeps what it read of a file under its path alone. So the path
//! of an object begins here with its store and with what it was when it was listed: no two are taken for each other, and
//! an object that was changed since is not read.

use super::super::error::FileError;
use super::clients::opened;
use super::words;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, ListResult, MultipartUpload,
    OBJECT_STORE_COALESCE_DEFAULT, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, coalesce_ranges,
};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// The most that is asked for at a time, so that a slow line gives it before the request is given up.
const PIECE: u64 = 4 << 20;

/// Pieces that are asked for at a time, by all threads: more would share the line, and each take longer.
const AT_ONCE: usize = 8;

/// Where DataFusion finds it.
pub(in super::super) fn url() -> ObjectStoreUrl {
    ObjectStoreUrl::parse("lake://all").unwrap_or_else(|_| ObjectStoreUrl::local_filesystem())
}

/// The stores that were asked for, by their addresses.
#[derive(Debug)]
pub(in super::super) struct Lake {
    stores: Mutex<Vec<(String, Arc<dyn ObjectStore>)>>,
    /// One for each piece that may be asked for at a time.
    lines: Semaphore,
}

/// An object, as it was when it was listed.
struct Place {
    address: String,
    store: Arc<dyn ObjectStore>,
    key: Path,
    version: String,
}

impl Default for Lake {
    fn default() -> Lake {
        Lake { stores: Mutex::default(), lines: Semaphore::new(AT_ONCE) }
    }
}

impl Lake {
    /// Made when it is first asked for.
    pub fn store(&self, address: &str) -> Result<Arc<dyn ObjectStore>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, store)) = stores.iter().find(|(known, _)| known == address) {
            return Ok(Arc::clone(store));
        }
        let store = opened(address)?;
        stores.push((address.to_string(), Arc::clone(&store)));
        Ok(store)
    }

    #[cfg(test)]
    pub fn add(&self, address: &str, store: Arc<dyn ObjectStore>) {
        self.stores.lock().unwrap().push((address.to_string(), store));
    }

    /// An object of one of the stores, with the path that it has here.
    pub fn placed(&self, address: &str, object: ObjectMeta) -> Result<ObjectMeta> {
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let number = stores.iter().position(|(known, _)| known == address).unwrap_or(stores.len());
        let location = Path::parse(format!("{number}/{}/{}", version(&object), object.location))?;
        Ok(ObjectMeta { location, ..object })
    }

    fn place(&self, location: &Path) -> Result<Place> {
        let nowhere = || Error::NotFound { path: location.to_string(), source: "no store".into() };
        let mut parts = location.as_ref().splitn(3, '/');
        let (Some(number), Some(version), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(nowhere());
        };
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let known = number.parse().ok().and_then(|number: usize| stores.get(number));
        let (address, store) = known.ok_or_else(nowhere)?;
        let (address, store) = (address.clone(), Arc::clone(store));
        Ok(Place { address, store, key: Path::parse(key)?, version: version.to_string() })
    }

    /// A range in pieces that are not too large.
    async fn range(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
        let starts = range.clone().step_by(usize::try_from(PIECE).unwrap_or(usize::MAX));
        let pieces = starts.map(|start| self.piece(location, start..range.end.min(start + PIECE)));
        let pieces: Vec<_> = pieces.collect();
        let mut pieces: Vec<Bytes> = futures::stream::iter(pieces).buffered(AT_ONCE).try_collect().await?;
        match pieces.len() {
            1 => Ok(pieces.remove(0)),
            _ => Ok(pieces.concat().into()),
        }
    }

    async fn piece(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
        let place = self.place(location)?;
        // It is never closed.
        let _line = self.lines.acquire().await;
        let length = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let bytes = self.get_opts(location, options).await?.bytes().await.map_err(|e| place.told(&e))?;
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(place.failed("ends before its end".to_string()))
        }
    }
}

/// Its size, the second in which it was written, and a hash of its ETag.
fn version(object: &ObjectMeta) -> String {
    // Lists, answers and stores differ in how they write one.
    let e_tag = object.e_tag.as_deref().map(|e_tag| e_tag.trim_start_matches("W/").trim_matches('"'));
    let e_tag = e_tag.map(|e_tag| {
        let mut hasher = DefaultHasher::new();
        e_tag.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    });
    format!("{}-{}-{}", object.size, object.last_modified.timestamp(), e_tag.unwrap_or_default())
}

impl Place {
    /// Whether it is what was listed, as far as both times the store said so.
    fn is(&self, now: &ObjectMeta) -> bool {
        let now = version(now);
        match (self.version.rsplit_once('-'), now.rsplit_once('-')) {
            (Some((when, e_tag)), Some((now_when, now_e_tag))) => {
                when == now_when && (e_tag == now_e_tag || e_tag.is_empty() || now_e_tag.is_empty())
            }
            _ => false,
        }
    }

    fn failed(&self, message: String) -> Error {
        let file = format!("{}/{}", self.address, self.key);
        Error::Generic { store: "lake", source: Box::new(FileError::new(file, message)) }
    }

    fn told(&self, error: &Error) -> Error {
        self.failed(match error {
            Error::NotFound { .. } => format!("cannot be read any more ({})", words(error)),
            error => words(error),
        })
    }
}

/// Whose fault it is that a file cannot be read.
pub(in super::super) fn told(name: &str, error: &Error) -> FileError {
    let known = match error {
        Error::Generic { source, .. } => source.downcast_ref::<FileError>(),
        _ => None,
    };
    known.cloned().unwrap_or_else(|| FileError::new(name, words(error)))
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lake")
    }
}

/// It is read only.
fn refused(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_string(), implementer: "Lake".to_string() }
}

#[async_trait]
impl ObjectStore for Lake {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let place = self.place(location)?;
        let got = place.store.get_opts(&place.key, options).await.map_err(|e| place.told(&e))?;
        if !place.is(&got.meta) {
            return Err(place.failed("was changed since it was opened; run again".to_string()));
        }
        let meta = ObjectMeta { location: location.clone(), ..got.meta };
        Ok(GetResult { meta, ..got })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let fetch = |range| self.range(location, range);
        coalesce_ranges(ranges, fetch, OBJECT_STORE_COALESCE_DEFAULT).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("put"))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(refused("delete")) }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::once(async { Err(refused("list")) }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(refused("list"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("copy"))
    }
}
