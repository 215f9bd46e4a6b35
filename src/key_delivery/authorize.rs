//! Whether a request may have a key: it may if all restrictions of any option of the wanted kind are met
//! (streaming contract §9.4).

use uuid::Uuid;

use super::credentials::Credentials;
use super::error::Error;
use super::keyring::{Deliverable, DeliveryOption, Restriction};
use super::open_id::Providers;
use crate::catalog::KeyDeliveryType;
use crate::tokens::{Moment, Refusal, ReplayLimit, Verifier};

/// An option that lets the request have the key, and the uses that it costs. They are counted when nothing
/// else can fail any more.
pub(super) struct Granted {
    /// Which of the key's options.
    pub option: usize,
    pub uses: Vec<ReplayLimit>,
}

/// Judges.
pub(super) async fn authorize(
    key: &Deliverable,
    wanted: KeyDeliveryType,
    credentials: &Credentials,
    providers: &Providers,
    moment: Moment,
) -> Result<Granted, Error> {
    let mut refusal = Error::NoOption;
    for (at, option) in key.options.iter().enumerate().filter(|(_, option)| option.delivery == wanted) {
        match meets(option, key, credentials, providers, moment).await {
            Ok(uses) => return Ok(Granted { option: at, uses }),
            // What can be mended by another token is said before what cannot.
            Err(error) if !matches!(refusal, Error::Token(_)) => refusal = error,
            Err(_) => {}
        }
    }
    Err(refusal)
}

async fn meets(
    option: &DeliveryOption,
    key: &Deliverable,
    credentials: &Credentials,
    providers: &Providers,
    moment: Moment,
) -> Result<Vec<ReplayLimit>, Error> {
    let mut uses: Vec<ReplayLimit> = Vec::new();
    for restriction in &option.restrictions {
        match restriction {
            Restriction::Open => {}
            Restriction::Token(verifier) => {
                let token = credentials.token()?;
                let mut verified = verify(verifier, token, key.id, providers, moment).await;
                if let (Err(_), Some(content_key)) = (&verified, key.made_of) {
                    // Who may have the content key may have what is made of it.
                    verified = verify(verifier, token, content_key, providers, moment).await;
                }
                let limit = verified?;
                uses.extend(limit.filter(|limit| !uses.iter().any(|other| other.digest == limit.digest)));
            }
            Restriction::From(addresses) if addresses.contain(credentials.client) => {}
            Restriction::From(_) => return Err(Error::Address),
            Restriction::Unreadable => return Err(Error::NoOption),
        }
    }
    Ok(uses)
}

/// With the keys of the OpenID Connect provider, if there is one; a second time with newly fetched ones for a
/// token that names a key that was not among them.
async fn verify(
    verifier: &Verifier,
    token: &str,
    key: Uuid,
    providers: &Providers,
    moment: Moment,
) -> Result<Option<ReplayLimit>, Refusal> {
    let Some(discovery) = verifier.discovery() else { return verifier.verify(token, &[], key, moment) };
    // The template's own keys do not need the provider.
    let refusal = match verifier.verify(token, &[], key, moment) {
        Err(refusal @ (Refusal::Algorithm | Refusal::UnknownKey | Refusal::Signature)) => refusal,
        settled => return settled,
    };
    let keys = match providers.keys(discovery, false).await {
        Ok(keys) => keys,
        Err(unavailable) => {
            return Err(if refusal == Refusal::Signature { refusal } else { unavailable });
        }
    };
    match verifier.verify(token, &keys, key, moment) {
        Err(Refusal::UnknownKey) => {
            let keys = providers.keys(discovery, true).await?;
            verifier.verify(token, &keys, key, moment)
        }
        settled => settled,
    }
}
