//! What is asked for, and whether that is what came.

use bytes::Bytes;
use uuid::Uuid;

use super::Error;
use crate::cipher::KeyId;
use crate::isobmff::ProtectionHeader;
use crate::keys::ProtectionCertificate;
use crate::keys::cpix::{self, CpixKey, SystemSignalling, UsageRule, Wanted};
use crate::protection::{System, playready, widevine};

/// Kinds of playlists that FairPlay's lines are wanted for.
const PLAYLISTS: [&str; 2] = ["media", "master"];

/// An order of one key for all tracks of a film.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// What the film is called at the service.
    pub content_id: String,
    /// The key's identifier.
    pub key: Uuid,
    /// `cenc` or `cbcs`.
    pub scheme: &'static str,
    /// What is to be told to whom; clear keys need no telling.
    pub systems: Vec<System>,
}

/// What came.
#[derive(Clone)]
pub struct Given {
    /// The key.
    pub key: CpixKey,
    /// What systems are told.
    pub systems: Vec<SystemTold>,
}

/// What a system is told, as far as a delivery policy can say it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemTold {
    /// Which one.
    pub system: System,
    /// Where its licences are: PlayReady's `LA_URL`, FairPlay's `URI`.
    pub licence_url: Option<String>,
}

impl Order {
    /// The document of the request.
    pub(super) fn document(&self, certificate: Option<&[u8]>) -> String {
        let key = Wanted { id: self.key, scheme: self.scheme, vector: None };
        let systems: Vec<SystemSignalling> = self.systems.iter().map(|system| self.wanted(*system)).collect();
        cpix::request(&self.content_id, &[key], &systems, &[UsageRule::for_all(self.key)], certificate)
    }

    /// What is wanted of a system: empty elements.
    fn wanted(&self, system: System) -> SystemSignalling {
        let none = SystemSignalling::new(Uuid::from_bytes(system.id().0), self.key);
        match system {
            System::PlayReady => SystemSignalling { pssh: Some(Vec::new()), smooth: Some(String::new()), ..none },
            System::Widevine => SystemSignalling { pssh: Some(Vec::new()), ..none },
            System::FairPlay => {
                let hls = PLAYLISTS.iter().map(|playlist| ((*playlist).to_owned(), Vec::new())).collect();
                SystemSignalling { hls, ..none }
            }
            System::ClearKey => none,
        }
    }

    /// Reads the answer: the key that was asked for, and a value for everything that was (SPEKE 2.0, constraints).
    pub(super) fn check(&self, answer: &[u8], certificate: Option<&ProtectionCertificate>) -> Result<Given, Error> {
        let wrong = |problem: String| Error::Answer { problem };
        let document = cpix::import(answer, certificate)?;
        if document.content_id.as_ref().is_some_and(|id| *id != self.content_id) {
            let id = document.content_id.unwrap_or_default();
            return Err(wrong(format!("it is for the content {id:?} and not {:?}", self.content_id)));
        }
        let found = document.keys.iter().find(|key| key.id == self.key);
        let key = found.ok_or_else(|| wrong(format!("it has no key {}", self.key)))?.clone();
        if key.material.len() != 16 {
            return Err(wrong(format!("the key {} has {} bytes and not 16", self.key, key.material.len())));
        }
        if key.scheme.as_deref().is_some_and(|scheme| scheme != self.scheme) {
            let scheme = key.scheme.unwrap_or_default();
            return Err(wrong(format!("the key {} is for {scheme} and not {}", self.key, self.scheme)));
        }
        let mut systems = Vec::new();
        for system in &self.systems {
            let id = Uuid::from_bytes(system.id().0);
            let told = document.systems.iter().find(|told| told.system == id && told.key == self.key);
            let told = told.ok_or_else(|| wrong(format!("it says nothing for {}", system.name())))?;
            systems.push(SystemTold { system: *system, licence_url: self.told(*system, told)? });
        }
        Ok(Given { key, systems })
    }

    /// Looks at what one system is told: that it is there, can be read and is about our key.
    fn told(&self, system: System, told: &SystemSignalling) -> Result<Option<String>, Error> {
        let name = system.name();
        let wrong = |problem: String| Error::Answer { problem: format!("{name}: {problem}") };
        let wanted = self.wanted(system);
        let mut url = None;
        if wanted.pssh.is_some() {
            let boxes = told.pssh.clone().filter(|boxes| !boxes.is_empty());
            let boxes = boxes.ok_or_else(|| wrong("it has no PSSH".to_owned()))?;
            let headers = ProtectionHeader::parse_all(&Bytes::from(boxes), 0);
            let headers = headers.map_err(|error| wrong(format!("its PSSH cannot be read: {error}")))?;
            let header = headers.iter().find(|header| header.system == system.id().0);
            let header = header.ok_or_else(|| wrong("its PSSH is for another system".to_owned()))?;
            let (keys, licence_url) = match system {
                System::PlayReady => {
                    let object = playready::object(&header.data).map_err(|error| wrong(error.to_string()))?;
                    (object.header.keys.iter().map(|key| key.id).collect(), object.header.licence_url)
                }
                _ => {
                    let data = widevine::read(&header.data).map_err(|error| wrong(error.to_string()))?;
                    (data.key_ids, None)
                }
            };
            let all: Vec<KeyId> = keys;
            let named = header.key_ids.iter().map(|id| KeyId(*id)).chain(all);
            let ours = KeyId(*self.key.as_bytes());
            let named: Vec<KeyId> = named.collect();
            // Widevine's may name the content alone.
            if !named.is_empty() && !named.contains(&ours) {
                return Err(wrong(format!("its PSSH is not about the key {}", self.key)));
            }
            url = licence_url;
        }
        if wanted.smooth.is_some() && told.smooth.as_deref().unwrap_or_default().is_empty() {
            return Err(wrong("it has no SmoothStreamingProtectionHeaderData".to_owned()));
        }
        for (playlist, _) in &wanted.hls {
            let lines = told.hls.iter().find(|(kind, lines)| kind == playlist && !lines.is_empty());
            let lines =
                lines.ok_or_else(|| wrong(format!("it has no HLSSignalingData for playlists of {playlist}")))?;
            let lines = String::from_utf8_lossy(&lines.1);
            let uri = lines.split_once("URI=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(uri, _)| uri);
            url = url.or_else(|| uri.map(str::to_owned));
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use crate::cipher::ContentKey;
    use crate::isobmff::write_protection_header;
    use crate::keys::cpix::Document;
    use crate::secrets::SecretBytes;

    const KEY: Uuid = Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888);

    fn order() -> Order {
        let systems = vec![System::Widevine, System::PlayReady, System::FairPlay];
        Order { content_id: "film".to_owned(), key: KEY, scheme: "cbcs", systems }
    }

    fn boxed(system: System, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_protection_header(&mut out, system.id().0, &[], data);
        out
    }

    /// A right answer.
    fn answer() -> Document {
        let id = KeyId(*KEY.as_bytes());
        let key = ContentKey::new([1; 16]);
        let object = playready::Header {
            version: playready::Version::V4_3,
            keys: &[(id, Some(&key))],
            chains: true,
            licence_url: Some("https://licences.example/playready"),
            custom_attributes: None,
        }
        .object();
        let of = |system: System| SystemSignalling::new(Uuid::from_bytes(system.id().0), KEY);
        let line = b"#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://licences.example/1\"".to_vec();
        Document {
            content_id: Some("film".to_owned()),
            keys: vec![CpixKey {
                id: KEY,
                material: SecretBytes::new(vec![7; 16]),
                scheme: Some("cbcs".to_owned()),
                vector: None,
            }],
            systems: vec![
                SystemSignalling {
                    pssh: Some(boxed(System::Widevine, &widevine::pssh_data(&[id], b"", None))),
                    ..of(System::Widevine)
                },
                SystemSignalling {
                    pssh: Some(boxed(System::PlayReady, &object)),
                    smooth: Some(STANDARD.encode(&object)),
                    ..of(System::PlayReady)
                },
                SystemSignalling {
                    hls: vec![("media".to_owned(), line.clone()), ("master".to_owned(), line)],
                    ..of(System::FairPlay)
                },
            ],
            usage_rules: vec![UsageRule::for_all(KEY)],
        }
    }

    fn checked(answer: &Document) -> Result<Given, Error> {
        order().check(cpix::export(answer, None).unwrap().as_bytes(), None)
    }

    #[test]
    fn what_was_asked_for_is_taken() {
        let given = checked(&answer()).unwrap();
        assert_eq!(given.key.material.expose(), [7; 16]);
        let urls: Vec<Option<&str>> = given.systems.iter().map(|told| told.licence_url.as_deref()).collect();
        assert_eq!(urls, [None, Some("https://licences.example/playready"), Some("skd://licences.example/1")]);
        let ours = ProtectionCertificate::generate("ours").unwrap();
        let sealed = cpix::export(&answer(), Some(ours.der())).unwrap();
        assert_eq!(order().check(sealed.as_bytes(), Some(&ours)).unwrap().key.material.expose(), [7; 16]);
    }

    #[test]
    fn anything_else_is_refused() {
        let refused = |change: &dyn Fn(&mut Document)| {
            let mut other = answer();
            change(&mut other);
            checked(&other).err().expect("an error").to_string()
        };
        let foreign = KeyId([9; 16]);
        let cases: [(&dyn Fn(&mut Document), &str); 11] = [
            (&|a| a.content_id = Some("other".to_owned()), "for the content \"other\""),
            (&|a| a.keys[0].id = Uuid::nil(), "it has no key 11111111"),
            (&|a| a.keys[0].material = SecretBytes::new(vec![1; 32]), "has 32 bytes and not 16"),
            (&|a| a.keys[0].scheme = Some("cenc".to_owned()), "is for cenc and not cbcs"),
            (&|a| drop(a.systems.remove(0)), "it says nothing for Widevine"),
            (&|a| a.systems[0].key = Uuid::nil(), "it says nothing for Widevine"),
            (&|a| a.systems[0].pssh = None, "Widevine: it has no PSSH"),
            (&|a| a.systems[0].pssh = Some(vec![1; 9]), "Widevine: its PSSH cannot be read"),
            (&|a| a.systems[0].pssh = a.systems[1].pssh.clone(), "Widevine: its PSSH is for another system"),
            (
                &|a| a.systems[0].pssh = Some(boxed(System::Widevine, &widevine::pssh_data(&[foreign], b"", None))),
                "Widevine: its PSSH is not about the key",
            ),
            (&|a| drop(a.systems[2].hls.pop()), "FairPlay: it has no HLSSignalingData for playlists of master"),
        ];
        for (change, expected) in cases {
            let told = refused(change);
            assert!(told.contains(expected), "{told}");
        }
        assert!(refused(&|a| a.systems[1].smooth = None).contains("SmoothStreamingProtectionHeaderData"));
    }
}
