//! A track of the movie box (`trak`, ISO/IEC 14496-12 8.3 and 8.4).

use bytes::Bytes;

use super::boxes::{RawBox, once, required};
use super::fields::Fields;
use super::movie::times;
use super::sample_encryption::ProtectionBoxes;
use super::{BoxPath, Error, ErrorKind, FourCc, MAX_SAMPLES_PER_TRACK, SampleProtection, SampleTables};
use crate::time::Timescale;

const TKHD: FourCc = FourCc(*b"tkhd");
const EDTS: FourCc = FourCc(*b"edts");
const ELST: FourCc = FourCc(*b"elst");
const MDIA: FourCc = FourCc(*b"mdia");
const MDHD: FourCc = FourCc(*b"mdhd");
const HDLR: FourCc = FourCc(*b"hdlr");
const ELNG: FourCc = FourCc(*b"elng");
const MINF: FourCc = FourCc(*b"minf");
const STBL: FourCc = FourCc(*b"stbl");
const UDTA: FourCc = FourCc(*b"udta");
const KIND: FourCc = FourCc(*b"kind");
const NAME: FourCc = FourCc(*b"name");
const TAGC: FourCc = FourCc(*b"tagc");

/// The most descriptions of one sort that are read of a track.
const MAX_DESCRIPTIONS: usize = 64;

/// Names and language tags are cut here, bytes.
const MAX_TEXT: usize = 1024;

/// A track and its sample tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The track's identifier, never 0.
    pub id: u32,
    /// Whether it takes part in the presentation (`tkhd` flag 1).
    pub enabled: bool,
    /// Tracks of one group other than 0 are alternatives to each other.
    pub alternate_group: i16,
    /// Visual width, whole pixels.
    pub width: u32,
    /// Visual height, whole pixels.
    pub height: u32,
    /// Unit of all times in the track, from `mdhd`.
    pub timescale: Timescale,
    /// Media duration, ticks of `timescale`; 0 when unknown.
    pub duration: u64,
    /// Of the media, seconds since 1904-01-01T00:00:00Z; 0 when not stated.
    pub creation_time: u64,
    /// ISO 639-2/T code; `und` where the file says nothing sensible (QuickTime's codes included).
    pub language: [u8; 3],
    /// BCP 47 tag (`elng`, 8.4.6).
    pub extended_language: Option<String>,
    /// What the media is, e.g. `vide`, `soun`, `subt`, `text` (8.4.3).
    pub handler: FourCc,
    /// The handler's name, at most 1,024 bytes of it.
    pub handler_name: String,
    /// The edit list (8.6.6), empty when there is none.
    pub edits: Vec<Edit>,
    /// The sample entries of `stsd`, whole boxes.
    pub sample_entries: Vec<Bytes>,
    /// The sample table.
    pub samples: SampleTables,
    /// How the samples of the table are encrypted.
    pub protection: SampleProtection,
    /// The track's `udta` box, verbatim; the first where there are several.
    pub user_data: Option<Bytes>,
    /// Roles of the track as scheme and value, from `kind` boxes in `udta` (8.10.4).
    pub kinds: Vec<(String, String)>,
    /// The track's name for people, from `name` in `udta` (QuickTime File Format, User Data).
    pub name: Option<String>,
    /// QuickTime's media characteristic tags, from `tagc` boxes in `udta`.
    pub characteristics: Vec<String>,
}

/// An entry of an edit list (`elst`, ISO/IEC 14496-12 8.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// Ticks of the *movie's* timescale; 0 in a fragmented file means to the end.
    pub segment_duration: u64,
    /// Start in the media, ticks of the track's timescale, never negative; `None` for an empty edit.
    pub media_time: Option<i64>,
    /// Playback rate, 16.16 fixed point; 0x10000 is normal, 0 dwells.
    pub media_rate: i32,
}

impl Track {
    /// Reads a `trak` box.
    pub(super) fn parse(trak: &RawBox, path: BoxPath) -> Result<Track, Error> {
        let (mut tkhd, mut edts, mut mdia, mut user_data) = (None, None, None, None);
        for child in trak.children(path) {
            let child = child?;
            match child.kind {
                TKHD => once(&mut tkhd, child, path)?,
                EDTS => once(&mut edts, child, path)?,
                MDIA => once(&mut mdia, child, path)?,
                UDTA if user_data.is_none() => user_data = Some(child),
                _ => {}
            }
        }
        let tkhd = required(tkhd, TKHD, path, trak.offset)?;
        let header = Header::parse(&tkhd, path.child(TKHD))?;
        let mdia = required(mdia, MDIA, path, trak.offset)?;
        let path_of_media = path.child(MDIA);
        let (mut mdhd, mut hdlr, mut elng, mut minf) = (None, None, None, None);
        for child in mdia.children(path_of_media) {
            let child = child?;
            let slot = match child.kind {
                MDHD => &mut mdhd,
                HDLR => &mut hdlr,
                ELNG => &mut elng,
                MINF => &mut minf,
                _ => continue,
            };
            once(slot, child, path_of_media)?;
        }
        let mdhd = required(mdhd, MDHD, path_of_media, mdia.offset)?;
        let (timescale, duration, creation_time) = times(&mdhd, path_of_media.child(MDHD))?;
        let language = language(&mdhd, path_of_media.child(MDHD))?;
        let hdlr = required(hdlr, HDLR, path_of_media, mdia.offset)?;
        let (handler, handler_name) = handler(&hdlr, path_of_media.child(HDLR))?;
        let extended_language = match elng {
            Some(elng) => {
                let mut fields = elng.fields(path_of_media.child(ELNG));
                fields.full_box()?;
                Some(text(fields.rest())).filter(|tag| !tag.is_empty())
            }
            None => None,
        };

        let minf = required(minf, MINF, path_of_media, mdia.offset)?;
        let path_of_info = path_of_media.child(MINF);
        let mut stbl = None;
        for child in minf.children(path_of_info) {
            let child = child?;
            if child.kind == STBL {
                once(&mut stbl, child, path_of_info)?;
            }
        }
        let stbl = required(stbl, STBL, path_of_info, minf.offset)?;
        let path_of_table = path_of_info.child(STBL);
        let (sample_entries, samples) = SampleTables::parse(&stbl, path_of_table)?;
        let mut protection = ProtectionBoxes::default();
        for child in stbl.children(path_of_table) {
            protection.take(child?, path_of_table)?;
        }
        let protection = protection.parse(MAX_SAMPLES_PER_TRACK, 0, path_of_table)?;

        let described = user_data.as_ref().map(|udta| described(udta, path.child(UDTA))).unwrap_or_default();
        let edits = match edts {
            Some(edts) => edits(&edts, path.child(EDTS))?,
            None => Vec::new(),
        };
        Ok(Track {
            id: header.id,
            enabled: header.enabled,
            alternate_group: header.alternate_group,
            width: header.width,
            height: header.height,
            timescale,
            duration,
            creation_time,
            language,
            extended_language,
            handler,
            handler_name,
            edits,
            sample_entries,
            samples,
            protection,
            user_data: user_data.map(|udta| udta.whole),
            kinds: described.kinds,
            name: described.name,
            characteristics: described.characteristics,
        })
    }
}

/// What is used of `tkhd` (8.3.2).
struct Header {
    id: u32,
    enabled: bool,
    alternate_group: i16,
    width: u32,
    height: u32,
}

impl Header {
    fn parse(tkhd: &RawBox, path: BoxPath) -> Result<Header, Error> {
        let mut fields = tkhd.fields(path);
        let (version, flags) = fields.full_box_up_to(1)?;
        let wide = version == 1;
        fields.u32_or_u64(wide)?;
        fields.u32_or_u64(wide)?;
        let id = fields.u32()?;
        if id == 0 {
            return Err(fields.error(ErrorKind::InvalidValue { what: "a track identifier", value: 0 }));
        }
        fields.u32()?;
        fields.u32_or_u64(wide)?;
        fields.take(8 + 2)?;
        let alternate_group = fields.u16()?.cast_signed();
        fields.take(2 + 2 + 36)?;
        let (width, height) = (fields.u32()? >> 16, fields.u32()? >> 16);
        Ok(Header { id, enabled: flags & 1 != 0, alternate_group, width, height })
    }
}

/// Whether a duration is the "unknown" of its version: all bits set (8.2.2.3).
pub(super) fn is_all_ones(duration: u64, version: u8) -> bool {
    duration == if version == 0 { u64::from(u32::MAX) } else { u64::MAX }
}

/// The packed language of `mdhd` (8.4.2.3): three letters of five bits, each less 0x60.
fn language(mdhd: &RawBox, path: BoxPath) -> Result<[u8; 3], Error> {
    let mut fields = mdhd.fields(path);
    let (version, _) = fields.full_box()?;
    fields.take(if version == 1 { 28 } else { 16 })?;
    // A box that ends here is met in the wild; it names no language.
    let packed = fields.u16().unwrap_or(0);
    let letters = [packed >> 10, packed >> 5, packed].map(|bits| (bits & 31) as u8 + 0x60);
    let sensible = packed & 0x8000 == 0 && letters.iter().all(u8::is_ascii_lowercase);
    Ok(if sensible { letters } else { *b"und" })
}

/// Type and name of `hdlr` (8.4.3). QuickTime states a component type where ISO has zero, and
/// stores a counted string.
fn handler(hdlr: &RawBox, path: BoxPath) -> Result<(FourCc, String), Error> {
    let mut fields = hdlr.fields(path);
    fields.full_box()?;
    let component = fields.u32()?;
    let kind = FourCc(fields.array()?);
    // Old writers stop before the end of the reserved fields.
    let _ = fields.take(12);
    let name = fields.rest();
    let counted = name.split_first().filter(|(length, rest)| {
        let length = usize::from(**length);
        length <= rest.len() && (component != 0 || length == rest.len())
    });
    Ok((
        kind,
        match counted {
            Some((length, rest)) => text(rest.get(..usize::from(*length)).unwrap_or_default()),
            None => text(name),
        },
    ))
}

/// Text up to the first zero byte, at most [`MAX_TEXT`] bytes of it, repaired where it is not UTF-8.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end.min(MAX_TEXT)).unwrap_or_default()).into_owned()
}

fn edits(edts: &RawBox, path: BoxPath) -> Result<Vec<Edit>, Error> {
    let mut elst = None;
    for child in edts.children(path) {
        let child = child?;
        if child.kind == ELST {
            once(&mut elst, child, path)?;
        }
    }
    let Some(elst) = elst else { return Ok(Vec::new()) };
    let mut fields = elst.fields(path.child(ELST));
    let (version, _) = fields.full_box_up_to(1)?;
    let wide = version == 1;
    let count = fields.count(if wide { 20 } else { 12 })?;
    (0..count).map(|_| edit(&mut fields, wide)).collect()
}

fn edit(fields: &mut Fields<'_>, wide: bool) -> Result<Edit, Error> {
    let segment_duration = fields.u32_or_u64(wide)?;
    let media_time = if wide { fields.u64()?.cast_signed() } else { i64::from(fields.u32()?.cast_signed()) };
    let media_time = match media_time {
        -1 => None,
        0.. => Some(media_time),
        value => return Err(fields.error(ErrorKind::InvalidValue { what: "an edit's media time", value })),
    };
    Ok(Edit { segment_duration, media_time, media_rate: fields.u32()?.cast_signed() })
}

/// What a track's user data say of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Described {
    kinds: Vec<(String, String)>,
    name: Option<String>,
    characteristics: Vec<String>,
}

/// What is not a box there is passed over: user data is anything.
fn described(udta: &RawBox, path: BoxPath) -> Described {
    let mut described = Described::default();
    for child in udta.children(path).map_while(Result::ok) {
        match child.kind {
            KIND if described.kinds.len() < MAX_DESCRIPTIONS => described.kinds.extend(kind(&child.body)),
            NAME if described.name.is_none() => described.name = Some(text(&child.body)).filter(|n| !n.is_empty()),
            TAGC if described.characteristics.len() < MAX_DESCRIPTIONS => {
                described.characteristics.push(text(&child.body));
            }
            _ => {}
        }
    }
    described
}

/// Scheme and value of a `kind` box (8.10.4).
fn kind(body: &[u8]) -> Option<(String, String)> {
    let strings = body.get(4..)?;
    let end = strings.iter().position(|byte| *byte == 0)?;
    Some((text(strings), text(strings.get(end + 1..)?)))
}

#[cfg(test)]
mod tests {
    use super::super::write::{write_box, write_full_box};
    use super::*;

    fn full(kind: &[u8; 4], version: u8, body: &[u8]) -> RawBox {
        let mut out = Vec::new();
        write_full_box(&mut out, FourCc(*kind), version, 0, |out| out.extend_from_slice(body));
        RawBox::expect(&Bytes::from(out), 0, FourCc(*kind)).unwrap()
    }

    #[test]
    fn languages() {
        let of = |packed: u16| {
            let mut body = [0; 20];
            body[16..18].copy_from_slice(&packed.to_be_bytes());
            language(&full(b"mdhd", 0, &body), BoxPath::FILE).unwrap()
        };
        assert_eq!(of(0x15c7), *b"eng");
        assert_eq!(of(0x55c4), *b"und");
        for nonsense in [0, 1, 0x0400, 0x7fff, 0xffff, 0x95c7] {
            assert_eq!(of(nonsense), *b"und", "{nonsense:#x}");
        }
    }

    #[test]
    fn handler_names_of_both_worlds() {
        let of = |component: &[u8; 4], name: &[u8]| {
            let body = [&component[..], b"soun", &[0; 12], name].concat();
            handler(&full(b"hdlr", 0, &body), BoxPath::FILE).unwrap().1
        };
        assert_eq!(of(b"\0\0\0\0", b"Sound\0"), "Sound");
        assert_eq!(of(b"\0\0\0\0", b"Sound"), "Sound");
        assert_eq!(of(b"\0\0\0\0", b"\x05Sound"), "Sound");
        assert_eq!(of(b"mhlr", b"\x05Sound"), "Sound");
        assert_eq!(of(b"mhlr", b"\x05Sound\0\0"), "Sound");
        assert_eq!(of(b"mhlr", b"\xffSound"), "\u{fffd}Sound");
        assert_eq!(of(b"\0\0\0\0", b""), "");
        assert_eq!(of(b"\0\0\0\0", &[b'a'; 5000]).len(), MAX_TEXT);
    }

    #[test]
    fn edit_lists() {
        let read = |version, words: &[u32]| {
            let mut out = Vec::new();
            write_box(&mut out, EDTS, |out| {
                write_full_box(out, ELST, version, 0, |out| {
                    words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
                });
            });
            edits(&RawBox::expect(&Bytes::from(out), 0, EDTS).unwrap(), BoxPath::FILE).map_err(|error| error.kind)
        };
        let normal = Edit { segment_duration: 7, media_time: Some(9), media_rate: 0x10000 };
        let empty = Edit { segment_duration: 1, media_time: None, media_rate: 0x10000 };
        assert_eq!(read(0, &[2, 1, u32::MAX, 0x10000, 7, 9, 0x10000]), Ok(vec![empty, normal]));
        assert_eq!(read(1, &[1, 0, 1, u32::MAX, u32::MAX, 0x10000]), Ok(vec![empty]));
        assert_eq!(
            read(0, &[1, 1, -2i32 as u32, 0x10000]),
            Err(ErrorKind::InvalidValue { what: "an edit's media time", value: -2 })
        );
        assert_eq!(read(0, &[u32::MAX, 0, 0, 0]), Err(ErrorKind::TooManyEntries { count: 0xffff_ffff, room: 1 }));
        assert_eq!(read(0, &[0]), Ok(vec![]));
    }

    #[test]
    fn descriptions() {
        let mut out = Vec::new();
        write_box(&mut out, UDTA, |out| {
            write_full_box(out, KIND, 0, 0, |out| out.extend_from_slice(b"urn:mpeg:dash:role:2011\0main\0"));
            write_full_box(out, KIND, 0, 0, |out| out.extend_from_slice(b"no end"));
            write_box(out, NAME, |out| out.extend_from_slice(b"Commentary"));
            write_box(out, TAGC, |out| out.extend_from_slice(b"public.auxiliary-content\0"));
            out.extend_from_slice(b"\0\0\0\0");
        });
        let udta = RawBox::expect(&Bytes::from(out), 0, UDTA).unwrap();
        let found = described(&udta, BoxPath::FILE);
        assert_eq!(found.kinds, [("urn:mpeg:dash:role:2011".to_owned(), "main".to_owned())]);
        assert_eq!(found.name.as_deref(), Some("Commentary"));
        assert_eq!(found.characteristics, ["public.auxiliary-content"]);
    }
}
