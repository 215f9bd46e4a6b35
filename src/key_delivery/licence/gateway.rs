//! Asking a licence service, and handing on what it says.

use std::fmt;
use std::io;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use reqwest::{Client, Url};
use serde_json::json;

use super::challenge::Challenge;
use crate::key_delivery::answer;
use crate::key_delivery::error::Error;
use crate::key_delivery::fetch;
use crate::key_delivery::target::Service;
use crate::origin::Body;
use crate::secrets::SecretBytes;

/// The longest licence, bytes.
const MAX_LICENCE: usize = 1 << 20;
/// The longest template that goes into a header, bytes.
const MAX_HEADER_TEMPLATE: usize = 4096;
/// The keys that the policy has allowed, with commas.
const KEY_IDS: HeaderName = HeaderName::from_static("x-headwater-key-ids");
/// The template or settings of the policy's option, in base64.
const TEMPLATE: HeaderName = HeaderName::from_static("x-headwater-template");
const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// How a licence service wants to be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// The challenge as the player sent it; keys and template in headers.
    #[default]
    Challenge,
    /// A JSON object with `system`, `key_ids`, `challenge` (base64) and `template`.
    Json,
}

/// A licence service.
#[derive(Clone)]
pub struct LicenceService {
    /// Where it is.
    pub url: Url,
    /// How it wants to be asked.
    pub form: Form,
    /// A header with a credential.
    pub credential: Option<(HeaderName, SecretBytes)>,
}

impl fmt::Debug for LicenceService {
    /// Of the URL the host alone: the rest may hold a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LicenceService({})", self.url.host_str().unwrap_or_default())
    }
}

/// Licence services by system.
#[derive(Clone, Debug, Default)]
pub struct LicenceServices {
    /// Of PlayReady.
    pub playready: Option<LicenceService>,
    /// Of Widevine.
    pub widevine: Option<LicenceService>,
    /// Of FairPlay.
    pub fairplay: Option<LicenceService>,
}

/// Asks licence services.
pub(in crate::key_delivery) struct Gateway {
    client: Client,
    services: LicenceServices,
}

impl Gateway {
    pub(in crate::key_delivery) fn new(client: Client, services: LicenceServices) -> Gateway {
        Gateway { client, services }
    }

    /// The service for licences of that system.
    pub(in crate::key_delivery) fn service(&self, service: Service) -> Result<&LicenceService, Error> {
        let found = match service {
            Service::PlayReady => &self.services.playready,
            Service::Widevine => &self.services.widevine,
            Service::FairPlay => &self.services.fairplay,
            Service::Key | Service::ClearKey => &None,
        };
        found.as_ref().ok_or(Error::NoLicenceService)
    }

    /// The service's answer to a challenge that was allowed, with the template of the policy's option.
    pub(in crate::key_delivery) async fn ask(
        &self,
        to: &LicenceService,
        system: Service,
        challenge: Challenge,
        template: Option<&str>,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Response<Body>, Error> {
        let ids: Vec<String> = challenge.keys.iter().map(ToString::to_string).collect();
        let mut request = self.client.post(to.url.clone()).header(KEY_IDS, ids.join(","));
        if let Some((name, value)) = &to.credential {
            let mut value = HeaderValue::from_bytes(value.expose())
                .map_err(|_| Error::LicenceService("its credential cannot stand in a header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        request = match to.form {
            Form::Challenge => {
                if let Some(template) = template.filter(|template| template.len() <= MAX_HEADER_TEMPLATE) {
                    request = request.header(TEMPLATE, STANDARD.encode(template));
                }
                if let Some(action) = headers.get(&SOAP_ACTION).filter(|action| action.len() <= 256) {
                    request = request.header(SOAP_ACTION, action.clone());
                }
                request.header(CONTENT_TYPE, challenge.content_type).body(challenge.body)
            }
            Form::Json => {
                let message = json!({
                    "system": system.name(),
                    "key_ids": ids,
                    "challenge": STANDARD.encode(&challenge.body),
                    "template": template,
                });
                request.header(CONTENT_TYPE, "application/json").body(message.to_string())
            }
        };
        let reply = request.send().await.map_err(|error| Error::LicenceService(fetch::reason(&error)))?;
        let status = reply.status();
        // That it does not take our credential is nothing that the player could mend.
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            || !(status.is_success() || status.as_u16() >= 400)
        {
            return Err(Error::LicenceService(format!("it answers with status {}", status.as_u16())));
        }
        if !status.is_success() {
            tracing::warn!(system = system.name(), status = status.as_u16(), "a licence service refuses a challenge");
        }
        let media_type = reply.headers().get(CONTENT_TYPE).cloned();
        let body = match reply.content_length() {
            Some(length) if length > MAX_LICENCE as u64 => {
                return Err(Error::LicenceService(format!("it answers more than {MAX_LICENCE} bytes")));
            }
            Some(length) => Body::from_stream(Box::pin(pieces(reply)), length),
            None => Body::from(fetch::body(reply, MAX_LICENCE).await.map_err(Error::LicenceService)?),
        };
        let mut handed = answer::given("application/octet-stream", Bytes::new(), now);
        *handed.status_mut() = status;
        let map = handed.headers_mut();
        map.insert(hyper::header::CONTENT_LENGTH, HeaderValue::from(body.remaining()));
        if let Some(media_type) = media_type {
            map.insert(CONTENT_TYPE, media_type);
        }
        Ok(handed.map(|_| body))
    }
}

/// An answer's body as it comes.
fn pieces(reply: reqwest::Response) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(reply, |mut reply| async move {
        let piece = reply.chunk().await.map_err(|error| io::Error::other(fetch::reason(&error)))?;
        Ok(piece.map(|piece| (piece, reply)))
    })
}
