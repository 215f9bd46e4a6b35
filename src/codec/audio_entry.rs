//! The fields and boxes that all audio sample entries have, in ISO's form and in QuickTime's.

use super::Error;
use super::child_boxes::child_box;
use crate::bits::{self, Reader};
use crate::isobmff::FourCc;

/// Bytes of an AudioSampleEntry before its boxes, box header included (ISO/IEC 14496-12 12.2.3).
pub(super) const AUDIO_SAMPLE_ENTRY: usize = 8 + 28;

/// Additional bytes of a version 1 and a version 2 sound description (QuickTime File Format).
const QUICKTIME_VERSION_1: usize = 16;
const QUICKTIME_VERSION_2: usize = 36;

/// The fixed fields of an audio sample entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AudioEntry {
    /// Of the sound description: 0 is ISO's form, 1 and 2 are QuickTime's.
    pub version: u16,
    /// `channelcount`.
    pub channels: u16,
    /// `samplesize`, bits.
    pub sample_size: u16,
    /// `samplerate`, whole samples per second; 0 where it has more than 16 bits.
    pub rate: u32,
}

/// A box inside an audio sample entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// Offset of its payload in the entry, bytes.
    pub position: usize,
    /// Payload after the header.
    pub payload: &'a [u8],
    /// The entry is of ISO's form with the box directly inside: it can be sent as it is.
    pub is_iso: bool,
}

impl AudioEntry {
    /// Reads the fixed fields of a whole sample entry box.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it ends inside of them.
    pub fn parse(entry: &[u8], four_cc: FourCc) -> Result<AudioEntry, Error> {
        let cut = |what, position| Error::Malformed { four_cc, what, position };
        let mut fields = fixed_part(entry).map_err(|e| cut("sample entry cut short", e.byte_position()))?;
        if fields.version == 2 {
            (fields.channels, fields.rate) = version_2_part(entry)
                .map_err(|e| cut("sound description cut short", AUDIO_SAMPLE_ENTRY + e.byte_position()))?;
        }
        Ok(fields)
    }

    /// The first box of that type in the entry, or in QuickTime's `wave` inside of it.
    pub fn child<'a>(&self, entry: &'a [u8], kind: &[u8; 4]) -> Option<Found<'a>> {
        let starts: &[usize] = match self.version {
            // Version 1 of QuickTime has more fields, version 1 of ISO/IEC 14496-12 has not: the
            // sample description's version would tell, but the boxes do as well.
            1 => &[AUDIO_SAMPLE_ENTRY, AUDIO_SAMPLE_ENTRY + QUICKTIME_VERSION_1],
            2 => &[AUDIO_SAMPLE_ENTRY + QUICKTIME_VERSION_2],
            _ => &[AUDIO_SAMPLE_ENTRY],
        };
        starts.iter().find_map(|&start| {
            if let Some(found) = child_box(entry, start, kind) {
                return Some(Found { position: found.position, payload: found.payload, is_iso: self.version == 0 });
            }
            let wave = child_box(entry, start, b"wave")?;
            let found = child_box(wave.payload, 0, kind)?;
            let position = wave.position.checked_add(found.position)?;
            Some(Found { position, payload: found.payload, is_iso: false })
        })
    }

    /// The entry in the form of ISO/IEC 14496-12 12.2.3 with one box inside; `None` if a size field cannot
    /// hold it.
    pub fn to_iso(self, four_cc: FourCc, kind: &[u8; 4], payload: &[u8]) -> Option<Vec<u8>> {
        let box_size = u32::try_from(payload.len()).ok()?.checked_add(8)?;
        // A rate above 16 bits has no place in the fixed-point field; decoders read the configuration.
        let rate = u16::try_from(self.rate).unwrap_or(0);
        let mut out = Vec::with_capacity(AUDIO_SAMPLE_ENTRY + 8 + payload.len());
        out.extend(box_size.checked_add(AUDIO_SAMPLE_ENTRY as u32)?.to_be_bytes());
        out.extend(four_cc.0);
        out.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]); // data_reference_index 1
        out.extend(self.channels.to_be_bytes());
        out.extend(self.sample_size.to_be_bytes());
        out.extend([0, 0, 0, 0]); // pre_defined, reserved
        out.extend(rate.to_be_bytes());
        out.extend([0, 0]);
        out.extend(box_size.to_be_bytes());
        out.extend(kind);
        out.extend(payload);
        Some(out)
    }
}

fn fixed_part(entry: &[u8]) -> Result<AudioEntry, bits::Error> {
    let mut r = Reader::new(entry);
    r.skip(8 + 8)?; // box header, reserved, data_reference_index
    let version = r.u16()?;
    r.skip(6)?;
    let channels = r.u16()?;
    let sample_size = r.u16()?;
    r.skip(4)?; // pre_defined, reserved
    let rate = r.u32()? >> 16; // 16.16 fixed point
    Ok(AudioEntry { version, channels, sample_size, rate })
}

/// Channels and rate of QuickTime's version 2, where the older fields have fixed values.
fn version_2_part(entry: &[u8]) -> Result<(u16, u32), bits::Error> {
    let mut r = Reader::new(entry.get(AUDIO_SAMPLE_ENTRY..).unwrap_or_default());
    r.skip(4)?; // sizeOfStructOnly
    let rate = f64::from_bits(r.u64()?) as u32;
    let channels = r.u32()?;
    Ok((u16::try_from(channels).unwrap_or(0), rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: FourCc = FourCc(*b"test");

    #[test]
    fn what_is_written_is_read_back() {
        let fields = AudioEntry { version: 0, channels: 6, sample_size: 24, rate: 48_000 };
        let entry = fields.to_iso(KIND, b"conf", b"payload").unwrap();
        assert_eq!((entry.len(), &entry[..8]), (36 + 8 + 7, &b"\0\0\0\x33test"[..]));
        assert_eq!(AudioEntry::parse(&entry, KIND), Ok(fields));
        let found = fields.child(&entry, b"conf").unwrap();
        assert_eq!((found.position, found.payload, found.is_iso), (44, &b"payload"[..], true));
        assert!(fields.child(&entry, b"else").is_none());
        let cut = Error::Malformed { four_cc: KIND, what: "sample entry cut short", position: 32 };
        assert_eq!(AudioEntry::parse(&entry[..35], KIND), Err(cut));
    }

    #[test]
    fn the_descriptions_of_quicktime() {
        let fields = AudioEntry { version: 0, channels: 2, sample_size: 16, rate: 44_100 };
        let iso = fields.to_iso(KIND, b"conf", b"payload").unwrap();
        // Version 1: 16 bytes more, the box in `wave`.
        let mut entry = iso[..36].to_vec();
        entry[17] = 1;
        entry.extend([0; 16]);
        entry.extend(b"\0\0\0\x17wave\0\0\0\x0fconfpayload\0\0\0\0");
        let one = AudioEntry::parse(&entry, KIND).unwrap();
        assert_eq!(one, AudioEntry { version: 1, ..fields });
        let found = one.child(&entry, b"conf").unwrap();
        assert_eq!((found.payload, found.position, found.is_iso), (&b"payload"[..], 68, false));
        // Version 2: 36 bytes more, rate and channels among them.
        let mut entry = iso[..36].to_vec();
        entry[17] = 2;
        entry.extend(72u32.to_be_bytes());
        entry.extend(96_000f64.to_bits().to_be_bytes());
        entry.extend(8u32.to_be_bytes());
        entry.extend([0; 20]);
        entry.extend(b"\0\0\0\x0fconfpayload");
        let two = AudioEntry::parse(&entry, KIND).unwrap();
        assert_eq!((two.channels, two.rate), (8, 96_000));
        assert!(!two.child(&entry, b"conf").unwrap().is_iso);
        assert!(AudioEntry::parse(&entry[..40], KIND).is_err());
    }
}
