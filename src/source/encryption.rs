//! Tracks that are encrypted in their files: what is said of each sample.

use crate::isobmff::{FourCc, ProtectedEntry, SampleProtection, SampleVector, SystemHeader, TrackEncryption, Vectors};
use crate::media::{StoredEncryption, StoredEncryptionBuilder};

/// Collects it over all samples of a track.
#[derive(Debug)]
pub(super) struct EncryptionCollector {
    builder: StoredEncryptionBuilder,
    /// Which sample entries are of clear samples.
    clear_entries: Vec<bool>,
    /// Why the track cannot be served.
    fault: Option<String>,
}

/// The schemes that are served as they are stored, and what they are called then: PIFF's samples are those of `cenc`
/// (PIFF 1.1 5.3.2).
fn served(scheme: FourCc) -> Option<FourCc> {
    match &scheme.0 {
        b"cenc" | b"piff" => Some(FourCc(*b"cenc")),
        b"cbcs" => Some(scheme),
        _ => None,
    }
}

/// The entry by which a track is served: the first that is encrypted, or the first.
pub(super) fn main_entry(entries: &[bytes::Bytes]) -> Option<&bytes::Bytes> {
    entries.iter().find(|entry| ProtectedEntry::is(entry)).or(entries.first())
}

impl EncryptionCollector {
    /// For a track with these sample entries; `None` where none is encrypted.
    pub fn new(entries: &[bytes::Bytes]) -> Option<EncryptionCollector> {
        let main = main_entry(entries).filter(|entry| ProtectedEntry::is(entry))?;
        let clear_entries = entries.iter().map(|entry| !ProtectedEntry::is(entry)).collect();
        let (builder, fault) = match ProtectedEntry::parse(main) {
            Ok(ProtectedEntry { scheme, encryption, .. }) => {
                let fault = served(scheme).is_none().then(|| format!("its scheme is '{scheme}'"));
                (StoredEncryptionBuilder::new(served(scheme).unwrap_or(scheme), encryption), fault)
            }
            Err(reason) => (StoredEncryptionBuilder::new(FourCc(*b"cenc"), None), Some(reason.to_owned())),
        };
        Some(EncryptionCollector { builder, clear_entries, fault })
    }

    /// Adds samples of these sizes, which entry `description` (from 1) describes.
    pub fn add(&mut self, said: &SampleProtection, description: u32, sizes: impl ExactSizeIterator<Item = u32>) {
        if self.fault.is_none() {
            self.fault = self.read(said, description, sizes).err();
        }
    }

    fn read(
        &mut self,
        said: &SampleProtection,
        description: u32,
        sizes: impl ExactSizeIterator<Item = u32>,
    ) -> Result<(), String> {
        if said.elsewhere {
            return Err("its vectors do not stand in 'senc' boxes".to_owned());
        }
        let clear_entry = (description as usize).checked_sub(1).and_then(|entry| self.clear_entries.get(entry));
        let table = said.table.as_ref();
        let default = match (clear_entry, table.and_then(|table| table.overridden)) {
            (Some(true), _) => None,
            (_, Some(overridden)) => overridden,
            _ => self.builder.default_parameters(),
        };
        let told = table.filter(|table| table.count > 0);
        if told.is_some_and(|table| table.count as usize != sizes.len()) {
            return Err(format!("vectors are not of as many samples as there are, {}", sizes.len()));
        }
        let mut entries = told.map(|table| table.entries());
        let groups = said.groups.as_ref();
        let mut runs = groups.into_iter().flat_map(|groups| {
            let entry = |group: &u32| groups.entries.get(*group as usize).copied().flatten();
            groups.runs.iter().map(move |(count, group)| (*count, group.as_ref().map(entry)))
        });
        let (mut left, mut parameters): (u32, Option<TrackEncryption>) = (0, default);
        let mut parts = Vec::new();
        for size in sizes {
            while left == 0 {
                let Some((count, own)) = runs.next() else {
                    (left, parameters) = (u32::MAX, default);
                    break;
                };
                (left, parameters) = (count, own.unwrap_or(default));
            }
            left -= 1;
            let bytes = match parameters.map(|parameters| parameters.vectors) {
                Some(Vectors::PerSample(bytes)) => bytes,
                _ => 0,
            };
            parts.clear();
            let vector = match &mut entries {
                Some(entries) => entries.next(bytes, &mut parts).ok_or("a 'senc' box ends too early")?,
                None if bytes > 0 => return Err("samples have no vectors".to_owned()),
                None => SampleVector::NONE,
            };
            if parameters.is_none() {
                parts.clear();
            }
            let group = self.builder.group(parameters).map_err(|error| error.to_string())?;
            self.builder.push(group, vector, &parts, size).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What was collected; `None` where nothing is encrypted after all.
    ///
    /// # Errors
    /// Why the track cannot be served, in words.
    pub fn finish(self, headers: &[SystemHeader]) -> Result<Option<StoredEncryption>, String> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.builder.finish(headers)),
        }
    }
}
