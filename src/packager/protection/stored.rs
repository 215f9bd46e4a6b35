//! Films that are stored encrypted: what manifests tell of that.

use std::sync::Arc;

use crate::cipher::KeyId;
use crate::isobmff::Vectors;
use crate::media::Presentation;
use crate::packager::{Error, Format, Protocol};
use crate::protection::{Scheme, System};

use super::{Material, Periods, Protection, SystemSignal, TrackKey, Tracks};

impl Protection {
    /// What is told in `format` of a film with encrypted tracks; `None` of one without. Samples go out as they are
    /// stored, and protection systems are told what is stored for them.
    ///
    /// # Errors
    /// [`Error::StoredEncryption`] where the format does not have the film's scheme, or tracks have several.
    pub fn stored(presentation: &Presentation, format: &dyn Format) -> Result<Option<Protection>, Error> {
        let mut keys = Vec::new();
        let mut systems: Vec<SystemSignal> = Vec::new();
        let mut of_film = None;
        for track in presentation.groups.iter().flat_map(|group| &group.tracks) {
            let Some(stored) = &track.encryption else { continue };
            let refused = || Error::StoredEncryption { scheme: stored.scheme.to_string() };
            let scheme = match (&stored.scheme.0, format.protocol()) {
                (b"cenc", Protocol::Smooth) => Scheme::Piff,
                (b"cenc", _) => Scheme::Cenc,
                (b"cbcs", _) => Scheme::Cbcs,
                _ => return Err(refused()),
            };
            if !format.passes_on(scheme) || *of_film.get_or_insert(scheme) != scheme {
                return Err(refused());
            }
            for system in [System::PlayReady, System::Widevine, System::FairPlay] {
                let told = stored.headers.iter().any(|header| header.system == system.id().0);
                if told && !systems.iter().any(|signal| signal.system == system) {
                    systems.push(SystemSignal::new(system, None));
                }
            }
            let vector = match stored.parameters(None).map(|parameters| parameters.vectors) {
                Some(Vectors::Constant(vector)) => Some(vector),
                _ => None,
            };
            keys.push(TrackKey {
                tracks: Tracks::Source(track.file, track.source_id),
                id: KeyId(stored.key_id()),
                material: Material::Stored(Arc::clone(stored)),
                vector,
                url: None,
            });
        }
        let Some(scheme) = of_film else { return Ok(None) };
        Ok(Some(Protection { scheme, keys, clear: Vec::new(), systems, periods: Periods::default(), asset: [0; 16] }))
    }
}
