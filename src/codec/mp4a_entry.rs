//! The `mp4a` sample entry and its elementary stream descriptor.

use super::Error;
use super::audio_entry::{AUDIO_SAMPLE_ENTRY, AudioEntry};
use crate::bits::{self, Reader};
use crate::isobmff::FourCc;

// Descriptor tags (ISO/IEC 14496-1 table 1).
const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG_DESCRIPTOR: u8 = 4;
const DECODER_SPECIFIC_INFO: u8 = 5;
const SL_CONFIG_DESCRIPTOR: u8 = 6;

/// The fields of an `mp4a` sample entry that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mp4aEntry {
    /// Whether it is of the form of ISO/IEC 14496-12 (version 0, `esds` directly inside).
    pub is_iso: bool,
    /// `channelcount`.
    pub channels: u16,
    /// `samplerate`, whole samples per second.
    pub rate: u32,
    /// `objectTypeIndication` (ISO/IEC 14496-1 table 5).
    pub object_type_indication: u8,
    /// `bufferSizeDB`, `maxBitrate` and `avgBitrate`, bytes and bits per second.
    pub buffer_and_bitrates: [u8; 11],
    /// The DecoderSpecificInfo; empty when missing.
    pub decoder_specific_info: Vec<u8>,
}

impl Mp4aEntry {
    /// Reads the box, whole.
    pub fn parse(entry: &[u8], four_cc: FourCc) -> Result<Mp4aEntry, Error> {
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let fields = AudioEntry::parse(entry, four_cc)?;
        let esds = fields.child(entry, b"esds").ok_or(malformed("no esds box", AUDIO_SAMPLE_ENTRY))?;
        let (object_type_indication, buffer_and_bitrates, decoder_specific_info) = elementary_stream(esds.payload)
            .map_err(|e| malformed("damaged esds box", esds.position + e.byte_position()))?;
        Ok(Mp4aEntry {
            is_iso: esds.is_iso,
            channels: fields.channels,
            rate: fields.rate,
            object_type_indication,
            buffer_and_bitrates,
            decoder_specific_info,
        })
    }

    /// The entry in the form of ISO/IEC 14496-12, with this DecoderSpecificInfo, none where it is empty;
    /// `None` if a size field cannot hold it.
    pub fn to_iso(&self, decoder_specific_info: &[u8]) -> Option<Vec<u8>> {
        let info = match decoder_specific_info {
            [] => Vec::new(),
            info => descriptor(DECODER_SPECIFIC_INFO, &[info])?,
        };
        let audio_stream = 0x15; // streamType 5, upStream 0, reserved 1 (ISO/IEC 14496-1 7.2.6.6)
        let config = descriptor(
            DECODER_CONFIG_DESCRIPTOR,
            &[&[self.object_type_indication, audio_stream], &self.buffer_and_bitrates, &info],
        )?;
        // ES_ID is 0 in files (ISO/IEC 14496-14 3.1.2); predefined 2 is for MP4 files.
        let esds = descriptor(ES_DESCRIPTOR, &[&[0, 0, 0], &config, &descriptor(SL_CONFIG_DESCRIPTOR, &[&[2]])?])?;
        let fields = AudioEntry { version: 0, channels: self.channels, sample_size: 16, rate: self.rate };
        fields.to_iso(FourCc(*b"mp4a"), b"esds", &[&[0; 4], &esds[..]].concat())
    }
}

/// `objectTypeIndication` of an `mp4a` sample entry, a whole box; `None` where it has none.
pub(super) fn object_type_indication(entry: &[u8]) -> Option<u8> {
    Mp4aEntry::parse(entry, FourCc(*b"mp4a")).ok().map(|fields| fields.object_type_indication)
}

/// What an `esds` box (ISO/IEC 14496-14 5.6.1) says: objectTypeIndication, buffer size and bitrates,
/// DecoderSpecificInfo.
fn elementary_stream(esds: &[u8]) -> Result<(u8, [u8; 11], Vec<u8>), bits::Error> {
    let mut r = Reader::new(esds);
    r.skip(4)?; // version and flags
    enter(&mut r, ES_DESCRIPTOR)?;
    r.skip(2)?; // ES_ID
    let flags = r.u8()?;
    if flags & 0x80 != 0 {
        r.skip(2)?; // dependsOn_ES_ID
    }
    if flags & 0x40 != 0 {
        let url_length = r.u8()?;
        r.skip(usize::from(url_length))?;
    }
    if flags & 0x20 != 0 {
        r.skip(2)?; // OCR_ES_Id
    }
    let mut config = Reader::new(enter(&mut r, DECODER_CONFIG_DESCRIPTOR)?);
    let object_type_indication = config.u8()?;
    config.skip(1)?; // streamType, upStream
    let buffer_and_bitrates = config.array()?;
    let info = enter(&mut config, DECODER_SPECIFIC_INFO).unwrap_or_default().to_vec();
    Ok((object_type_indication, buffer_and_bitrates, info))
}

/// Goes to the first descriptor of that tag and returns its payload, leaving the reader at the
/// payload's beginning. A length that reaches too far, as some writers leave it, is cut.
fn enter<'a>(r: &mut Reader<'a>, tag: u8) -> Result<&'a [u8], bits::Error> {
    loop {
        let found = r.u8()?;
        let mut length = 0usize;
        // sizeOfInstance: seven bits a byte, at most four bytes (ISO/IEC 14496-1 8.3.3).
        for _ in 0..4 {
            let byte = r.u8()?;
            length = (length << 7) | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if found == tag {
            return Ok(r.rest().get(..length).unwrap_or(r.rest()));
        }
        r.skip(length)?;
    }
}

/// A descriptor with the shortest length field; `None` if it is too long for one.
fn descriptor(tag: u8, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    if length >= 1 << 28 {
        return None;
    }
    for shift in [21, 14, 7] {
        if length >> shift != 0 {
            out.push(0x80 | (length >> shift & 0x7f) as u8);
        }
    }
    out.push((length & 0x7f) as u8);
    out.extend(parts.iter().copied().flatten());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_descriptors_read_back() {
        let info = vec![7; 300];
        let entry = Mp4aEntry {
            is_iso: true,
            channels: 2,
            rate: 48_000,
            object_type_indication: 0x40,
            buffer_and_bitrates: [1; 11],
            decoder_specific_info: info.clone(),
        };
        let written = entry.to_iso(&info).unwrap();
        assert_eq!(written[..4], (written.len() as u32).to_be_bytes());
        assert_eq!(Mp4aEntry::parse(&written, FourCc(*b"mp4a")), Ok(entry));
    }

    #[test]
    fn optional_descriptor_fields_are_passed_over() {
        let esds = [
            0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 27, 0, 1, 0xe0, 9, 9, 2, b'u', b'r', 9, 9, 4, 17, 0x40, 0x15, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 5, 2, 0x12, 0x10,
        ];
        let (object_type, _, info) = elementary_stream(&esds).unwrap();
        assert_eq!((object_type, info), (0x40, vec![0x12, 0x10]));
    }
}
