//! `headwater keys speke`: a film under a key of another key service.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use reqwest::Url;
use uuid::Uuid;

use super::protect::find;
use super::{Error, open};
use crate::catalog::{
    ContentKeyId, ContentKeyType, DeliveryKey, DeliverySetting, DeliveryType, Locator, LocatorId, NewContentKey,
    Protected,
};
use crate::config::{Config, ConfigError, KeyService as Settings, LicenceSystem};
use crate::protection::System;
use crate::secrets::SecretBytes;
use crate::speke::{Credential, Given, KeyService, Order, SystemTold};

/// How a film is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Scheme {
    /// Counter mode: PlayReady and Widevine
    Cenc,
    /// Chains with a pattern: FairPlay, and newer PlayReady and Widevine
    Cbcs,
}

/// What is asked for.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The film's folder or its locator
    #[arg(value_name = "FOLDER|LOCATOR")]
    film: String,
    /// How it is encrypted
    #[arg(long = "with", value_enum, default_value = "cenc")]
    scheme: Scheme,
    /// The [[key_service]] of that name; needed if there are several
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// What the film is called at the service; its asset's id if not given
    #[arg(long, value_name = "ID")]
    content_id: Option<String>,
    /// The key's id; a new one if not given
    #[arg(long, value_name = "GUID")]
    key: Option<Uuid>,
}

/// Asks for a key, and protects the film with it.
pub(super) async fn run(config: &Config, arguments: Arguments) -> Result<ExitCode, Error> {
    let settings = chosen(config, arguments.service.as_deref())?;
    let service = service(settings)?;
    let catalog = open::catalog(config, None).await?;
    let locator = find(&catalog, &arguments.film).await?;
    let asset = catalog.get::<Locator>(&LocatorId(locator)).await?.entity.asset_id;
    let (scheme, content_key_type, delivery_type) = match arguments.scheme {
        Scheme::Cenc => ("cenc", ContentKeyType::CommonEncryption, DeliveryType::DynamicCommonEncryption),
        Scheme::Cbcs => ("cbcs", ContentKeyType::CommonEncryptionCbcs, DeliveryType::DynamicCommonEncryptionCbcs),
    };
    let order = Order {
        content_id: arguments.content_id.unwrap_or_else(|| asset.guid().to_string()),
        key: arguments.key.unwrap_or_else(Uuid::new_v4),
        scheme,
        systems: systems(settings, arguments.scheme),
    };
    let ours = match settings.encrypted {
        true => Some(catalog.protection_certificate(open::by()).await?),
        false => None,
    };
    let given = service.ask(&order, ours.as_ref()).await?;
    let configuration = given.systems.iter().filter_map(|told| setting(settings, told)).collect();
    let key = NewContentKey {
        id: ContentKeyId(order.key),
        content_key_type,
        material: given.key.material.clone(),
        checksum: None,
        protection_key_id: String::new(),
        name: Some(format!("{}: {}", settings.name, order.content_id)),
        track_identifiers: None,
    };
    let vector = vector(&given, arguments.scheme);
    let protected = Protected { key, delivery_type, configuration: with_vector(configuration, vector) };
    catalog.protect_with(open::by(), locator, protected).await?;
    catalog.close().await;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is encrypted from now on; its URLs stay. Its key is {}.", arguments.film, order.key)?;
    for told in &given.systems {
        let url = licences(settings, told);
        match url {
            Some(url) => writeln!(out, "{}: licences from {url}", told.system.name())?,
            None => writeln!(out, "{}: not told to players: nothing says where its licences are", told.system.name())?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The service of that name, or the only one.
fn chosen<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Settings, Error> {
    let found = match name {
        Some(name) => config.key_service.iter().find(|service| service.name == name),
        None => config.key_service.first().filter(|_| config.key_service.len() == 1),
    };
    let names: Vec<&str> = config.key_service.iter().map(|service| service.name.as_str()).collect();
    found.ok_or_else(|| Error::NoKeyService { names: names.join(", ") })
}

fn service(settings: &Settings) -> Result<KeyService, Error> {
    let value = |key, value: &str, must| ConfigError::Value { key, value: value.to_owned(), line: None, must };
    let url = Url::parse(&settings.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    // Not the value, which may hold a credential.
    let url = url.ok_or_else(|| value("key_service.url", "…", "it has to be a URL of https:// or http://"))?;
    let credential = match (&settings.header, settings.secret().read()?) {
        (Some(header), Some(secret)) => {
            let name = header.parse().map_err(|_| value("key_service.header", header, "it is no header's name"))?;
            Some(Credential { header: name, value: SecretBytes::new(secret.to_vec()) })
        }
        (None, None) => None,
        _ => {
            let must = "header and secret_file, secret_env or secret_command belong together";
            return Err(value("key_service.header", settings.header.as_deref().unwrap_or_default(), must).into());
        }
    };
    Ok(KeyService { url, credential })
}

/// Those of the settings that can play the scheme: FairPlay wants chains.
fn systems(settings: &Settings, scheme: Scheme) -> Vec<System> {
    let system = |system: &LicenceSystem| match system {
        LicenceSystem::PlayReady => Some(System::PlayReady),
        LicenceSystem::Widevine => Some(System::Widevine),
        LicenceSystem::FairPlay => (scheme == Scheme::Cbcs).then_some(System::FairPlay),
    };
    settings.systems.iter().filter_map(system).collect()
}

/// Where a system's licences are: as set, else as the service says.
fn licences(settings: &Settings, told: &SystemTold) -> Option<String> {
    let set = match told.system {
        System::PlayReady => &settings.playready_licences,
        System::Widevine => &settings.widevine_licences,
        System::FairPlay => &settings.fairplay_licences,
        System::ClearKey => &None,
    };
    set.clone().or_else(|| told.licence_url.clone())
}

/// The setting of a delivery policy that tells players.
fn setting(settings: &Settings, told: &SystemTold) -> Option<DeliverySetting> {
    let key = match told.system {
        System::PlayReady => DeliveryKey::PlayReadyLicenseAcquisitionUrl,
        System::Widevine => DeliveryKey::WidevineLicenseAcquisitionUrl,
        System::FairPlay => DeliveryKey::FairPlayLicenseAcquisitionUrl,
        System::ClearKey => return None,
    };
    licences(settings, told).map(|value| DeliverySetting { key, value })
}

/// The vector that the service gave, for chains.
fn vector(given: &Given, scheme: Scheme) -> Option<String> {
    let vector = given.key.vector.filter(|_| scheme == Scheme::Cbcs)?;
    Some(vector.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn with_vector(mut configuration: Vec<DeliverySetting>, vector: Option<String>) -> Vec<DeliverySetting> {
    let setting = |value| DeliverySetting { key: DeliveryKey::CommonEncryptionIvForCbcs, value };
    configuration.extend(vector.map(setting));
    configuration
}
