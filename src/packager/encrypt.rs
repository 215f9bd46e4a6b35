//! Samples of a segment, encrypted one by one (ISO/IEC 23001-7), or as they are stored encrypted.

use std::ops::Range;

use bytes::Bytes;

use crate::cipher::ContentKey;
use crate::cipher::ctr::Counter;
use crate::cipher::pattern::{Chains, Pattern};
use crate::codec::{Blocks, Subsampling};
use crate::isobmff::{
    EncryptionBoxes, EncryptionGroups, FourCc, SampleEncryption, SampleVector, Subsample, TrackEncryption, Vectors,
    protected_sample_entry, sample_encryption_boxes,
};
use crate::media::{Presentation, StoredEncryption, Track, TrackKind, TrackRef};
use crate::protection::{SampleVectors, Scheme};

use super::payload::payload;
use super::protection::{Material, Protection, TrackKey};
use super::{Error, MediaData, Part};

/// The samples of a part, encrypted, and what their fragment has to say of each.
pub(crate) struct Encrypted {
    /// All samples in decode order; `None` where they go out as they are stored.
    pub body: Option<Bytes>,
    /// `pssh` boxes of a key that the track's header does not name.
    pub headers: Vec<u8>,
    boxes: EncryptionBoxes,
    groups: EncryptionGroups,
    vectors: Vec<SampleVector>,
    subsamples: Vec<Subsample>,
    /// Where each sample's begin and end in `subsamples`.
    of_sample: Vec<Range<usize>>,
}

/// Encrypts the samples of `part`, which are of segment `index`; `None` where the track is clear.
///
/// # Errors
/// [`Error::MissingMedia`], and [`Error::Sample`] for samples in which nothing tells what must stay clear.
pub(crate) fn part(
    presentation: &Presentation,
    part: &Part,
    index: usize,
    media: &MediaData,
    protection: Option<&Protection>,
) -> Result<Option<Encrypted>, Error> {
    let Some(protection) = protection.filter(|p| p.scheme.encrypts_samples()) else { return Ok(None) };
    let Some(first) = protection.first_key(presentation, part.track) else { return Ok(None) };
    let Some(key) = protection.key_at(presentation, part.track, index) else {
        return Ok(Some(clear(part, protection)));
    };
    match &key.material {
        Material::Stored(stored) => as_stored(part, protection, stored).map(Some),
        Material::Key(material) => {
            let mut encrypted = on_the_way(presentation, part, media, protection, &key, material)?;
            if key.id != first.id {
                let own = parameters(presentation, part.track, protection.scheme, &key);
                encrypted.tell(Some(own));
                // Players that did not expect the key ask for it when they see it.
                let told = protection.systems.iter().filter_map(|signal| protection.pssh(signal, &[&key]));
                encrypted.headers = told.flatten().collect();
            }
            Ok(Some(encrypted))
        }
    }
}

/// Samples of an encrypted track that are clear, and that their fragment says so.
fn clear(part: &Part, protection: &Protection) -> Encrypted {
    let count = part.samples.samples.len();
    let mut clear = Encrypted {
        body: None,
        headers: Vec::new(),
        boxes: boxes_of(protection.scheme),
        groups: EncryptionGroups::default(),
        vectors: vec![SampleVector::NONE; count],
        subsamples: Vec::new(),
        of_sample: vec![0..0; count],
    };
    clear.tell(None);
    clear
}

/// Which boxes tell of a scheme.
fn boxes_of(scheme: Scheme) -> EncryptionBoxes {
    match scheme {
        Scheme::Piff => EncryptionBoxes::Piff(None),
        _ => EncryptionBoxes::Common,
    }
}

fn on_the_way(
    presentation: &Presentation,
    part: &Part,
    media: &MediaData,
    protection: &Protection,
    key: &TrackKey,
    material: &ContentKey,
) -> Result<Encrypted, Error> {
    let track = presentation.track(part.track);
    let scheme = protection.scheme.as_str();
    let not_protectable = || Error::NotProtectable { codec: track.codec.rfc6381(), scheme };
    let mut subsampling = track.codec.subsampling().ok_or_else(not_protectable)?;
    let chains = protection.scheme == Scheme::Cbcs;
    // One copy, which the cipher then works in.
    let mut body = Vec::with_capacity(part.samples.bytes() as usize);
    payload(part, media)?.iter().for_each(|piece| body.extend_from_slice(piece));

    let blocks = if chains { Blocks::Any } else { Blocks::Whole };
    let mut subsamples = Vec::new();
    let mut of_sample = Vec::with_capacity(part.samples.samples.len());
    let mut starts = Vec::with_capacity(part.samples.samples.len());
    let mut at = 0;
    for (index, sample) in part.samples.samples.iter().enumerate() {
        let end = at + sample.size as usize;
        let first = subsamples.len();
        if let Subsampling::Parts(parts) = &mut subsampling {
            let bytes = body.get(at..end).unwrap_or_default();
            parts
                .subsamples(bytes, blocks, &mut subsamples)
                .map_err(|source| Error::Sample { sample: index, source })?;
        }
        of_sample.push(first..subsamples.len());
        starts.push(at..end);
        at = end;
    }
    let whole = matches!(subsampling, Subsampling::Whole);
    let protected = |index: usize| {
        let bytes = starts[index].clone();
        let mut at = 0;
        let parts = subsamples[of_sample[index].clone()].iter().map(move |part| {
            let start = at + part.clear as usize;
            at = start + part.protected as usize;
            start..at
        });
        parts.chain(whole.then_some(0..bytes.len()))
    };
    let vectors: Vec<SampleVector> = if chains {
        let pattern = pattern(presentation, part.track);
        let ranges = (0..starts.len()).flat_map(|index| {
            let start = starts[index].start;
            protected(index).map(move |range| start + range.start..start + range.end)
        });
        Chains::new(material, key.constant_vector()).encrypt(pattern, &mut body, ranges);
        vec![SampleVector::NONE; starts.len()]
    } else {
        let file = &presentation.file(track.file).name;
        let vectors = SampleVectors::of(key.id, protection.asset, presentation.revision, file, track.source_id);
        let counter = Counter::new(material);
        let encrypt = |(index, sample): (usize, &crate::media::Sample)| {
            let vector = vectors.sample(sample.index);
            counter.apply(vector, &mut body[starts[index].clone()], protected(index));
            SampleVector::new(&vector)
        };
        part.samples.samples.iter().enumerate().map(encrypt).collect()
    };
    let (boxes, groups) = (boxes_of(protection.scheme), EncryptionGroups::default());
    let (body, headers) = (Some(Bytes::from(body)), Vec::new());
    Ok(Encrypted { body, headers, boxes, groups, vectors, subsamples, of_sample })
}

/// What a fragment says of samples that are sent as they are stored.
fn as_stored(part: &Part, protection: &Protection, stored: &StoredEncryption) -> Result<Encrypted, Error> {
    let mut subsamples = Vec::new();
    let samples = stored.samples(part.samples.samples.iter().map(|sample| sample.index), &mut subsamples);
    if samples.len() != part.samples.samples.len() {
        return Err(Error::MissingEncryption);
    }
    let mut runs: Vec<(u32, Option<u32>)> = Vec::new();
    for sample in &samples {
        match runs.last_mut() {
            Some((count, group)) if *group == sample.group => *count += 1,
            _ => runs.push((1, sample.group)),
        }
    }
    let (mut boxes, mut groups) = (boxes_of(protection.scheme), EncryptionGroups::default());
    match (protection.scheme, runs.as_slice()) {
        (_, [] | [(_, None)]) => {}
        (Scheme::Piff, [(_, group @ Some(_))]) => {
            boxes = EncryptionBoxes::Piff(Some(stored.parameters(*group).copied()));
        }
        (Scheme::Piff, _) => return Err(Error::SeveralKeysInFragment),
        _ => {
            // Only the groups that are used, in the order of their use.
            for (_, group) in &mut runs {
                let Some(known) = group else { continue };
                let entry = stored.parameters(Some(*known)).copied();
                let place = groups.entries.iter().position(|other| *other == entry).unwrap_or(groups.entries.len());
                if place == groups.entries.len() {
                    groups.entries.push(entry);
                }
                *known = place as u32;
            }
            groups.runs = runs;
        }
    }
    let vectors = samples.iter().map(|sample| sample.vector).collect();
    let of_sample = samples.into_iter().map(|sample| sample.parts).collect();
    Ok(Encrypted { body: None, headers: Vec::new(), boxes, groups, vectors, subsamples, of_sample })
}

/// Which blocks of protected bytes are encrypted: of pictures one of ten, of sound all.
fn pattern(presentation: &Presentation, at: TrackRef) -> Pattern {
    match presentation.groups[at.group].kind {
        TrackKind::Video => Pattern::PICTURES,
        TrackKind::Audio | TrackKind::Text => Pattern::WHOLE,
    }
}

impl Encrypted {
    /// Says of all samples that they are encrypted otherwise than the track's header says; `None`: not at all.
    fn tell(&mut self, parameters: Option<TrackEncryption>) {
        match &mut self.boxes {
            EncryptionBoxes::Piff(overridden) => *overridden = Some(parameters),
            EncryptionBoxes::Common => self.groups = EncryptionGroups::all(self.vectors.len() as u32, parameters),
        }
    }

    /// The boxes for the end of a `traf` whose extra boxes begin `offset` bytes into the `moof`.
    pub fn boxes(&self, offset: usize) -> Result<Vec<u8>, Error> {
        let samples: Vec<SampleEncryption<'_>> = self
            .vectors
            .iter()
            .zip(&self.of_sample)
            .map(|(iv, range)| SampleEncryption { iv: *iv, subsamples: &self.subsamples[range.clone()] })
            .collect();
        let mut out = Vec::new();
        self.groups.write(&mut out);
        let table = sample_encryption_boxes(self.boxes, &samples, offset + out.len());
        out.extend(table.map_err(Error::TooManySubsamples)?);
        Ok(out)
    }
}

/// The sample entry of a track as it is sent: `encv` or `enca` with what protects it, or as it was.
pub(crate) fn sample_entry(
    presentation: &Presentation,
    at: TrackRef,
    entry: Bytes,
    protection: Option<&Protection>,
) -> Bytes {
    let Some((scheme, protection, key)) = scheme_and_key(presentation, at, protection) else { return entry };
    let protected = match presentation.groups[at.group].kind {
        TrackKind::Video => FourCc(*b"encv"),
        TrackKind::Audio => FourCc(*b"enca"),
        TrackKind::Text => FourCc(*b"enct"),
    };
    let encryption = match &key.material {
        Material::Key(_) => parameters(presentation, at, protection.scheme, &key),
        Material::Stored(stored) => {
            let first = || stored.groups.iter().flatten().next().copied();
            stored.default.or_else(first).unwrap_or_else(|| parameters(presentation, at, protection.scheme, &key))
        }
    };
    protected_sample_entry(&entry, protected, scheme, &encryption)
}

/// How the samples of a track are encrypted on the way.
fn parameters(presentation: &Presentation, at: TrackRef, scheme: Scheme, key: &TrackKey) -> TrackEncryption {
    match scheme {
        Scheme::Cbcs => {
            // Without pauses there is no pattern to tell (ISO/IEC 23001-7 9.6).
            let Pattern { crypt, skip } = pattern(presentation, at);
            let pattern = if skip == 0 { (0, 0) } else { (crypt, skip) };
            TrackEncryption { key_id: key.id.0, vectors: Vectors::Constant(key.constant_vector()), pattern }
        }
        _ => TrackEncryption { key_id: key.id.0, vectors: Vectors::PerSample(8), pattern: (0, 0) },
    }
}

/// The `pssh` boxes for a track's movie box: one for each system that has one, or those that are stored.
pub(crate) fn protection_headers(
    presentation: &Presentation,
    at: TrackRef,
    protection: Option<&Protection>,
) -> Vec<u8> {
    let Some((_, protection, key)) = scheme_and_key(presentation, at, protection) else { return Vec::new() };
    let mut out = Vec::new();
    if let Material::Stored(stored) = &key.material {
        stored.headers.iter().for_each(|header| header.write(&mut out));
    }
    let told = protection.systems.iter().filter(|signal| !key.has_header(signal.system));
    told.filter_map(|signal| protection.pssh(signal, &[&key])).for_each(|header| out.extend(header));
    out
}

fn scheme_and_key<'a>(
    presentation: &Presentation,
    at: TrackRef,
    protection: Option<&'a Protection>,
) -> Option<(FourCc, &'a Protection, TrackKey)> {
    let protection = protection?;
    Some((protection.scheme.scheme_type()?, protection, protection.first_key(presentation, at)?))
}

/// Parts of a sample of pictures that a bit rate counts with: few pictures have more slices.
const USUAL_PARTS: u64 = 4;

/// About how many bytes a segment of so many samples becomes longer.
pub(crate) fn overhead(track: &Track, samples: u64, scheme: Option<Scheme>) -> u64 {
    let parts = if track.codec.video().is_some() { 2 + 6 * USUAL_PARTS } else { 0 };
    match scheme {
        None => 0,
        Some(Scheme::Envelope) => 16,
        Some(_) if track.codec.text().is_some() => 0,
        // senc 16, saiz 17, saio 20; of each sample its parts, its vector, and how long that is.
        Some(Scheme::Cenc | Scheme::Piff) => 53 + samples * (parts + 9),
        Some(Scheme::Cbcs) => 53 + samples * (parts + 1),
    }
}
