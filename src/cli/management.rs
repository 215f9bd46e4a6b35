//! The management API as the settings say.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::Error;
use super::open::Opened;
use crate::config::{Config, Management as Settings};
use crate::management::auth::{AccessFile, Auth, Issuer};
use crate::management::{self, Installation, Management};
use crate::origin::Origin;
use crate::server::{Listener, tls};

/// The API with its listener.
pub(super) struct Api {
    pub(super) handler: Arc<Management>,
    pub(super) listener: Listener,
    /// Where its keys are.
    pub(super) access: PathBuf,
}

/// Binds the listener and reads who may use it; `None` if it is switched off, or if nothing was said of an
/// address and the usual one is taken. `streaming` is the plain listener's address as it was bound.
pub(super) async fn open(
    config: &Config,
    opened: &Opened,
    streaming: SocketAddr,
    origin: &Arc<Origin>,
) -> Result<Option<Api>, Error> {
    let settings = &config.management;
    if !settings.enabled {
        return Ok(None);
    }
    let address = settings.listen.unwrap_or(Settings::LISTEN);
    let tcp = match (TcpListener::bind(address).await, settings.listen) {
        (Ok(tcp), _) => tcp,
        (Err(source), None) => {
            tracing::warn!(%address, error = %source, "there is no management API: set management.listen to a free port");
            return Ok(None);
        }
        (Err(source), Some(address)) => return Err(Error::Listen { address, source }),
    };
    if !settings.tls && !address.ip().is_loopback() {
        tracing::warn!(%address, "the management API is not on loopback and without TLS: keys can be read on their way");
    }
    let access = settings.access_file.clone().unwrap_or_else(|| config.storage.data_dir().join("access"));
    let issuer = match (&settings.issuer, &settings.audience, &settings.jwks) {
        (Some(issuer), Some(audience), Some(jwks)) => {
            Some(Arc::new(Issuer::open(issuer.clone(), audience.clone(), jwks)?))
        }
        _ => None,
    };
    let auth = Auth { access: Arc::new(AccessFile::open(&access)?), issuer };
    let mut bound = config.clone();
    bound.server.listen = streaming;
    let installation = Installation::new(bound.base_url(), Arc::clone(&opened.containers));
    let installation = installation.streaming(Arc::clone(origin)).with_keys_at(bound.key_base_url());
    let installation = Arc::new(installation.delivering(super::keys::delivered(config)));
    let limits = management::Settings {
        requests_per_second: settings.requests_per_second,
        max_body_bytes: settings.max_body_bytes,
    };
    let handler = Arc::new(Management::new(opened.catalog.clone(), installation, auth, limits));
    let tls = match (settings.tls, &config.server.certificate, &config.server.key) {
        (true, Some(certificate), Some(key)) => {
            Some(tls::Tls::new(Arc::new(tls::Certificates::from_files(certificate, key)?))?)
        }
        _ => None,
    };
    Ok(Some(Api { handler, listener: Listener { tcp, tls }, access }))
}
