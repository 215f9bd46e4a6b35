//! From an asset's delivery policies to how a request is answered: in the clear, encrypted, or not at all (streaming
//! contract 8.1, 8.7).

use std::num::NonZeroU64;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::admission;
use super::error::Error;
use super::url::Encryption;
use crate::catalog::{
    AssetKey, AssetOptions, Catalog, ContentKeyType, Delivery, DeliveryKey, DeliveryPolicy, DeliveryType, Protocols,
    PublishedAsset,
};
use crate::cipher::{ContentKey, KeyId, key_checksum};
use crate::media::Presentation;
use crate::packager::Format;
use crate::packager::protection::{Address, Material, Periods, Protection, SystemSignal, TrackKey, Tracks};
use crate::protection::{Scheme, System, playready};

/// A protection, and a digest of all that it decides about bytes but the key: for entity tags.
#[derive(Clone, Debug)]
pub(super) struct Protected {
    pub(super) protection: Arc<Protection>,
    pub(super) identity: String,
}

impl Protected {
    /// With PlayReady's headers in another version than the oldest.
    pub(super) fn with_playready_header(mut self, version: playready::Version) -> Protected {
        if version != playready::Version::default()
            && let Some(protection) = Arc::get_mut(&mut self.protection)
        {
            protection.systems.iter_mut().for_each(|signal| signal.version = version);
            self.identity.push_str(version.as_str());
        }
        self
    }
}

/// How `asset` goes out in `format`, asked for with `encryption=`; `None` in the clear.
pub(super) fn decide(
    catalog: &Catalog,
    asset: &PublishedAsset,
    format: &dyn Format,
    encryption: Option<Encryption>,
    key_delivery: &str,
) -> Result<Option<Protected>, Error> {
    let protocol = admission::flag(format.protocol());
    let Some(policy) = policy(asset, protocol, encryption)? else { return Ok(None) };
    let how = policy.delivery_type;
    if matches!(asset.options, AssetOptions::CommonEncryptionProtected | AssetOptions::EnvelopeEncryptionProtected) {
        return Err(Error::AlreadyEncrypted);
    }
    let scheme = match (how, encryption) {
        (DeliveryType::DynamicEnvelopeEncryption, _) => Scheme::Envelope,
        (DeliveryType::DynamicCommonEncryptionCbcs, _) => Scheme::Cbcs,
        (_, Some(Encryption::Piff)) => Scheme::Piff,
        (_, None) if protocol == Protocols::SMOOTH => Scheme::Piff,
        _ => Scheme::Cenc,
    };
    if !format.schemes().contains(&scheme) {
        let tag = format.tags().first().copied().unwrap_or_default();
        return Err(Error::EncryptionNotInFormat { format: tag.to_owned(), encryption: scheme.as_str() });
    }
    let key_type = match how {
        DeliveryType::DynamicEnvelopeEncryption => ContentKeyType::EnvelopeEncryption,
        DeliveryType::DynamicCommonEncryptionCbcs => ContentKeyType::CommonEncryptionCbcs,
        _ => ContentKeyType::CommonEncryption,
    };
    let keys: Vec<&AssetKey> = asset.keys.iter().filter(|key| key.content_key_type == key_type).collect();
    if keys.is_empty() {
        return Err(Error::ContentKeyMissing { kind: key_type.name() });
    }
    let protected = protect(catalog, asset, policy, scheme, &keys, key_delivery)?;
    let Protection { keys, periods, .. } = &*protected.protection;
    // What manifests say of an envelope there is of one key.
    let several = keys.iter().any(|key| key.id != keys[0].id) && protocol == Protocols::SMOOTH;
    if scheme == Scheme::Envelope && (several || !periods.is_constant() && protocol != Protocols::HLS) {
        let tag = format.tags().first().copied().unwrap_or_default();
        return Err(Error::EncryptionNotInFormat { format: tag.to_owned(), encryption: scheme.as_str() });
    }
    Ok(Some(protected))
}

/// Refuses a film with a track that is to be encrypted and for which there is no key.
pub(super) fn check(protected: &Protected, presentation: &Presentation) -> Result<(), Error> {
    let Some(at) = protected.protection.track_without_key(presentation) else { return Ok(()) };
    let track = presentation.track(at);
    let kind = presentation.groups[at.group].kind;
    Err(Error::TrackKeyMissing { kind: kind.as_str(), codec: track.codec.rfc6381() })
}

/// The policy that a request comes under; `None` in the clear.
fn policy(
    asset: &PublishedAsset,
    protocol: Protocols,
    encryption: Option<Encryption>,
) -> Result<Option<&DeliveryPolicy>, Error> {
    let here = || {
        let applies = |policy: &&DeliveryPolicy| {
            policy.protocols.intersects(protocol) && policy.delivery_type != DeliveryType::None
        };
        asset.policies.iter().map(|policy| &**policy).filter(applies)
    };
    if here().any(|policy| policy.delivery_type == DeliveryType::Blocked) {
        return Err(Error::OutputBlocked);
    }
    if let Some(encryption) = encryption {
        let wanted = match encryption {
            Encryption::Cbc => DeliveryType::DynamicEnvelopeEncryption,
            Encryption::Cenc | Encryption::Piff => DeliveryType::DynamicCommonEncryption,
            Encryption::CbcsAapl => DeliveryType::DynamicCommonEncryptionCbcs,
        };
        if matches!(asset.delivery(protocol), Delivery::Blocked | Delivery::NoPolicy) {
            return Err(Error::OutputBlocked);
        }
        let found = here().find(|policy| policy.delivery_type == wanted);
        return found.map(Some).ok_or(Error::EncryptionNotConfigured { encryption: encryption.name() });
    }
    match asset.delivery(protocol) {
        Delivery::Clear => Ok(None),
        Delivery::Blocked | Delivery::NoPolicy => Err(Error::OutputBlocked),
        Delivery::Encrypted(_) => Ok(here().next()),
        Delivery::Conflicting if here().any(|p| p.delivery_type == DeliveryType::NoDynamicEncryption) => {
            Err(Error::SeveralPolicies)
        }
        Delivery::Conflicting => Err(Error::EncryptionNotSpecified),
    }
}

fn protect(
    catalog: &Catalog,
    asset: &PublishedAsset,
    policy: &DeliveryPolicy,
    scheme: Scheme,
    keys: &[&AssetKey],
    key_delivery: &str,
) -> Result<Protected, Error> {
    let setting = |wanted: DeliveryKey| {
        policy.configuration.iter().find(|setting| setting.key == wanted).map(|setting| setting.value.as_str())
    };
    let vector = match scheme {
        Scheme::Envelope => setting(DeliveryKey::EnvelopeEncryptionIv)
            .and_then(from_hex)
            .or_else(|| setting(DeliveryKey::EnvelopeEncryptionIvAsBase64).and_then(from_base64)),
        _ => setting(DeliveryKey::CommonEncryptionIvForCbcs).and_then(from_hex),
    };
    let base = |complete: DeliveryKey, base: DeliveryKey| {
        let complete = setting(complete).map(|url| Address::Complete(url.to_owned()));
        complete.or_else(|| setting(base).map(|url| Address::Base(url.to_owned())))
    };
    let key_url = base(DeliveryKey::EnvelopeKeyAcquisitionUrl, DeliveryKey::EnvelopeBaseKeyAcquisitionUrl);
    let systems = match scheme {
        Scheme::Envelope => Vec::new(),
        _ => systems(&setting, &base, key_url.as_ref(), key_delivery),
    };
    // Who gets clear keys may have the key itself too.
    let has_url = scheme == Scheme::Envelope || systems.iter().any(|signal| signal.system == System::ClearKey);
    let url = has_url.then(|| key_url.unwrap_or_else(|| Address::Base(format!("{key_delivery}/"))));
    let seconds = |key: DeliveryKey| setting(key).and_then(|value| value.parse::<u32>().ok()).map(u64::from);
    let periods = Periods {
        clear_lead: seconds(DeliveryKey::ClearLeadSeconds).unwrap_or(0) * 1000,
        rotation: seconds(DeliveryKey::KeyRotationSeconds).and_then(|seconds| NonZeroU64::new(seconds * 1000)),
    };
    let mut digest = Sha256::new();
    let mut track_keys = Vec::new();
    for key in keys {
        let id = KeyId(*key.id.guid().as_bytes());
        let material = material(catalog, key)?;
        digest.update(key_checksum(material.expose(), &id.0).unwrap_or_default());
        for tracks in tracks(key) {
            let (material, url) = (Material::Key(material.clone()), url.clone());
            track_keys.push(TrackKey { tracks, id, material, vector, url });
        }
    }
    track_keys.sort_by(|a, b| a.tracks.cmp(&b.tracks));
    let protection = Protection {
        scheme,
        clear: setting(DeliveryKey::UnencryptedTracksByFourCc).map(four_ccs).unwrap_or_default(),
        systems,
        keys: track_keys,
        periods,
        asset: asset.asset.map_or(asset.id, |asset| *asset.guid().as_bytes()),
    };
    digest.update(format!("{:?} {:?} {:?}", protection.clear, protection.systems, protection.periods));
    for key in &protection.keys {
        digest.update(format!("{:?} {:?} {}", key.tracks, key.url, key.id));
        digest.update(key.constant_vector());
    }
    digest.update(protection.asset);
    let identity = format!(" {} {}", scheme.as_str(), hex(digest));
    Ok(Protected { protection: Arc::new(protection), identity })
}

/// The key itself.
fn material(catalog: &Catalog, key: &AssetKey) -> Result<ContentKey, Error> {
    let material = catalog.open_key(key).map_err(|error| {
        tracing::error!(%error, key = %key.id, "a content key cannot be opened");
        Error::Internal
    })?;
    ContentKey::from_slice(material.expose()).ok_or_else(|| {
        tracing::error!(key = %key.id, "a content key has not 16 bytes");
        Error::Internal
    })
}

/// The tracks that a key is for.
fn tracks(key: &AssetKey) -> Vec<Tracks> {
    let Some(named) = key.track_identifiers.as_deref().filter(|text| !text.trim().is_empty()) else {
        return vec![Tracks::All];
    };
    Tracks::parse(named).unwrap_or_else(|error| {
        // It was written before these names meant anything, when a key was for all tracks.
        tracing::warn!(%error, key = %key.id, "the TrackIdentifiers of a content key");
        vec![Tracks::All]
    })
}

/// The systems that a policy of common encryption names: PlayReady, Widevine and FairPlay by their URLs, and clear
/// keys where it says how to get keys, or names no other system.
fn systems<'a>(
    setting: &dyn Fn(DeliveryKey) -> Option<&'a str>,
    base: &dyn Fn(DeliveryKey, DeliveryKey) -> Option<Address>,
    key_url: Option<&Address>,
    key_delivery: &str,
) -> Vec<SystemSignal> {
    let mut systems = Vec::new();
    let (licence, attributes) =
        (setting(DeliveryKey::PlayReadyLicenseAcquisitionUrl), setting(DeliveryKey::PlayReadyCustomAttributes));
    if licence.is_some() || attributes.is_some() {
        let custom_attributes = attributes.map(str::to_owned);
        let licence = licence.map(|url| Address::Complete(url.to_owned()));
        systems.push(SystemSignal { custom_attributes, ..SystemSignal::new(System::PlayReady, licence) });
    }
    for (system, complete, basis) in [
        (System::Widevine, DeliveryKey::WidevineLicenseAcquisitionUrl, DeliveryKey::WidevineBaseLicenseAcquisitionUrl),
        (System::FairPlay, DeliveryKey::FairPlayLicenseAcquisitionUrl, DeliveryKey::FairPlayBaseLicenseAcquisitionUrl),
    ] {
        if let Some(url) = base(complete, basis) {
            systems.push(SystemSignal::new(system, Some(url)));
        }
    }
    if key_url.is_some() || systems.is_empty() {
        let url = key_url.cloned().unwrap_or_else(|| clear_keys(key_delivery));
        systems.push(SystemSignal::new(System::ClearKey, Some(url)));
    }
    systems
}

/// Where our own key delivery has licences of clear keys.
fn clear_keys(key_delivery: &str) -> Address {
    Address::Base(format!("{key_delivery}/ClearKey/"))
}

/// How a film with tracks that are stored encrypted goes out in `format`; `None` of one without. Of keys that the
/// catalogue has linked to the asset, players are told where key delivery has them.
pub(super) fn stored(
    asset: &PublishedAsset,
    presentation: &Presentation,
    format: &dyn Format,
    key_delivery: &str,
) -> Result<Option<Protected>, Error> {
    let Some(mut protection) = Protection::stored(presentation, format)? else { return Ok(None) };
    let is_linked = |id: KeyId| {
        let is_common = |kind| matches!(kind, ContentKeyType::CommonEncryption | ContentKeyType::CommonEncryptionCbcs);
        asset.keys.iter().any(|key| *key.id.guid().as_bytes() == id.0 && is_common(key.content_key_type))
    };
    for key in protection.keys.iter_mut().filter(|key| is_linked(key.id)) {
        key.url = Some(Address::Base(format!("{key_delivery}/")));
    }
    let linked: Vec<KeyId> = protection.keys.iter().filter(|key| key.url.is_some()).map(|key| key.id).collect();
    if !linked.is_empty() {
        protection.systems.push(SystemSignal::new(System::ClearKey, Some(clear_keys(key_delivery))));
    }
    let mut digest = Sha256::new();
    digest.update(format!("{:?} {linked:?}", protection.systems));
    let identity = format!(" stored {}", hex(digest));
    Ok(Some(Protected { protection: Arc::new(protection), identity }))
}

/// Half a digest as hexadecimal digits.
fn hex(digest: Sha256) -> String {
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn four_ccs(list: &str) -> Vec<String> {
    list.split([',', ';', ' ']).map(str::trim).filter(|code| !code.is_empty()).map(str::to_owned).collect()
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X")).unwrap_or(text);
    let whole = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| u128::from_str_radix(digits, 16).ok()).flatten().map(u128::to_be_bytes)
}

fn from_base64(text: &str) -> Option<[u8; 16]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_lists() {
        let vector = Some(0x0011_2233_4455_6677_8899_aabb_ccdd_eeffu128.to_be_bytes());
        assert_eq!(from_hex("0x00112233445566778899AABBCCDDEEFF"), vector);
        assert_eq!(from_base64("ABEiM0RVZneImaq7zN3u/w=="), vector);
        assert_eq!(
            (from_hex("+0112233445566778899AABBCCDDEEFF"), from_hex(""), from_base64("AA==")),
            (None, None, None)
        );
        assert_eq!(four_ccs("mp4a, ac-3 ,"), ["mp4a", "ac-3"]);
    }
}
