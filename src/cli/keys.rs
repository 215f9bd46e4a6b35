//! Key delivery as the settings say.

use std::sync::Arc;

use reqwest::Url;

use super::Error;
use crate::catalog::Catalog;
use crate::config::{Config, ConfigError, LicenceForm, LicenceService as Settings, LicenceSystem};
use crate::key_delivery::licence::{Form, LicenceService, LicenceServices};
use crate::key_delivery::{self, Addresses, KeyDelivery};
use crate::management::Delivered;
use crate::secrets::SecretBytes;

/// Who delivers keys, if anybody does.
pub(super) fn delivery(config: &Config, catalog: &Catalog) -> Result<Option<Arc<KeyDelivery>>, Error> {
    let settings = &config.key_delivery;
    if !settings.enabled {
        return Ok(None);
    }
    let addresses = |key: &'static str, list: &[String]| {
        let wrong = |error: key_delivery::AddressError| value(key, &error.text, "it has to be like 10.0.0.0/8");
        Addresses::parse(&list.join(" ")).map_err(wrong)
    };
    let settings = key_delivery::Settings {
        allow: addresses("key_delivery.allow", &settings.allow)?,
        trusted_proxies: addresses("key_delivery.trusted_proxies", &settings.trusted_proxies)?,
        requests_per_minute: settings.requests_per_minute,
        clock_skew_seconds: settings.clock_skew_seconds,
        licences: licences(&config.licence_service)?,
        ..key_delivery::Settings::default()
    };
    Ok(Some(Arc::new(KeyDelivery::new(catalog.clone(), settings)?)))
}

/// What is delivered, for the URLs that the management API names.
pub(super) fn delivered(config: &Config) -> Delivered {
    let enabled = config.key_delivery.enabled;
    let has = |system| enabled && config.licence_service.iter().any(|service| service.system == system);
    Delivered {
        keys: enabled,
        playready: has(LicenceSystem::PlayReady),
        widevine: has(LicenceSystem::Widevine),
        fairplay: has(LicenceSystem::FairPlay),
    }
}

fn value(key: &'static str, value: &str, must: &'static str) -> ConfigError {
    ConfigError::Value { key, value: value.to_owned(), line: None, must }
}

fn licences(services: &[Settings]) -> Result<LicenceServices, Error> {
    let mut licences = LicenceServices::default();
    for settings in services {
        let place = match settings.system {
            LicenceSystem::PlayReady => &mut licences.playready,
            LicenceSystem::Widevine => &mut licences.widevine,
            LicenceSystem::FairPlay => &mut licences.fairplay,
        };
        if place.replace(licence_service(settings)?).is_some() {
            let system = format!("{:?}", settings.system).to_lowercase();
            return Err(value("licence_service.system", &system, "there can be one service for each system").into());
        }
    }
    Ok(licences)
}

fn licence_service(settings: &Settings) -> Result<LicenceService, Error> {
    let url = Url::parse(&settings.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    // Not the value, which may hold a credential.
    let url = url.ok_or_else(|| value("licence_service.url", "…", "it has to be a URL of https:// or http://"))?;
    let form = match settings.form {
        LicenceForm::Challenge => Form::Challenge,
        LicenceForm::Json => Form::Json,
    };
    let credential = match (&settings.header, settings.secret().read()?) {
        (Some(header), Some(secret)) => {
            let name = header.parse().map_err(|_| value("licence_service.header", header, "it is no header's name"))?;
            Some((name, SecretBytes::new(secret.to_vec())))
        }
        (None, None) => None,
        _ => {
            let must = "header and secret_file, secret_env or secret_command belong together";
            return Err(value("licence_service.header", settings.header.as_deref().unwrap_or_default(), must).into());
        }
    };
    Ok(LicenceService { url, form, credential })
}
