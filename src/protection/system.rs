//! Protection systems by their registered identifiers (dashif.org/identifiers/content_protection).

use crate::cipher::KeyId;

/// A protection system that a manifest can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum System {
    /// Microsoft PlayReady.
    PlayReady,
    /// Google Widevine.
    Widevine,
    /// Apple FairPlay Streaming.
    FairPlay,
    /// Clear keys of Encrypted Media Extensions (W3C EME 9.1, `org.w3.clearkey`).
    ClearKey,
}

impl System {
    /// `SystemID` of `pssh`, and of manifests.
    pub fn id(self) -> KeyId {
        KeyId(match self {
            System::PlayReady => 0x9a04_f079_9840_4286_ab92_e65b_e088_5f95u128.to_be_bytes(),
            System::Widevine => 0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21edu128.to_be_bytes(),
            System::FairPlay => 0x94ce_86fb_07ff_4f43_adb8_93d2_fa96_8ca2u128.to_be_bytes(),
            // The common one, whose `pssh` says no more than which keys are wanted.
            System::ClearKey => 0x1077_efec_c0b2_4d02_ace3_3c1e_52e2_fb4bu128.to_be_bytes(),
        })
    }

    /// DASH's `schemeIdUri` (ISO/IEC 23009-1 5.8.4.1); for clear keys the identifier that DASH-IF gave them, which
    /// is not that of their `pssh`.
    pub fn scheme_id_uri(self) -> String {
        match self {
            System::ClearKey => "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e".to_owned(),
            _ => format!("urn:uuid:{}", self.id()),
        }
    }

    /// The system of a `SystemID`; the two that clear keys have gone by are one.
    pub fn of_id(id: KeyId) -> Option<System> {
        const CLEAR_KEYS_OF_DASH: [u8; 16] = 0xe271_9d58_a985_b3c9_781a_b030_af78_d30eu128.to_be_bytes();
        let all = [System::PlayReady, System::Widevine, System::FairPlay, System::ClearKey];
        let found = all.into_iter().find(|system| system.id() == id);
        found.or_else(|| (id.0 == CLEAR_KEYS_OF_DASH).then_some(System::ClearKey))
    }

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            System::PlayReady => "PlayReady",
            System::Widevine => "Widevine",
            System::FairPlay => "FairPlay",
            System::ClearKey => "ClearKey",
        }
    }

    /// HLS `KEYFORMAT` (RFC 8216 4.3.2.4).
    pub fn key_format(self) -> &'static str {
        match self {
            System::PlayReady => "com.microsoft.playready",
            System::Widevine => "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
            System::FairPlay => "com.apple.streamingkeydelivery",
            System::ClearKey => "org.w3.clearkey",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_as_registered() {
        assert_eq!(System::PlayReady.id().to_string(), "9a04f079-9840-4286-ab92-e65be0885f95");
        assert_eq!(System::Widevine.scheme_id_uri(), format!("urn:uuid:{}", System::Widevine.id()));
        assert_eq!(System::Widevine.key_format(), System::Widevine.scheme_id_uri());
        for system in [System::PlayReady, System::Widevine, System::FairPlay, System::ClearKey] {
            assert_eq!(System::of_id(system.id()), Some(system));
            let uri: KeyId = system.scheme_id_uri()["urn:uuid:".len()..].parse().unwrap();
            assert_eq!(System::of_id(uri), Some(system));
        }
        assert_eq!(System::of_id(KeyId([1; 16])), None);
    }
}
