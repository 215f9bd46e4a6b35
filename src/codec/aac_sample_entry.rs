//! The `mp4a` sample entry and its elementary stream descriptor.

use super::Error;
use super::child_boxes::child_box;
use crate::bits::{self, Reader};
use crate::isobmff::FourCc;

/// Bytes of an AudioSampleEntry before its boxes, box header included (ISO/IEC 14496-12 12.2.3).
const AUDIO_SAMPLE_ENTRY: usize = 8 + 28;

/// Additional bytes of a version 1 and a version 2 sound description (QuickTime File Format).
const QUICKTIME_VERSION_1: usize = 16;
const QUICKTIME_VERSION_2: usize = 36;

// Descriptor tags (ISO/IEC 14496-1 table 1).
const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG_DESCRIPTOR: u8 = 4;
const DECODER_SPECIFIC_INFO: u8 = 5;
const SL_CONFIG_DESCRIPTOR: u8 = 6;

/// The fields of an `mp4a` sample entry that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AudioSampleEntry {
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

impl AudioSampleEntry {
    /// Reads the box, whole.
    pub fn parse(entry: &[u8], four_cc: FourCc) -> Result<AudioSampleEntry, Error> {
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let (version, mut channels, mut rate) =
            fixed_part(entry).map_err(|e| malformed("sample entry cut short", e.byte_position()))?;
        let mut children = vec![AUDIO_SAMPLE_ENTRY];
        match version {
            // Version 1 of QuickTime has more fields, version 1 of ISO/IEC 14496-12 has not: the
            // sample description's version would tell, but the boxes do as well.
            1 => children.push(AUDIO_SAMPLE_ENTRY + QUICKTIME_VERSION_1),
            2 => {
                children = vec![AUDIO_SAMPLE_ENTRY + QUICKTIME_VERSION_2];
                (channels, rate) = version_2_part(entry)
                    .map_err(|e| malformed("sound description cut short", AUDIO_SAMPLE_ENTRY + e.byte_position()))?;
            }
            _ => {}
        }
        let found = children.iter().find_map(|&start| find_esds(entry, start));
        let (position, esds, in_wave) = found.ok_or(malformed("no esds box", AUDIO_SAMPLE_ENTRY))?;
        let (object_type_indication, buffer_and_bitrates, decoder_specific_info) =
            elementary_stream(esds).map_err(|e| malformed("damaged esds box", position + e.byte_position()))?;
        Ok(AudioSampleEntry {
            is_iso: version == 0 && !in_wave,
            channels,
            rate,
            object_type_indication,
            buffer_and_bitrates,
            decoder_specific_info,
        })
    }

    /// The entry in the form of ISO/IEC 14496-12, with this AudioSpecificConfig; `None` if a size
    /// field cannot hold it.
    pub fn to_iso(&self, audio_specific_config: &[u8]) -> Option<Vec<u8>> {
        let info = descriptor(DECODER_SPECIFIC_INFO, &[audio_specific_config])?;
        let audio_stream = 0x15; // streamType 5, upStream 0, reserved 1 (ISO/IEC 14496-1 7.2.6.6)
        let config = descriptor(
            DECODER_CONFIG_DESCRIPTOR,
            &[&[self.object_type_indication, audio_stream], &self.buffer_and_bitrates, &info],
        )?;
        // ES_ID is 0 in files (ISO/IEC 14496-14 3.1.2); predefined 2 is for MP4 files.
        let esds = descriptor(ES_DESCRIPTOR, &[&[0, 0, 0], &config, &descriptor(SL_CONFIG_DESCRIPTOR, &[&[2]])?])?;
        let esds_size = u32::try_from(esds.len()).ok()?.checked_add(12)?;
        // A rate above 16 bits has no place in the fixed-point field; decoders read the configuration.
        let rate = u16::try_from(self.rate).unwrap_or(0);
        let mut out = Vec::new();
        out.extend(esds_size.checked_add(AUDIO_SAMPLE_ENTRY as u32)?.to_be_bytes());
        out.extend(b"mp4a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0");
        out.extend(self.channels.to_be_bytes());
        out.extend([0, 16, 0, 0, 0, 0]); // samplesize 16, pre_defined, reserved
        out.extend(rate.to_be_bytes());
        out.extend([0, 0]);
        out.extend(esds_size.to_be_bytes());
        out.extend(b"esds\0\0\0\0");
        out.extend(esds);
        Some(out)
    }
}

/// Version, channels and rate.
fn fixed_part(entry: &[u8]) -> Result<(u16, u16, u32), bits::Error> {
    let mut r = Reader::new(entry);
    r.skip(8 + 8)?; // box header, reserved, data_reference_index
    let version = r.u16()?;
    r.skip(6)?;
    let channels = r.u16()?;
    r.skip(6)?; // samplesize, pre_defined, reserved
    let rate = r.u32()? >> 16; // 16.16 fixed point
    Ok((version, channels, rate))
}

/// Channels and rate of QuickTime's version 2, where the older fields have fixed values.
fn version_2_part(entry: &[u8]) -> Result<(u16, u32), bits::Error> {
    let mut r = Reader::new(entry.get(AUDIO_SAMPLE_ENTRY..).unwrap_or_default());
    r.skip(4)?; // sizeOfStructOnly
    let rate = f64::from_bits(r.u64()?) as u32;
    let channels = r.u32()?;
    Ok((u16::try_from(channels).unwrap_or(0), rate))
}

/// The payload of `esds`, its position, and whether it was inside QuickTime's `wave`.
fn find_esds(entry: &[u8], start: usize) -> Option<(usize, &[u8], bool)> {
    if let Some(esds) = child_box(entry, start, b"esds") {
        return Some((esds.position, esds.payload, false));
    }
    let wave = child_box(entry, start, b"wave")?;
    let esds = child_box(wave.payload, 0, b"esds")?;
    Some((wave.position.checked_add(esds.position)?, esds.payload, true))
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
        let entry = AudioSampleEntry {
            is_iso: true,
            channels: 2,
            rate: 48_000,
            object_type_indication: 0x40,
            buffer_and_bitrates: [1; 11],
            decoder_specific_info: info.clone(),
        };
        let written = entry.to_iso(&info).unwrap();
        assert_eq!(written[..4], (written.len() as u32).to_be_bytes());
        assert_eq!(AudioSampleEntry::parse(&written, FourCc(*b"mp4a")), Ok(entry));
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
