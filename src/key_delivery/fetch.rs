//! Asking other services: signing keys of OpenID Connect providers, and licences.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Response, redirect};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take altogether.
const WHOLE: Duration = Duration::from_secs(15);

/// A client that follows nobody elsewhere: a redirect would take a token or a challenge to who knows whom.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The body of an answer, `limit` bytes at the most.
pub(super) async fn body(mut answer: Response, limit: usize) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + piece.len() > limit {
            return Err(format!("it answers more than {limit} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// What went wrong, without the URL, which may hold a credential.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "no connection comes about"
    } else {
        "the exchange broke off"
    };
    kind.to_owned()
}
