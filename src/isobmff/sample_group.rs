//! Sample groups that change the encryption inside of a track (`seig`, ISO/IEC 23001-7 6; ISO/IEC 14496-12 8.9), as
//! fragments and sample tables have them.

use super::boxes::RawBox;
use super::encryption::{TrackEncryption, read_parameters, write_parameters};
use super::write::{put, write_full_box};
use super::{BoxPath, Error, ErrorKind, FourCc};

/// `grouping_type` of encryption.
pub(super) const SEIG: [u8; 4] = *b"seig";
/// Group descriptions of a fragment itself are counted from here (ISO/IEC 14496-12 8.9.4), those of a sample table
/// from 0.
pub(super) const LOCAL_GROUPS: u32 = 0x1_0000;

/// Which samples of a fragment are encrypted unlike the track's header says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncryptionGroups {
    /// What groups say; `None`: not encrypted.
    pub entries: Vec<Option<TrackEncryption>>,
    /// Samples one after the other: how many, and their group, an index into `entries`; without one they are as the
    /// track's header says. Samples behind the last run are so too.
    pub runs: Vec<(u32, Option<u32>)>,
}

impl EncryptionGroups {
    /// One group of `samples` samples.
    pub fn all(samples: u32, entry: Option<TrackEncryption>) -> EncryptionGroups {
        EncryptionGroups { entries: vec![entry], runs: vec![(samples, Some(0))] }
    }

    /// Reads `sgpd` and `sbgp` of one container, whose descriptions are counted from `base`.
    ///
    /// # Errors
    /// [`Error`] when they are damaged, or groups stand elsewhere.
    pub(super) fn parse(
        sgpd: Option<&RawBox>,
        sbgp: &RawBox,
        base: u32,
        path: BoxPath,
    ) -> Result<EncryptionGroups, Error> {
        let mut groups = EncryptionGroups::default();
        if let Some(sgpd) = sgpd {
            groups.entries = entries(sgpd, path.child(sgpd.kind))?;
        }
        let mut fields = sbgp.fields(path.child(sbgp.kind));
        let (version, _) = fields.full_box_up_to(1)?;
        fields.take(if version == 1 { 8 } else { 4 })?;
        for _ in 0..fields.count(8)? {
            let (count, index) = (fields.u32()?, fields.u32()?);
            let group = match index {
                0 => None,
                _ => {
                    let local = index.checked_sub(base + 1).filter(|local| (*local as usize) < groups.entries.len());
                    let (what, value) = ("a sample group that is not described beside it", i64::from(index));
                    Some(local.ok_or_else(|| fields.error(ErrorKind::InvalidValue { what, value }))?)
                }
            };
            groups.runs.push((count, group));
        }
        Ok(groups)
    }

    /// Writes `sbgp` and `sgpd`; nothing where no sample is in a group.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.runs.iter().all(|(_, group)| group.is_none()) {
            return;
        }
        write_full_box(out, FourCc(*b"sbgp"), 0, 0, |out| {
            out.extend_from_slice(&SEIG);
            put(out, &[self.runs.len() as u32]);
            for (count, group) in &self.runs {
                put(out, &[*count, group.map_or(0, |group| LOCAL_GROUPS + 1 + group)]);
            }
        });
        write_full_box(out, FourCc(*b"sgpd"), 1, 0, |out| {
            out.extend_from_slice(&SEIG);
            // Entries of different lengths state each its own.
            put(out, &[0, self.entries.len() as u32]);
            for entry in &self.entries {
                let mut described = Vec::new();
                write_parameters(&mut described, entry.as_ref());
                put(out, &[described.len() as u32]);
                out.extend_from_slice(&described);
            }
        });
    }
}

fn entries(sgpd: &RawBox, path: BoxPath) -> Result<Vec<Option<TrackEncryption>>, Error> {
    let mut fields = sgpd.fields(path);
    let (version, _) = fields.full_box_up_to(2)?;
    fields.take(4)?;
    let length = if version == 1 { fields.u32()? } else { 0 };
    if version == 2 {
        fields.u32()?;
    }
    let count = fields.count(20)?;
    let mut entries = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let length = if version == 1 && length == 0 { fields.u32()? } else { length };
        let before = fields.position();
        entries.push(read_parameters(&mut fields, true)?);
        let read = fields.position() - before;
        // What a newer version adds behind.
        fields.take((length as usize).saturating_sub(read))?;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::encryption::Vectors;
    use super::*;

    fn read(bytes: &[u8]) -> Result<EncryptionGroups, Error> {
        let bytes = Bytes::copy_from_slice(bytes);
        let sbgp = RawBox::expect(&bytes, 0, FourCc(*b"sbgp"))?;
        let rest = bytes.slice(sbgp.whole.len()..);
        let sgpd = (!rest.is_empty()).then(|| RawBox::expect(&rest, 0, FourCc(*b"sgpd"))).transpose()?;
        EncryptionGroups::parse(sgpd.as_ref(), &sbgp, LOCAL_GROUPS, BoxPath::FILE)
    }

    #[test]
    fn groups_survive() {
        let own = TrackEncryption { key_id: [1; 16], vectors: Vectors::PerSample(8), pattern: (0, 0) };
        let chains = TrackEncryption { key_id: [2; 16], vectors: Vectors::Constant([3; 16]), pattern: (1, 9) };
        let groups = EncryptionGroups {
            entries: vec![None, Some(own), Some(chains)],
            runs: vec![(5, Some(0)), (1, None), (7, Some(2)), (1, Some(1))],
        };
        let mut out = Vec::new();
        groups.write(&mut out);
        assert_eq!(read(&out), Ok(groups));
        out.clear();
        EncryptionGroups { entries: vec![None], runs: vec![(5, None)] }.write(&mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn groups_that_are_not_there() {
        let mut out = Vec::new();
        EncryptionGroups::all(4, None).write(&mut out);
        assert_eq!(read(&out), Ok(EncryptionGroups::all(4, None)));
        let sbgp = 28;
        assert!(matches!(read(&out[..sbgp]).unwrap_err().kind, ErrorKind::InvalidValue { value: 0x1_0001, .. }));
        // A number of runs beyond the box.
        out[16] = 0xff;
        assert!(matches!(read(&out).unwrap_err().kind, ErrorKind::TooManyEntries { .. }));
    }
}
