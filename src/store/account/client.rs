//! One HTTP client for all containers of an account, which counts what it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::store::Error;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a service may send nothing at all.
const SILENCE: Duration = Duration::from_secs(20);
/// Connections kept to one service.
const CONNECTIONS: usize = 64;

/// A client that all containers of an account share, and their connections with it.
#[derive(Clone, Debug)]
pub struct Client {
    inner: HttpClient,
    requests: Arc<AtomicU64>,
}

impl Client {
    /// For an account whose endpoint begins with `http://` or not.
    pub(super) fn new(account: &str, allow_http: bool) -> Result<Client, Error> {
        let refused = |error: object_store::Error| Error::Settings {
            account: account.to_owned(),
            problem: format!("no HTTP client can be made: {error}"),
        };
        let inner = ReqwestConnector::default().connect(&options(allow_http)).map_err(refused)?;
        Ok(Client { inner, requests: Arc::default() })
    }

    /// Sends one request.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.call(request).await
    }

    /// How many requests were sent.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.inner.execute(request).await
    }
}

impl HttpConnector for Client {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// Whole answers have no time limit, as downloads last; silence has.
pub(super) fn options(allow_http: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(allow_http)
        .with_connect_timeout(CONNECT)
        .with_read_timeout(SILENCE)
        .with_timeout_disabled()
        .with_pool_max_idle_per_host(CONNECTIONS)
}

/// What a service answers with 5xx or 429, and connections that fail, are tried again this often.
pub(super) fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 };
    RetryConfig { backoff, max_retries: 4, retry_timeout: Duration::from_secs(15) }
}
