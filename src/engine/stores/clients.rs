//! The clients of the stores, in a build that has them.

use object_store::{Error, ObjectStore, Result};
use std::sync::Arc;

fn unknown(words: String) -> Error {
    Error::Generic { store: "stores", source: words.into() }
}

#[cfg(not(feature = "cloud"))]
pub(super) fn opened(_: &str) -> Result<Arc<dyn ObjectStore>> {
    let words =
        "this build of segue reads local files only; one built with `--features cloud` reads object stores";
    Err(unknown(words.to_string()))
}

#[cfg(feature = "cloud")]
pub(super) fn opened(address: &str) -> Result<Arc<dyn ObjectStore>> {
    use object_store::aws::AmazonS3Builder;
    use object_store::azure::MicrosoftAzureBuilder;
    use object_store::gcp::GoogleCloudStorageBuilder;
    use object_store::http::HttpBuilder;
    use object_store::{ClientOptions, RetryConfig};
    use std::time::Duration;

    // Somebody waits for it: a store that is not there is said after a second, one that never answers after half a minute.
    let retry =
        RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
    let scheme = address.split("://").next().unwrap_or_default();
    Ok(match scheme {
        "s3" | "s3a" => Arc::new(AmazonS3Builder::from_env().with_url(address).with_retry(retry).build()?),
        "gs" => Arc::new(GoogleCloudStorageBuilder::from_env().with_url(address).with_retry(retry).build()?),
        "az" | "azure" | "adl" | "abfs" | "abfss" => {
            Arc::new(MicrosoftAzureBuilder::from_env().with_url(address).with_retry(retry).build()?)
        }
        "http" | "https" => {
            let options = ClientOptions::new().with_allow_http(scheme == "http");
            let client = HttpBuilder::new().with_url(address).with_client_options(options);
            Arc::new(client.with_retry(retry).build()?)
        }
        _ => {
            let known = "s3, gs, az, abfs, abfss, http, https";
            return Err(unknown(format!("{scheme}:// is none of the stores that are known: {known}")));
        }
    })
}
