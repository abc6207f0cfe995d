//! Sources that lie in an object store: `s3://bucket/folder/*.parquet`.
//!
//! A store is asked for the objects below a folder, and for ranges of their bytes. What it is told of a machine's keys to it is
//! in the environment, under the names that the store's own tools know.

use super::error::FileError;
use super::files::{
    FileInfo, Found, Listing, MATCHING, Stamp, below, is_glob, is_hidden, local, of_one_format,
};
use super::source::Input;
use crate::catalog::CatalogError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::TryStreamExt;
use glob::Pattern;
use object_store::path::Path as StorePath;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::runtime::Handle;

/// What is read at first of an object that is read from start to end, and what at most at a time.
const LEAST: u64 = 256 << 10;
const MOST: u64 = 8 << 20;

/// A pattern of objects in a store.
pub(super) struct Address {
    /// As it stands in the script: `s3://bucket`.
    store: String,
    /// What is behind it.
    pattern: String,
}

impl Address {
    /// None of a local pattern.
    pub fn of(pattern: &str) -> Option<Address> {
        let (scheme, rest) = pattern.split_once("://")?;
        let is_scheme = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_scheme || scheme == "file" {
            return None;
        }
        let (host, behind) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Address {
            store: format!("{scheme}://{host}"),
            pattern: behind.trim_end_matches('/').to_string(),
        })
    }

    /// The objects that it means.
    pub async fn list(&self, environment: &RuntimeEnv) -> Result<Listing, CatalogError> {
        let whole = format!("{}/{}", self.store, self.pattern);
        let unreadable = |reason: String| CatalogError::Unreadable { file: whole.clone(), reason };
        let url = ObjectStoreUrl::parse(&self.store).ok().filter(|_| !self.store.ends_with('/'));
        let url = url.ok_or_else(|| unreadable(format!("`{}` names no store", self.store)))?;
        let store = Store::of(environment, url).map_err(unreadable)?;
        let objects = self.objects(store.objects.as_ref()).await.map_err(|e| unreadable(words(&e)))?;
        let named = objects.into_iter().map(|object| (format!("{}/{}", self.store, object.location), object));
        let (format, known) = of_one_format(named.collect(), &whole, &|| whole.clone())?;
        let files = known.into_iter().map(|(name, object)| found(name, object)).collect();
        Ok(Listing { store: store.url, format, files })
    }

    /// In the order of their names.
    async fn objects(&self, store: &dyn ObjectStore) -> Result<Vec<ObjectMeta>, Error> {
        let pattern = below(&self.pattern);
        let glob = if pattern.is_empty() {
            None
        } else if is_glob(pattern) {
            Some(Pattern::new(pattern).map_err(|e| Error::Generic { store: "pattern", source: e.into() })?)
        } else {
            match store.head(&StorePath::parse(pattern)?).await {
                Ok(object) => return Ok(vec![object]),
                Err(Error::NotFound { .. }) => None,
                Err(e) => return Err(e),
            }
        };
        // The folders before the first sign that stands for others.
        let folder = match glob {
            Some(_) => pattern.split_inclusive('/').take_while(|part| !is_glob(part)).collect(),
            None => pattern.to_string(),
        };
        let is_wanted = |object: &ObjectMeta| match &glob {
            Some(glob) => is_below(object.location.as_ref(), &|name| {
                !name.is_empty() && glob.matches_with(name, MATCHING)
            }),
            None => is_below(object.location.as_ref(), &|name| name == pattern),
        };
        let mut objects: Vec<_> = match store.list(Some(&StorePath::parse(&folder)?)).try_collect().await {
            Err(Error::NotFound { .. }) => Vec::new(),
            // Few web servers list what they have.
            Err(Error::Generic { .. }) if self.store.starts_with("http") && glob.is_none() => Vec::new(),
            objects => objects?,
        };
        objects.retain(is_wanted);
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(objects)
    }
}

fn found(path: String, meta: ObjectMeta) -> Found {
    let mut folders: Vec<_> = meta.location.parts().map(|part| part.as_ref().to_string()).collect();
    folders.pop();
    let modified = SystemTime::from(meta.last_modified);
    Found { info: FileInfo { path, size: meta.size, modified }, meta, folders, stamp: Stamp::default() }
}

/// Whether the object, or a folder that it is in (the store has no name), is one that is looked for; what is hidden in such a folder is not.
fn is_below(object: &str, is_wanted: &dyn Fn(&str) -> bool) -> bool {
    let slashes = object.match_indices('/').map(|(at, _)| at);
    let mut names = [0].into_iter().chain(slashes).chain([object.len()]).map(|end| object.split_at(end));
    names.any(|(name, behind)| is_wanted(name) && !behind.split('/').any(is_hidden))
}

/// Where files are: the disk, or an object store.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub url: ObjectStoreUrl,
    pub objects: Arc<dyn ObjectStore>,
}

impl Store {
    /// Made when it is first asked for.
    pub fn of(environment: &RuntimeEnv, url: ObjectStoreUrl) -> Result<Store, String> {
        if let Ok(objects) = environment.object_store(&url) {
            return Ok(Store { url, objects });
        }
        let objects = opened(&url)?;
        environment.register_object_store(url.as_ref(), Arc::clone(&objects));
        Ok(Store { url, objects })
    }

    pub fn is_local(&self) -> bool {
        self.url == ObjectStoreUrl::local_filesystem()
    }

    /// What a file is read from. `name`: as the script would write it.
    pub fn input(&self, file: &ObjectMeta, name: &str) -> Result<Box<dyn Input>, FileError> {
        if !self.is_local() {
            return Ok(Box::new(Ranges::new(Arc::clone(&self.objects), file.clone())));
        }
        let file = File::open(local(&file.location, name)?);
        Ok(Box::new(file.map_err(|e| FileError::new(name, e.to_string()))?))
    }
}

#[cfg(not(feature = "cloud"))]
fn opened(_: &ObjectStoreUrl) -> Result<Arc<dyn ObjectStore>, String> {
    let words =
        "this build of segue reads local files only; one built with `--features cloud` reads object stores";
    Err(words.to_string())
}

#[cfg(feature = "cloud")]
fn opened(url: &ObjectStoreUrl) -> Result<Arc<dyn ObjectStore>, String> {
    use object_store::aws::AmazonS3Builder;
    use object_store::azure::MicrosoftAzureBuilder;
    use object_store::gcp::GoogleCloudStorageBuilder;
    use object_store::http::HttpBuilder;
    use object_store::{ClientOptions, RetryConfig};
    use std::time::Duration;

    // Somebody waits for it.
    let retry =
        RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
    let address = url.as_str();
    let scheme = address.split("://").next().unwrap_or_default();
    let made: Result<Arc<dyn ObjectStore>, Error> = match scheme {
        "s3" | "s3a" => AmazonS3Builder::from_env()
            .with_url(address)
            .with_retry(retry)
            .build()
            .map(|store| Arc::new(store) as _),
        "gs" => GoogleCloudStorageBuilder::from_env()
            .with_url(address)
            .with_retry(retry)
            .build()
            .map(|store| Arc::new(store) as _),
        "az" | "azure" | "adl" | "abfs" | "abfss" => MicrosoftAzureBuilder::from_env()
            .with_url(address)
            .with_retry(retry)
            .build()
            .map(|store| Arc::new(store) as _),
        "http" | "https" => HttpBuilder::new()
            .with_url(address)
            .with_client_options(ClientOptions::new().with_allow_http(scheme == "http"))
            .with_retry(retry)
            .build()
            .map(|store| Arc::new(store) as _),
        _ => {
            return Err(format!(
                "{scheme}:// is none of the stores that are known: s3, gs, az, abfs, abfss, http, https"
            ));
        }
    };
    made.map_err(|e| words(&e))
}

/// What a store says went wrong, in a line: without the names of its client, and of its answer the message.
pub(super) fn words(error: &Error) -> String {
    let words = match error {
        Error::NotFound { .. } => "there is no such object".to_string(),
        Error::Generic { source, .. } => source.to_string(),
        error => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    };
    let (said, answer) = words.split_once('<').unwrap_or((&words, ""));
    let message = answer.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    let said = said.trim_end_matches([':', ' ', '\n']);
    message.map_or_else(|| said.to_string(), |(message, _)| format!("{said}: {message}"))
}

/// An object as a file: its bytes are fetched some megabytes at a time. It waits for them, on a thread of the engine.
pub(super) struct Ranges {
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
            // Twice as much each time: a sample is small, a file large.
            let wanted = (self.fetched.1.len() as u64 * 2).clamp(LEAST, MOST);
            let range = self.at..self.at.saturating_add(wanted).min(self.object.size);
            let bytes = self.store.get_range(&self.object.location, range);
            let bytes = tokio::task::block_in_place(|| self.runtime.block_on(bytes));
            self.fetched = (self.at, Vec::from(bytes.map_err(|e| io::Error::other(words(&e)))?));
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
