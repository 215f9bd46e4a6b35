//! What a delivery policy came to for one request: how media is encrypted, with which keys, and what manifests tell
//! players of it. Packagers ask it track by track; a track without an answer goes out in the clear.

use std::fmt;

use bytes::Bytes;

use crate::cipher::{BLOCK, ContentKey, KeyId, cbc};
use crate::isobmff::write_protection_header;
use crate::media::{LeftOut, Presentation, Track, TrackGroup, TrackKind, TrackRef, WhyLeftOut};
use crate::protection::{Scheme, System, constant_vector, playready, widevine};

use super::{Context, Error, Format, Rendered};

/// The protection of one answer.
pub struct Protection {
    /// How.
    pub scheme: Scheme,
    /// With what: the first key for a track is its key.
    pub keys: Vec<TrackKey>,
    /// Sample entries (`avc1`, `mp4a`, …) that stay clear where samples are encrypted (`UnencryptedTracksByFourCC`).
    pub clear: Vec<String>,
    /// Systems that can get the keys, in the order in which manifests name them.
    pub systems: Vec<SystemSignal>,
    /// Whose film it is: with key, revision, file and track it decides the initialization vectors.
    pub asset: [u8; 16],
}

/// A key and the tracks that it is for.
pub struct TrackKey {
    /// Which tracks.
    pub tracks: Tracks,
    /// Its identifier.
    pub id: KeyId,
    /// The key.
    pub key: ContentKey,
    /// The vector of the policy, for objects and chains; derived from the identifier where it states none.
    pub vector: Option<[u8; BLOCK]>,
    /// Where players get it: the URL in the manifest of an envelope.
    pub url: Option<String>,
}

/// Tracks that a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tracks {
    /// All of them.
    All,
    /// Those of one kind.
    Kind(TrackKind),
    /// Pictures of up to so many lines.
    Lines(u32),
}

/// What a manifest says for one protection system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemSignal {
    /// Which.
    pub system: System,
    /// Where its licences are.
    pub licence_url: Option<String>,
    /// PlayReady's `CUSTOMATTRIBUTES`, XML.
    pub custom_attributes: Option<String>,
    /// PlayReady: the form of its header.
    pub version: playready::Version,
}

impl SystemSignal {
    /// A system and where its licences are.
    pub fn new(system: System, licence_url: Option<&str>) -> SystemSignal {
        let version = playready::Version::default();
        SystemSignal { system, licence_url: licence_url.map(str::to_owned), custom_attributes: None, version }
    }
}

/// Tells how, never with what.
impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<KeyId> = self.keys.iter().map(|key| key.id).collect();
        f.debug_struct("Protection").field("scheme", &self.scheme).field("keys", &ids).finish_non_exhaustive()
    }
}

impl TrackKey {
    /// The vector of whole objects and of chains.
    pub fn constant_vector(&self) -> [u8; BLOCK] {
        self.vector.unwrap_or_else(|| constant_vector(self.id))
    }
}

impl Protection {
    /// The key of a track; `None` when it goes out in the clear. An envelope goes around everything; text is not
    /// encrypted sample by sample.
    pub fn key(&self, presentation: &Presentation, at: TrackRef) -> Option<&TrackKey> {
        let kind = presentation.groups[at.group].kind;
        let track = presentation.track(at);
        if self.scheme.encrypts_samples() {
            let four_cc = track.codec.four_cc().to_string();
            if kind == TrackKind::Text || self.clear.contains(&four_cc) {
                return None;
            }
        }
        self.keys.iter().find(|key| match key.tracks {
            Tracks::All => true,
            Tracks::Kind(wanted) => wanted == kind,
            Tracks::Lines(most) => track.codec.video().is_some_and(|picture| picture.height <= most),
        })
    }

    /// `format` can carry the track in this protection, or need not protect it.
    pub fn carries(&self, format: &dyn Format, presentation: &Presentation, at: TrackRef) -> bool {
        let codec = &*presentation.track(at).codec;
        format.protects(codec, self.scheme) || self.key(presentation, at).is_none()
    }

    /// The film without the tracks that `format` cannot carry in this protection; `None` where it can carry all.
    pub fn view(&self, format: &dyn Format, presentation: &Presentation) -> Option<Presentation> {
        let stays = |group: usize, track: usize| self.carries(format, presentation, TrackRef { group, track });
        let groups = || presentation.groups.iter().enumerate();
        if groups().all(|(index, group)| (0..group.tracks.len()).all(|track| stays(index, track))) {
            return None;
        }
        let mut view = presentation.clone();
        view.groups.clear();
        for (index, group) in groups() {
            let tracks = group.tracks.iter().enumerate().filter(|(track, _)| stays(index, *track));
            let tracks: Vec<Track> = tracks.map(|(_, track)| track.clone()).collect();
            let lost = group.tracks.iter().enumerate().filter(|(track, _)| !stays(index, *track));
            view.left_out.extend(lost.map(|(_, track)| LeftOut {
                file: presentation.file(track.file).name.clone(),
                track: track.source_id,
                codec: track.codec.rfc6381(),
                why: WhyLeftOut::Protection,
            }));
            if !tracks.is_empty() {
                view.groups.push(TrackGroup { tracks, ..group.clone() });
            }
        }
        Some(view)
    }

    /// The keys of some tracks, each once, in the order of the policy.
    pub(crate) fn keys_of<'a>(
        &'a self,
        presentation: &Presentation,
        tracks: impl Iterator<Item = TrackRef>,
    ) -> Vec<&'a TrackKey> {
        let used: Vec<KeyId> = tracks.filter_map(|at| self.key(presentation, at)).map(|key| key.id).collect();
        let mut keys: Vec<&TrackKey> = Vec::new();
        for key in self.keys.iter().filter(|key| used.contains(&key.id)) {
            if !keys.iter().any(|known| known.id == key.id) {
                keys.push(key);
            }
        }
        keys
    }

    /// What a system is told of these keys: the data of its `pssh` box, and of a Smooth manifest. `None` where it is
    /// told nothing.
    pub(crate) fn header(&self, signal: &SystemSignal, keys: &[&TrackKey]) -> Option<Vec<u8>> {
        match signal.system {
            System::PlayReady => Some(self.playready_object(signal, keys)),
            System::Widevine => {
                let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
                let scheme = self.scheme.scheme_type().map(|scheme| scheme.0).filter(|scheme| scheme == b"cbcs");
                Some(widevine::pssh_data(&ids, b"", scheme))
            }
            System::ClearKey | System::FairPlay => None,
        }
    }

    /// A `pssh` box for one system; `None` where the system has none.
    pub(crate) fn pssh(&self, signal: &SystemSignal, keys: &[&TrackKey]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match (self.header(signal, keys), signal.system) {
            (Some(data), system) => write_protection_header(&mut out, system.id().0, &[], &data),
            (None, System::ClearKey) => {
                let ids: Vec<[u8; 16]> = keys.iter().map(|key| key.id.0).collect();
                write_protection_header(&mut out, System::ClearKey.id().0, &ids, b"");
            }
            (None, _) => return None,
        }
        Some(out)
    }

    /// The PlayReady Object of these keys.
    pub(crate) fn playready_object(&self, signal: &SystemSignal, keys: &[&TrackKey]) -> Vec<u8> {
        let pairs: Vec<(KeyId, &ContentKey)> = keys.iter().map(|key| (key.id, &key.key)).collect();
        let chains = self.scheme == Scheme::Cbcs;
        let version = match (chains, pairs.len()) {
            (true, _) => playready::Version::V4_3,
            (false, 2..) if signal.version < playready::Version::V4_2 => playready::Version::V4_2,
            _ => signal.version,
        };
        let header = playready::Header {
            version,
            keys: &pairs,
            chains,
            licence_url: signal.licence_url.as_deref(),
            custom_attributes: signal.custom_attributes.as_deref(),
        };
        header.object()
    }
}

/// A finished object of a track, in its envelope where there is one.
pub(super) fn in_envelope(
    rendered: Rendered,
    presentation: &Presentation,
    at: Option<TrackRef>,
    context: &Context<'_>,
) -> Rendered {
    let protection = context.protection.filter(|protection| protection.scheme == Scheme::Envelope);
    let (Some(protection), Some(at)) = (protection, at) else { return rendered };
    let Some(key) = protection.key(presentation, at) else { return rendered };
    let body = vec![Bytes::from(cbc::encrypt(&key.key, &key.constant_vector(), &rendered.body))];
    Rendered { body, ..rendered }
}

/// Refuses a track whose samples have to be encrypted and cannot be.
pub(super) fn check(
    format: &dyn Format,
    presentation: &Presentation,
    at: TrackRef,
    context: &Context<'_>,
) -> Result<(), Error> {
    match context.protection {
        Some(protection) if !protection.carries(format, presentation, at) => {
            let codec = presentation.track(at).codec.rfc6381();
            Err(Error::NotProtectable { codec, scheme: protection.scheme.as_str() })
        }
        _ => Ok(()),
    }
}
