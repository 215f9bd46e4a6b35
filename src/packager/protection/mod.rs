//! What a delivery policy came to for one request: how media is encrypted, with which keys, and what manifests tell
//! players of it. Packagers ask it track by track; a track without an answer goes out in the clear.

mod periods;
mod signal;
mod stored;
mod track_key;

use std::fmt;

use bytes::Bytes;

use crate::cipher::{ContentKey, KeyId, cbc};
use crate::isobmff::write_protection_header;
use crate::media::{LeftOut, Presentation, Track, TrackGroup, TrackKind, TrackRef, WhyLeftOut};
use crate::protection::{Scheme, System, playready, widevine};

use super::{Context, Error, Format, Rendered};

pub use periods::Periods;
pub use signal::{Address, SystemSignal};
pub use track_key::{Material, TrackKey, Tracks, TracksError};

/// The protection of one answer.
pub struct Protection {
    /// How.
    pub scheme: Scheme,
    /// With what: the first key for a track is its key. Where keys change, what those of periods are made of.
    pub keys: Vec<TrackKey>,
    /// Sample entries (`avc1`, `mp4a`, …) that stay clear where samples are encrypted (`UnencryptedTracksByFourCC`).
    pub clear: Vec<String>,
    /// Systems that can get the keys, in the order in which manifests name them.
    pub systems: Vec<SystemSignal>,
    /// From when on, and for how long one key lasts.
    pub periods: Periods,
    /// Whose film it is: with key, revision, file and track it decides the initialization vectors.
    pub asset: [u8; 16],
}

/// Tells how, never with what.
impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<KeyId> = self.keys.iter().map(|key| key.id).collect();
        f.debug_struct("Protection").field("scheme", &self.scheme).field("keys", &ids).finish_non_exhaustive()
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
        let found = self.keys.iter().find(|key| key.tracks.have(kind, track));
        // An envelope is around captions too: without a key of their own, in that of the first tracks.
        found.or_else(|| self.keys.first().filter(|_| kind == TrackKind::Text && !self.scheme.encrypts_samples()))
    }

    /// `format` can carry the track in this protection, or need not protect it.
    pub fn carries(&self, format: &dyn Format, presentation: &Presentation, at: TrackRef) -> bool {
        let codec = &*presentation.track(at).codec;
        // What is stored encrypted is only passed on.
        format.protects(codec, self.scheme) || self.key(presentation, at).is_none_or(|key| key.secret().is_none())
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

    /// A track of pictures or sound that is to be encrypted, and for which there is no key.
    pub fn track_without_key(&self, presentation: &Presentation) -> Option<TrackRef> {
        let tracks = presentation
            .groups
            .iter()
            .enumerate()
            .flat_map(|(group, of)| (0..of.tracks.len()).map(move |track| (of.kind, TrackRef { group, track })));
        let lacks = |(kind, at): &(TrackKind, TrackRef)| {
            let four_cc = presentation.track(*at).codec.four_cc().to_string();
            let stays_clear = self.scheme.encrypts_samples() && self.clear.contains(&four_cc);
            let is_given = self.keys.iter().all(|key| key.secret().is_some());
            *kind != TrackKind::Text && is_given && !stays_clear && self.key(presentation, *at).is_none()
        };
        tracks.filter(lacks).map(|(_, at)| at).next()
    }

    /// The keys that manifests name for some tracks, each once, in the order of the policy.
    pub(crate) fn keys_of(&self, presentation: &Presentation, tracks: impl Iterator<Item = TrackRef>) -> Vec<TrackKey> {
        let used: Vec<KeyId> = tracks.filter_map(|at| self.key(presentation, at)).map(|key| key.id).collect();
        let mut keys: Vec<&TrackKey> = Vec::new();
        for key in self.keys.iter().filter(|key| used.contains(&key.id)) {
            if !keys.iter().any(|known| known.id == key.id) {
                keys.push(key);
            }
        }
        keys.into_iter().map(|key| key.in_period(self.periods.first())).collect()
    }

    /// What a system is told of these keys: the data of its `pssh` box, and of a Smooth manifest. `None` where it is
    /// told nothing.
    pub(crate) fn header(&self, signal: &SystemSignal, keys: &[&TrackKey]) -> Option<Vec<u8>> {
        if let Some(stored) = keys.iter().find_map(|key| key.stored_headers(signal.system).next()) {
            return Some(stored.data.to_vec());
        }
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
        if let Some(stored) = keys.iter().find_map(|key| key.stored_headers(signal.system).next()) {
            stored.write(&mut out);
            return Some(out);
        }
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
        if let Some(stored) = keys.iter().find_map(|key| key.stored_headers(System::PlayReady).next()) {
            return stored.data.to_vec();
        }
        let pairs: Vec<(KeyId, Option<&ContentKey>)> = keys.iter().map(|key| (key.id, key.secret())).collect();
        let licence_url = keys.first().and_then(|key| signal.licence_url(key.id));
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
            licence_url: licence_url.as_deref(),
            custom_attributes: signal.custom_attributes.as_deref(),
        };
        header.object()
    }
}

/// A finished object of a track, in its envelope where there is one: of segment `index`, or the initialization
/// segment. That one stands before everything, so it is clear if anything is.
pub(super) fn in_envelope(
    rendered: Rendered,
    presentation: &Presentation,
    at: Option<TrackRef>,
    index: Option<usize>,
    context: &Context<'_>,
) -> Rendered {
    let protection = context.protection.filter(|protection| protection.scheme == Scheme::Envelope);
    let (Some(protection), Some(at)) = (protection, at) else { return rendered };
    let key = match index {
        Some(index) => protection.key_at(presentation, at, index),
        None if protection.periods.clear_lead > 0 => None,
        None => protection.first_key(presentation, at),
    };
    let Some(key) = key else { return rendered };
    let Some(secret) = key.secret() else { return rendered };
    let body = vec![Bytes::from(cbc::encrypt(secret, &key.constant_vector(), &rendered.body))];
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
