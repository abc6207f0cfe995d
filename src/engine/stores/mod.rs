//! Sources that lie in an object store: `s3://bucket/folder/*.parquet`.
//!
//! A store is asked for the objects below a folder, and for ranges of their bytes. What it is told of a machine's keys to it is
//! in the environment, under the names that the store's own tools know.

mod clients;
mod lake;
mod ranges;

pub(super) use lake::{Lake, told, url};
pub(super) use ranges::Ranges;

use super::error::FileError;
use super::files::{
    FileInfo, Format, Found, Listing, MATCHING, Stamp, below, is_glob, is_hidden, local, of_one_format,
};
use super::parquet::AT_ONCE;
use super::source::Input;
use crate::catalog::CatalogError;
use datafusion::common::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::{FutureExt, StreamExt, TryStreamExt};
use glob::Pattern;
use object_store::path::Path as StorePath;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::error::Error as _;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

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
            store: format!("{}://{host}", scheme.to_lowercase()),
            pattern: behind.trim_end_matches('/').to_string(),
        })
    }

    /// The objects that it means.
    pub async fn list(&self, lake: &Lake) -> Result<Listing, CatalogError> {
        self.check()?;
        let whole = self.whole(&self.pattern);
        let unreadable = |reason: String| CatalogError::Unreadable { file: whole.clone(), reason };
        let store = lake.store(&self.store).map_err(|e| unreadable(words(&e)))?;
        let objects = self.objects(store.as_ref()).await.map_err(|e| unreadable(words(&e)))?;
        let named = objects.into_iter().map(|object| (self.whole(object.location.as_ref()), object));
        let (format, known) = of_one_format(named.collect(), &whole, &|| whole.clone())?;
        let found = |(name, object)| self.found(lake, name, object);
        let files = known.into_iter().map(found).collect::<Result<_, _>>();
        Ok(Listing { store: url(), format, files: files.map_err(|e| unreadable(words(&e)))? })
    }

    fn whole(&self, key: &str) -> String {
        format!("{}/{key}", self.store)
    }

    fn is_web(&self) -> bool {
        self.store.starts_with("http://") || self.store.starts_with("https://")
    }

    /// What is no address; what may be a secret in it is not repeated.
    fn check(&self) -> Result<(), CatalogError> {
        let (scheme, host) = self.store.split_once("://").unwrap_or((&self.store, ""));
        let refused = |reason: &str| {
            Err(CatalogError::Unreadable { file: format!("{scheme}://…"), reason: reason.to_string() })
        };
        // `abfss://container@account…` names a container.
        let (user, has_user) = host.rsplit_once('@').map_or(("", false), |(user, _)| (user, true));
        let has_secret = user.contains(':') || (has_user && !scheme.starts_with("abfs"));
        let query = self.pattern.split_once('?').map_or("", |(_, query)| query).to_lowercase();
        let is_signed = query.contains("sig=") || query.contains("signature=");
        if host.is_empty() {
            refused("it names no store")
        } else if has_secret || is_signed || (self.is_web() && self.pattern.contains('?')) {
            refused("names, passwords and signatures do not belong into a script")
        } else {
            Ok(())
        }
    }

    /// Those that are meant, in the order of their names.
    async fn objects(&self, store: &dyn ObjectStore) -> Result<Vec<ObjectMeta>, Error> {
        let pattern = below(&self.pattern);
        let path = |text: &str| match self.is_web() {
            // There it is written with `%20` for a space.
            true => StorePath::from_url_path(text),
            false => StorePath::parse(text),
        };
        let glob = if is_glob(pattern) {
            let glob = Pattern::new(pattern);
            Some(glob.map_err(|e| Error::Generic { store: "pattern", source: e.into() })?)
        } else {
            if !pattern.is_empty() {
                match store.head(&path(pattern)?).await {
                    // An empty one may stand for a folder.
                    Ok(object) if object.size > 0 || Format::of(Path::new(pattern)).is_some() => {
                        return Ok(vec![object]);
                    }
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(e) => return Err(e),
                }
            }
            None
        };
        // The folders before the first sign that stands for others.
        let folder: String = match glob {
            Some(_) => pattern.split_inclusive('/').take_while(|part| !is_glob(part)).collect(),
            None => pattern.to_string(),
        };
        let mut objects: Vec<_> = match store.list(Some(&path(&folder)?)).try_collect().await {
            Err(Error::NotFound { .. }) => Vec::new(),
            // Few web servers list what they have.
            Err(_) if self.is_web() && glob.is_none() => Vec::new(),
            objects => objects?,
        };
        objects.sort_by(|a, b| a.location.parts().cmp(b.location.parts()));
        let mut objects = without_markers(objects, pattern);
        let named = |object: &ObjectMeta| is_below(object.location.as_ref(), &|name| name == pattern);
        match glob {
            // A name with such signs in it comes first, as on the disk.
            Some(glob) if !objects.iter().any(named) => objects.retain(|object| {
                let matches = |name: &str| !name.is_empty() && glob.matches_with(name, MATCHING);
                is_below(object.location.as_ref(), &matches)
            }),
            _ => objects.retain(named),
        }
        Ok(objects)
    }

    fn found(&self, lake: &Lake, path: String, object: ObjectMeta) -> Result<Found, Error> {
        let mut folders: Vec<_> = object.location.parts().map(|part| part.as_ref().to_string()).collect();
        folders.pop();
        let info = FileInfo { path, size: object.size, modified: SystemTime::from(object.last_modified) };
        Ok(Found { info, meta: lake.placed(&self.store, object)?, folders, stamp: Stamp::default() })
    }
}

/// Some tools put an empty object where a folder is: before what is in it, as they are in order, or where `folder` is itself.
fn without_markers(objects: Vec<ObjectMeta>, folder: &str) -> Vec<ObjectMeta> {
    let next = objects.iter().skip(1).map(Some).chain([None]);
    let is_kept = objects.iter().zip(next).map(|(object, next)| {
        let is_folder = next.is_some_and(|next| next.location.prefix_matches(&object.location));
        object.size > 0 || !(is_folder || object.location.as_ref() == folder)
    });
    let is_kept: Vec<bool> = is_kept.collect();
    objects.into_iter().zip(is_kept).filter_map(|(object, is_kept)| is_kept.then_some(object)).collect()
}

/// Whether the object, or a folder that it is in (the store itself has no name), is one that is looked for; what is hidden in
/// such a folder is not.
fn is_below(object: &str, is_wanted: &dyn Fn(&str) -> bool) -> bool {
    let slashes = object.match_indices('/').map(|(at, _)| at);
    let mut names = [0].into_iter().chain(slashes).chain([object.len()]).map(|end| object.split_at(end));
    names.any(|(name, behind)| is_wanted(name) && !behind.split('/').any(is_hidden))
}

/// Whether what lies there is on the disk.
pub(super) fn is_local(url: &ObjectStoreUrl) -> bool {
    *url == ObjectStoreUrl::local_filesystem()
}

/// Where files are: the disk, or the object stores.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub url: ObjectStoreUrl,
    pub objects: Arc<dyn ObjectStore>,
}

impl Store {
    pub fn of(environment: &RuntimeEnv, url: &ObjectStoreUrl) -> Result<Store> {
        Ok(Store { url: url.clone(), objects: environment.object_store(url)? })
    }

    pub fn is_local(&self) -> bool {
        is_local(&self.url)
    }

    /// What a file is read from. `name`: as the script would write it.
    pub fn input(&self, file: &ObjectMeta, name: &str) -> Result<Box<dyn Input>, FileError> {
        if !self.is_local() {
            return Ok(Box::new(Ranges::new(Arc::clone(&self.objects), file.clone())));
        }
        let file = File::open(local(&file.location, name)?);
        Ok(Box::new(file.map_err(|e| FileError::new(name, e.to_string()))?))
    }

    /// The same of several files of which the beginning is read: those of a store are asked for together.
    pub async fn inputs(&self, files: &[Found]) -> Result<Vec<Box<dyn Input>>, FileError> {
        if self.is_local() {
            return files.iter().map(|found| self.input(&found.meta, &found.info.path)).collect();
        }
        let begun = files.iter().map(|found| {
            let ranges = Ranges::new(Arc::clone(&self.objects), found.meta.clone()).begun();
            async { Ok(Box::new(ranges.await.map_err(|e| told(&found.info.path, &e))?) as Box<dyn Input>) }
                .boxed()
        });
        let begun: Vec<_> = begun.collect();
        futures::stream::iter(begun).buffered(AT_ONCE).try_collect().await
    }
}

/// What a store says went wrong, in a line: without what its client did meanwhile, and of its answer the message.
pub(super) fn words(error: &Error) -> String {
    let words = match error {
        Error::NotFound { .. } => "there is no such object".to_string(),
        Error::Generic { source, .. } => source.to_string(),
        error => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    };
    // A machine in the cloud is asked for its keys where the environment has none.
    if words.contains("169.254.169.254") || words.contains("token request") {
        return "there are no keys to the store in the environment".to_string();
    }
    let words = match words.rsplit_once(" - ") {
        Some((doing, said)) if doing.contains("Error performing") => said,
        _ => &words,
    };
    if words.contains("error sending request") {
        return "the store does not answer".to_string();
    }
    let (said, answer) = words.split_once('<').unwrap_or((words, ""));
    let message = answer.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    let said = said.trim_end_matches([':', ' ', '\n']);
    message.map_or_else(|| said.to_string(), |(message, _)| format!("{said}: {message}"))
}
