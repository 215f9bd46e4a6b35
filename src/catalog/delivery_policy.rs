//! Delivery policies: in which protocols an asset goes out, and how protected (object model §8, streaming
//! contract §8.1).

use serde::{Deserialize, Serialize};

use super::asset::{Asset, AssetOptions};
use super::entity::{Entity, Kind, Link, Version, millis};
use super::error::Error;
use super::id::{AssetId, DeliveryPolicyId};
use super::numbers::{flags, numbered};
use super::rules::{self, MAX_NAME};
use super::transaction::Transaction;
use crate::time::UtcTime;

flags! {
    /// Protocols that a policy is for.
    Protocols 0xffff {
        /// Smooth Streaming.
        SMOOTH = 1,
        /// MPEG-DASH.
        DASH = 2,
        /// HLS.
        HLS = 4,
        /// Adobe's HTTP Dynamic Streaming.
        HDS = 8,
        /// Downloads of files.
        PROGRESSIVE = 16,
        /// All of them, also those to come.
        ALL = 0xffff,
    }
}

numbered! {
    /// What a policy does.
    DeliveryType {
        /// Nothing; as if the protocol were not mentioned.
        None = 0 "None",
        /// Refuses the protocol.
        Blocked = 1 "Blocked",
        /// In the clear.
        NoDynamicEncryption = 2 "NoDynamicEncryption",
        /// AES-128 over whole segments.
        DynamicEnvelopeEncryption = 3 "DynamicEnvelopeEncryption",
        /// Common encryption (CTR).
        DynamicCommonEncryption = 4 "DynamicCommonEncryption",
        /// Common encryption with pattern (cbcs).
        DynamicCommonEncryptionCbcs = 5 "DynamicCommonEncryptionCbcs",
    }

    /// The keys of a policy's configuration (streaming contract §8.2).
    DeliveryKey {
        /// Nothing.
        None = 0 "None",
        /// Complete URL of the envelope key.
        EnvelopeKeyAcquisitionUrl = 1 "EnvelopeKeyAcquisitionUrl",
        /// URL to which the key's id is added.
        EnvelopeBaseKeyAcquisitionUrl = 2 "EnvelopeBaseKeyAcquisitionUrl",
        /// 16 bytes, base64.
        EnvelopeEncryptionIvAsBase64 = 3 "EnvelopeEncryptionIVAsBase64",
        /// URL of the PlayReady licence server.
        PlayReadyLicenseAcquisitionUrl = 4 "PlayReadyLicenseAcquisitionUrl",
        /// XML for PlayReady's header.
        PlayReadyCustomAttributes = 5 "PlayReadyCustomAttributes",
        /// 16 bytes, hexadecimal.
        EnvelopeEncryptionIv = 6 "EnvelopeEncryptionIV",
        /// Complete URL of the Widevine licence server.
        WidevineLicenseAcquisitionUrl = 7 "WidevineLicenseAcquisitionUrl",
        /// URL to which the key's id is added.
        WidevineBaseLicenseAcquisitionUrl = 8 "WidevineBaseLicenseAcquisitionUrl",
        /// Complete URL of the FairPlay licence server.
        FairPlayLicenseAcquisitionUrl = 9 "FairPlayLicenseAcquisitionUrl",
        /// URL to which the key's id is added.
        FairPlayBaseLicenseAcquisitionUrl = 10 "FairPlayBaseLicenseAcquisitionUrl",
        /// 16 bytes for cbcs.
        CommonEncryptionIvForCbcs = 11 "CommonEncryptionIVForCbcs",
        /// FourCCs of tracks that stay clear, with commas.
        UnencryptedTracksByFourCc = 12 "UnencryptedTracksByFourCC",
        /// `true` or `false`.
        AllowPersistentLicense = 13 "AllowPersistentLicense",
        /// Headwater's own: so many seconds from the beginning on, everything is clear.
        ClearLeadSeconds = 1001 "ClearLeadSeconds",
        /// Headwater's own: after so many seconds there is another key.
        KeyRotationSeconds = 1002 "KeyRotationSeconds",
    }
}

/// A delivery policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeliveryPolicy {
    /// Its identifier.
    pub id: DeliveryPolicyId,
    /// Its name.
    pub name: Option<String>,
    /// The protocols that it is for.
    pub protocols: Protocols,
    /// What it does with them.
    pub delivery_type: DeliveryType,
    /// URLs and vectors, in the order in which they were given.
    pub configuration: Vec<DeliverySetting>,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
    /// When it was last changed.
    #[serde(with = "millis")]
    pub last_modified: UtcTime,
}

/// One pair of a policy's configuration, with the names of the wire.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeliverySetting {
    /// What it sets.
    pub key: DeliveryKey,
    /// To what.
    pub value: String,
}

impl Entity for DeliveryPolicy {
    const KIND: Kind = Kind::DeliveryPolicy;
    type Id = DeliveryPolicyId;

    fn id(&self) -> DeliveryPolicyId {
        self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// What a delivery policy is created with, or changed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewDeliveryPolicy {
    /// Its name.
    pub name: Option<String>,
    /// The protocols that it is for.
    pub protocols: Protocols,
    /// What it does with them.
    pub delivery_type: DeliveryType,
    /// URLs and vectors; see [`parse_configuration`].
    pub configuration: Vec<DeliverySetting>,
}

/// The longest configuration, bytes.
pub const MAX_CONFIGURATION: usize = 100_000;

/// Reads a configuration as the wire has it: a text that holds a JSON array of `{"Key":n,"Value":"…"}`.
///
/// # Errors
/// [`Error::Invalid`].
pub fn parse_configuration(text: &str) -> Result<Vec<DeliverySetting>, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        #[serde(rename = "Key")]
        key: i64,
        #[serde(rename = "Value")]
        value: String,
    }
    let wrong = |problem: String| Error::invalid(Kind::DeliveryPolicy, "AssetDeliveryConfiguration", problem);
    if text.len() > MAX_CONFIGURATION {
        return Err(wrong(format!("it has {} bytes and may have {MAX_CONFIGURATION}", text.len())));
    }
    let pairs: Vec<Pair> = serde_json::from_str(text)
        .map_err(|error| wrong(format!("{error}; it has to be like [{{\"Key\":2,\"Value\":\"https://…\"}}]")))?;
    let setting = |pair: Pair| match DeliveryKey::from_number(pair.key) {
        Some(key) => Ok(DeliverySetting { key, value: pair.value }),
        None => Err(wrong(format!("the key {} does not exist; keys are 0 to 13, 1001 and 1002", pair.key))),
    };
    pairs.into_iter().map(setting).collect()
}

/// What an asset's policies come to for one protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// As it is stored, decrypted if it is encrypted only there.
    Clear,
    /// Not at all: blocked, or not mentioned while other protocols are.
    Blocked,
    /// Encrypted on the way.
    Encrypted(DeliveryType),
    /// Two policies claim the protocol.
    Conflicting,
    /// Encrypted in storage, and nothing says how it may go out.
    NoPolicy,
}

/// What `policies`, all that are linked to an asset with these options, say of one protocol.
pub fn delivery<'a>(
    options: AssetOptions,
    policies: impl IntoIterator<Item = &'a DeliveryPolicy>,
    protocol: Protocols,
) -> Delivery {
    let (mut any, mut found) = (false, None);
    for policy in policies {
        any = true;
        if !policy.protocols.intersects(protocol) || policy.delivery_type == DeliveryType::None {
            continue;
        }
        match found {
            Some(before) if before != policy.delivery_type => return Delivery::Conflicting,
            _ => found = Some(policy.delivery_type),
        }
    }
    match found {
        None if any => Delivery::Blocked,
        None if options == AssetOptions::StorageEncrypted => Delivery::NoPolicy,
        None | Some(DeliveryType::NoDynamicEncryption) => Delivery::Clear,
        Some(DeliveryType::Blocked | DeliveryType::None) => Delivery::Blocked,
        Some(encrypted) => Delivery::Encrypted(encrypted),
    }
}

impl NewDeliveryPolicy {
    /// Clear leads and keys that change.
    fn check_periods(&self, clear: bool) -> Result<(), Error> {
        let wrong = |problem| Err(Error::invalid(Kind::DeliveryPolicy, "AssetDeliveryConfiguration", problem));
        let has = |keys: &[DeliveryKey]| self.configuration.iter().any(|setting| keys.contains(&setting.key));
        if !has(&[DeliveryKey::ClearLeadSeconds, DeliveryKey::KeyRotationSeconds]) {
            return Ok(());
        }
        let beyond_hls = self.protocols.intersects(Protocols::SMOOTH | Protocols::DASH);
        if clear {
            return wrong("a clear lead or a rotation of keys (1001, 1002) needs a type that encrypts: 3, 4 or 5");
        }
        if self.delivery_type == DeliveryType::DynamicEnvelopeEncryption && beyond_hls {
            return wrong(
                "envelopes of DASH and Smooth cannot begin later or change their key (1001, 1002); name HLS alone, 4",
            );
        }
        let of_others = [
            DeliveryKey::PlayReadyLicenseAcquisitionUrl,
            DeliveryKey::PlayReadyCustomAttributes,
            DeliveryKey::WidevineLicenseAcquisitionUrl,
            DeliveryKey::WidevineBaseLicenseAcquisitionUrl,
            DeliveryKey::FairPlayLicenseAcquisitionUrl,
            DeliveryKey::FairPlayBaseLicenseAcquisitionUrl,
        ];
        if has(&[DeliveryKey::KeyRotationSeconds]) && has(&of_others) {
            return wrong(
                "keys that change (1002) are made by Headwater, and licence services of PlayReady, Widevine and FairPlay do not know them; leave out 1002 or their URLs",
            );
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |property, problem: &str| Err(Error::invalid(Kind::DeliveryPolicy, property, problem));
        rules::maybe_text(Kind::DeliveryPolicy, "Name", self.name.as_deref(), MAX_NAME)?;
        if self.protocols.is_none() && self.delivery_type != DeliveryType::None {
            return wrong(
                "AssetDeliveryProtocol",
                "it names no protocol; Smooth is 1, DASH 2, HLS 4, Progressive 16, all 65535",
            );
        }
        for (at, setting) in self.configuration.iter().enumerate() {
            rules::text(Kind::DeliveryPolicy, "AssetDeliveryConfiguration", &setting.value, MAX_CONFIGURATION)?;
            if self.configuration[..at].iter().any(|other| other.key == setting.key) {
                return wrong("AssetDeliveryConfiguration", "a key stands in it twice; leave one out");
            }
            check_setting(setting)?;
        }
        let clear = matches!(
            self.delivery_type,
            DeliveryType::None | DeliveryType::Blocked | DeliveryType::NoDynamicEncryption
        );
        self.check_periods(clear)?;
        let encrypts_downloads = !clear && self.protocols == Protocols::PROGRESSIVE;
        if encrypts_downloads {
            return wrong(
                "AssetDeliveryProtocol",
                "downloads cannot be encrypted on the way; name streaming protocols",
            );
        }
        Ok(())
    }
}

/// The most seconds of a clear lead and of a key's period: a day.
const MAX_SECONDS: u32 = 86_400;

fn check_setting(setting: &DeliverySetting) -> Result<(), Error> {
    let wrong = |problem: &str| {
        let problem = format!("{}: {problem}", setting.key.name());
        Err(Error::invalid(Kind::DeliveryPolicy, "AssetDeliveryConfiguration", problem))
    };
    let value = setting.value.as_str();
    match setting.key {
        DeliveryKey::EnvelopeKeyAcquisitionUrl
        | DeliveryKey::EnvelopeBaseKeyAcquisitionUrl
        | DeliveryKey::PlayReadyLicenseAcquisitionUrl
        | DeliveryKey::WidevineLicenseAcquisitionUrl
        | DeliveryKey::WidevineBaseLicenseAcquisitionUrl
        | DeliveryKey::FairPlayLicenseAcquisitionUrl
        | DeliveryKey::FairPlayBaseLicenseAcquisitionUrl
            if url::Url::parse(value).is_err() =>
        {
            wrong("it has to be a complete URL")
        }
        DeliveryKey::EnvelopeEncryptionIv | DeliveryKey::CommonEncryptionIvForCbcs => {
            let digits = value.strip_prefix("0x").or(value.strip_prefix("0X")).unwrap_or(value);
            if digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Ok(());
            }
            wrong("it has to be 16 bytes in 32 hexadecimal digits")
        }
        DeliveryKey::EnvelopeEncryptionIvAsBase64 => {
            let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
            match value.strip_suffix("==") {
                Some(text) if text.len() == 22 && text.bytes().all(letters) => Ok(()),
                _ => wrong("it has to be 16 bytes in base64"),
            }
        }
        DeliveryKey::ClearLeadSeconds | DeliveryKey::KeyRotationSeconds
            if !value.parse::<u32>().is_ok_and(|seconds| (1..=MAX_SECONDS).contains(&seconds)) =>
        {
            wrong("it has to be 1 to 86400 seconds")
        }
        DeliveryKey::AllowPersistentLicense if !["true", "false"].contains(&value.to_lowercase().as_str()) => {
            wrong("it has to be true or false")
        }
        _ => Ok(()),
    }
}

impl Transaction<'_> {
    /// Creates a delivery policy.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Quota`].
    pub async fn create_delivery_policy(&mut self, new: NewDeliveryPolicy) -> Result<DeliveryPolicy, Error> {
        new.check()?;
        self.room_for_policy().await?;
        let policy = DeliveryPolicy {
            id: DeliveryPolicyId::random(),
            name: new.name,
            protocols: new.protocols,
            delivery_type: new.delivery_type,
            configuration: new.configuration,
            created: self.now(),
            last_modified: self.now(),
        };
        self.insert(&policy).await?;
        Ok(policy)
    }

    /// Changes a delivery policy to something else as a whole.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Changed`]; [`Error::Conflict`] while an asset with it has a
    /// locator for streaming.
    pub async fn update_delivery_policy(
        &mut self,
        id: DeliveryPolicyId,
        new: NewDeliveryPolicy,
        expected: Option<Version>,
    ) -> Result<DeliveryPolicy, Error> {
        new.check()?;
        let mut policy: DeliveryPolicy = self.for_update(&id, expected).await?;
        for asset in self.linking(Link::AssetDeliveryPolicies, &id).await? {
            self.not_streaming(&asset).await?;
        }
        policy.name = new.name;
        policy.protocols = new.protocols;
        policy.delivery_type = new.delivery_type;
        policy.configuration = new.configuration;
        policy.last_modified = self.now();
        self.replace(&policy).await?;
        Ok(policy)
    }

    /// Deletes a delivery policy.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while an asset has it.
    pub async fn delete_delivery_policy(&mut self, id: DeliveryPolicyId) -> Result<(), Error> {
        let policy = self.get::<DeliveryPolicy>(&id).await?.entity;
        let users = self.linking(Link::AssetDeliveryPolicies, &id).await?;
        rules::unused(&format!("delivery policy {id}"), "asset", &users)?;
        self.remove(&policy).await
    }

    /// Gives a policy to an asset.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has it, or has a locator for streaming.
    pub async fn link_delivery_policy(&mut self, asset: AssetId, policy: DeliveryPolicyId) -> Result<(), Error> {
        self.get::<Asset>(&asset).await?;
        self.get::<DeliveryPolicy>(&policy).await?;
        let (asset, policy) = (asset.to_string(), policy.to_string());
        if self.linked(Link::AssetDeliveryPolicies, &asset).await?.contains(&policy) {
            return Err(Error::conflict(format!("asset {asset} has delivery policy {policy} already")));
        }
        self.not_streaming(&asset).await?;
        self.link(Link::AssetDeliveryPolicies, &asset, &policy).await
    }

    /// Takes a policy from an asset.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the asset does not have it; [`Error::Conflict`] while it has a locator for streaming.
    pub async fn unlink_delivery_policy(&mut self, asset: AssetId, policy: DeliveryPolicyId) -> Result<(), Error> {
        self.not_streaming(&asset.to_string()).await?;
        self.unlink(Link::AssetDeliveryPolicies, &asset.to_string(), &policy.to_string()).await
    }

    async fn not_streaming(&mut self, asset: &str) -> Result<(), Error> {
        if self.has_origin_locator(asset).await? {
            let problem = format!(
                "asset {asset} has a locator for streaming; delete that, change the policies, and create it again"
            );
            return Err(Error::conflict(problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(protocols: i64, delivery_type: DeliveryType) -> DeliveryPolicy {
        DeliveryPolicy {
            id: DeliveryPolicyId::random(),
            name: None,
            protocols: Protocols::from_bits(protocols).unwrap(),
            delivery_type,
            configuration: Vec::new(),
            created: UtcTime { unix_millis: 0 },
            last_modified: UtcTime { unix_millis: 0 },
        }
    }

    #[test]
    fn policies_decide_as_the_contract_says() {
        let clear = policy(7, DeliveryType::NoDynamicEncryption);
        let envelope = policy(4, DeliveryType::DynamicEnvelopeEncryption);
        let common = policy(3, DeliveryType::DynamicCommonEncryption);
        let blocked = policy(1, DeliveryType::Blocked);
        let nothing = policy(0xffff, DeliveryType::None);
        use Protocols as P;
        let none = AssetOptions::None;
        for (options, policies, protocol, expected) in [
            (none, &[][..], P::HLS, Delivery::Clear),
            (AssetOptions::StorageEncrypted, &[], P::HLS, Delivery::NoPolicy),
            (AssetOptions::EnvelopeEncryptionProtected, &[], P::HLS, Delivery::Clear),
            (none, &[&clear], P::SMOOTH, Delivery::Clear),
            (AssetOptions::StorageEncrypted, &[&clear], P::SMOOTH, Delivery::Clear),
            (none, &[&clear], P::PROGRESSIVE, Delivery::Blocked),
            (none, &[&nothing], P::HLS, Delivery::Blocked),
            (none, &[&envelope, &common], P::HLS, Delivery::Encrypted(DeliveryType::DynamicEnvelopeEncryption)),
            (none, &[&envelope, &common], P::DASH, Delivery::Encrypted(DeliveryType::DynamicCommonEncryption)),
            (none, &[&envelope, &clear], P::HLS, Delivery::Conflicting),
            (none, &[&clear, &clear], P::HLS, Delivery::Clear),
            (none, &[&blocked], P::SMOOTH, Delivery::Blocked),
        ] {
            assert_eq!(delivery(options, policies.iter().copied(), protocol), expected, "{policies:?} {protocol:?}");
        }
    }

    #[test]
    fn configurations_are_read_and_checked() {
        let read = parse_configuration(
            r#"[{"Key":2,"Value":"https:\/\/keys.example\/"},{"Key":6,"Value":"00112233445566778899AABBCCDDEEFF"}]"#,
        );
        let settings = read.unwrap();
        assert_eq!(settings[0].key, DeliveryKey::EnvelopeBaseKeyAcquisitionUrl);
        let new = |configuration| NewDeliveryPolicy {
            name: None,
            protocols: Protocols::HLS,
            delivery_type: DeliveryType::DynamicEnvelopeEncryption,
            configuration,
        };
        assert!(new(settings.clone()).check().is_ok());
        assert!(new([settings.clone(), settings].concat()).check().is_err());
        for text in
            ["", "{}", "[1]", r#"[{"Key":14,"Value":""}]"#, r#"[{"Key":1}]"#, r#"[{"Key":1,"Value":"x","More":1}]"#]
        {
            assert!(parse_configuration(text).is_err(), "{text}");
        }
        for (key, value) in [(2, "keys.example"), (3, "AA=="), (6, "00"), (13, "perhaps"), (11, "0x")] {
            let key = DeliveryKey::from_number(key).unwrap();
            assert!(new(vec![DeliverySetting { key, value: value.into() }]).check().is_err(), "{key:?}");
        }
        assert_eq!(Protocols::from_bits(-1), None);
        assert_eq!(Protocols::from_bits(0x1_0000), None);
    }
}
