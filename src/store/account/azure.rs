//! Azure Blob Storage: a container for each asset.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Limited};
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, StatusCode};
use object_store::ObjectStore;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureConfigKey, MicrosoftAzureBuilder, split_sas};
use object_store::client::HttpRequestBody;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{self, Client};
use super::settings::AzureCredential;
use crate::secrets::SecretBytes;
use crate::store::Error;
use crate::store::sas::{Grant, Sas};
use crate::xml;

/// The most bytes of an answer that is no file: a page of 5,000 container names.
const MAX_ANSWER: usize = 4 << 20;

/// An account of Azure Blob Storage.
pub struct Azure {
    name: String,
    account: String,
    /// Without a slash at its end.
    endpoint: String,
    credential: AzureCredential,
    /// The same, as the crate wants it for its signatures.
    signing: object_store::azure::AzureCredential,
    client: Client,
}

/// Without the credential.
impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure").field("account", &self.account).field("endpoint", &self.endpoint).finish()
    }
}

impl Azure {
    pub(super) fn open(
        name: &str,
        account: String,
        endpoint: Option<String>,
        credential: AzureCredential,
    ) -> Result<Azure, Error> {
        let refuse = |problem: &str| Error::Settings { account: name.to_owned(), problem: problem.to_owned() };
        let endpoint = endpoint.unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if url::Url::parse(&endpoint).is_err() {
            return Err(refuse("its endpoint is no URL"));
        }
        let signing = match &credential {
            AzureCredential::Key(key) => {
                let key = text(key).and_then(|key| AzureAccessKey::try_new(key).ok());
                object_store::azure::AzureCredential::AccessKey(key.ok_or_else(|| refuse("its key is not base64"))?)
            }
            AzureCredential::Sas(sas) => {
                let pairs = text(sas).and_then(|sas| split_sas(sas.trim_start_matches('?')).ok());
                let pairs = pairs.ok_or_else(|| refuse("its shared access signature is no query string"))?;
                object_store::azure::AzureCredential::SASToken(pairs)
            }
        };
        let client = Client::new(name, endpoint.starts_with("http://"))?;
        Ok(Azure { name: name.to_owned(), account, endpoint, credential, signing, client })
    }

    /// The HTTP client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn container(&self, container: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        let plain = self.endpoint.starts_with("http://");
        let mut builder = MicrosoftAzureBuilder::new()
            .with_account(&self.account)
            .with_endpoint(self.endpoint.clone())
            .with_container_name(container)
            .with_allow_http(plain)
            .with_client_options(client::options(plain))
            .with_retry(client::retry())
            .with_http_connector(self.client.clone());
        builder = match &self.credential {
            AzureCredential::Key(key) => builder.with_access_key(text(key).unwrap_or_default().trim()),
            AzureCredential::Sas(sas) => {
                builder.with_config(AzureConfigKey::SasKey, text(sas).unwrap_or_default().trim())
            }
        };
        let store = builder.build().map_err(|error| self.failed(container, &error.to_string()))?;
        Ok(Arc::new(store))
    }

    /// The URL of a container, without a query.
    pub fn container_url(&self, container: &str) -> String {
        format!("{}/{container}", self.endpoint)
    }

    /// A signed URL of a container, by the account's key.
    ///
    /// # Errors
    /// [`Error::Settings`] for an account that is itself reached by a shared access signature.
    pub fn signed_container_url(&self, container: &str, grant: &Grant) -> Result<String, Error> {
        let problem = "URLs can be signed with the account's key alone; set its key instead of its signature";
        let AzureCredential::Key(key) = &self.credential else {
            return Err(Error::Settings { account: self.name.clone(), problem: problem.to_owned() });
        };
        let key = text(key).and_then(|key| STANDARD.decode(key.trim()).ok()).unwrap_or_default();
        let key = SecretBytes::new(key);
        // The service would look for a stored policy of that name; expiry and permissions are in the URL.
        let grant = Grant { identifier: None, ..grant.clone() };
        let query = Sas::for_container(&key, &self.account, container, &grant);
        Ok(format!("{}?{query}", self.container_url(container)))
    }

    /// "Create Container".
    pub(super) async fn create(&self, container: &str) -> Result<(), Error> {
        let (status, body) = self.ask(Method::PUT, &format!("/{container}?restype=container"), container).await?;
        match status {
            StatusCode::CREATED | StatusCode::CONFLICT if !body.contains("ContainerBeingDeleted") => Ok(()),
            _ => Err(self.answered(container, status, &body)),
        }
    }

    /// "Delete Container".
    pub(super) async fn delete(&self, container: &str) -> Result<(), Error> {
        let (status, body) = self.ask(Method::DELETE, &format!("/{container}?restype=container"), container).await?;
        match status {
            StatusCode::ACCEPTED | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(self.answered(container, status, &body)),
        }
    }

    /// "List Containers", page by page.
    pub(super) async fn containers(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut marker = String::new();
        loop {
            let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let query = format!("/?comp=list&prefix={}&marker={}", encoded(prefix), encoded(&marker));
            let (status, body) = self.ask(Method::GET, &query, "").await?;
            if status != StatusCode::OK {
                return Err(self.answered("", status, &body));
            }
            let page = xml::parse(body.as_bytes(), xml::Limits::MANIFEST);
            let page = page.map_err(|error| self.failed("", &error.to_string()))?;
            let containers = page.child("Containers").into_iter().flat_map(|c| c.children_named("Container"));
            found.extend(containers.filter_map(|c| c.child("Name").map(|name| name.text.clone())));
            match page.child("NextMarker").map(|next| next.text.trim()) {
                Some(next) if !next.is_empty() && next != marker => next.clone_into(&mut marker),
                _ => return Ok(found),
            }
        }
    }

    async fn ask(&self, method: Method, path: &str, container: &str) -> Result<(StatusCode, String), Error> {
        let unsent = |problem: String| self.failed(container, &problem);
        let request = Request::builder().method(method).uri(format!("{}{path}", self.endpoint));
        let request = request.header(CONTENT_LENGTH, 0).body(HttpRequestBody::empty());
        let mut request = request.map_err(|error| unsent(error.to_string()))?;
        let authorizer = AzureAuthorizer::new(&self.signing, &self.account);
        authorizer.try_authorize(&mut request).map_err(|error| unsent(error.to_string()))?;
        let answer = self.client.send(request).await.map_err(|_| unsent("the service cannot be reached".to_owned()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|_| unsent("its answer broke off".to_owned()))?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).trim_start_matches('\u{feff}').to_owned()))
    }

    /// The service's code, which tells what is wrong; the rest of its answer can quote signatures.
    fn answered(&self, container: &str, status: StatusCode, body: &str) -> Error {
        if matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) {
            return Error::Denied { path: format!("{}/{container}", self.name) };
        }
        let parsed = xml::parse(body.as_bytes(), xml::Limits::MANIFEST).ok();
        let code = parsed.and_then(|e| e.child("Code").map(|code| code.text.clone())).unwrap_or_default();
        self.failed(container, &format!("the service answers {status} {code}"))
    }

    fn failed(&self, container: &str, problem: &str) -> Error {
        let source = std::io::Error::other(problem.to_owned());
        Error::Unavailable { path: format!("{}/{container}", self.name), source: Arc::new(source) }
    }
}

fn text(secret: &SecretBytes) -> Option<&str> {
    std::str::from_utf8(secret.expose()).ok()
}
