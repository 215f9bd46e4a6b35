//! An initialization segment as a Smooth client makes it: of nothing but its manifest.

use headwater::xml::Element;

fn boxed(kind: &[u8; 4], contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let mut out = (contents.len() as u32 + 8).to_be_bytes().to_vec();
    out.extend_from_slice(kind);
    out.extend(contents);
    out
}

fn full(kind: &[u8; 4], version_and_flags: u32, contents: &[&[u8]]) -> Vec<u8> {
    boxed(kind, &[&version_and_flags.to_be_bytes(), &contents.concat()])
}

fn number(level: &Element, name: &str) -> u32 {
    level.attribute(name).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("QualityLevel@{name}"))
}

fn private_data(level: &Element) -> Vec<u8> {
    let digits = level.attribute("CodecPrivateData").expect("CodecPrivateData").as_bytes();
    let pair = |p: &[u8]| u8::from_str_radix(std::str::from_utf8(p).expect("ASCII"), 16).expect("hexadecimal");
    digits.chunks(2).map(pair).collect()
}

/// `ftyp` and `moov` for a `QualityLevel`, timescale 10 MHz.
pub fn init(level: &Element) -> Vec<u8> {
    let picture = level.attribute("MaxWidth").is_some();
    let (entry, header, handler) = match picture {
        true => (video(level), full(b"vmhd", 1, &[&[0; 8]]), b"vide"),
        false => (sound(level), full(b"smhd", 0, &[&[0; 4]]), b"soun"),
    };
    let matrix: Vec<u8> =
        [0x1_0000u32, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].iter().flat_map(|n| n.to_be_bytes()).collect();
    let scale = 10_000_000u32.to_be_bytes();
    let one = 1u32.to_be_bytes();
    let url = full(b"url ", 1, &[]);
    let empty = |kind| full(kind, 0, &[&[0; 4]]);
    let stbl = boxed(
        b"stbl",
        &[
            &full(b"stsd", 0, &[&one, &entry]),
            &empty(b"stts"),
            &empty(b"stsc"),
            &full(b"stsz", 0, &[&[0; 8]]),
            &empty(b"stco"),
        ],
    );
    let minf = boxed(b"minf", &[&header, &boxed(b"dinf", &[&full(b"dref", 0, &[&one, &url])]), &stbl]);
    let mdia = boxed(
        b"mdia",
        &[
            &full(b"mdhd", 0, &[&[0; 8], &scale, &[0; 4], &[0x55, 0xc4, 0, 0]]),
            &full(b"hdlr", 0, &[&[0; 4], handler, &[0; 13]]),
            &minf,
        ],
    );
    let tkhd = full(b"tkhd", 7, &[&[0; 8], &one, &[0; 24], &matrix, &[0; 8]]);
    let mvhd =
        full(b"mvhd", 0, &[&[0; 8], &scale, &[0; 4], &[0, 1, 0, 0, 1, 0], &[0; 10], &matrix, &[0; 24], &[0, 0, 0, 2]]);
    let trex = full(b"trex", 0, &[&one, &one, &[0; 12]]);
    let moov = boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&tkhd, &mdia]), &boxed(b"mvex", &[&trex])]);
    [boxed(b"ftyp", &[b"isml", &[0; 4], b"iso5"]), moov].concat()
}

fn video(level: &Element) -> Vec<u8> {
    match level.attribute("FourCC") {
        Some("H264") => avc(level),
        Some("hvc1") => hevc(level, b"hvc1"),
        Some("hev1") => hevc(level, b"hev1"),
        other => panic!("FourCC {other:?}"),
    }
}

/// The NAL units of `CodecPrivateData`.
fn nal_units(data: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..data.len().saturating_sub(3)).filter(|i| data[*i..*i + 4] == [0, 0, 0, 1]).collect();
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    starts.iter().zip(ends).map(|(s, e)| &data[s + 4..e]).collect()
}

/// A sample entry with that configuration box.
fn entry(level: &Element, name: &[u8; 4], configuration: &[u8]) -> Vec<u8> {
    let size =
        [(number(level, "MaxWidth") as u16).to_be_bytes(), (number(level, "MaxHeight") as u16).to_be_bytes()].concat();
    boxed(
        name,
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0; 16],
            &size,
            &[0, 0x48, 0, 0, 0, 0x48, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0; 32],
            &[0, 0x18, 0xff, 0xff],
            configuration,
        ],
    )
}

fn hevc(level: &Element, name: &[u8; 4]) -> Vec<u8> {
    let data = private_data(level);
    let units = nal_units(&data);
    let of = |kind: u8| units.iter().copied().filter(|u| u[0] >> 1 & 63 == kind).collect::<Vec<_>>();
    let sets = [of(32), of(33), of(34)];
    assert!(sets.iter().all(|s| !s.is_empty()), "parameter sets in CodecPrivateData");
    // Profile, tier and level stand behind the NAL unit's header and one byte, without emulation prevention.
    let mut plain: Vec<u8> = Vec::new();
    for byte in sets[1][0] {
        if !(*byte == 3 && plain.ends_with(&[0, 0])) {
            plain.push(*byte);
        }
    }
    let length = level.attribute("NALUnitLengthField").map_or(4, |n| n.parse::<u8>().expect("a number"));
    let mut record = [&[1], &plain[3..15], &[0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0c | (length - 1), 3]].concat();
    for (kind, units) in [32u8, 33, 34].into_iter().zip(&sets) {
        record.push(kind);
        record.extend((units.len() as u16).to_be_bytes());
        for unit in units {
            record.extend((unit.len() as u16).to_be_bytes());
            record.extend_from_slice(unit);
        }
    }
    entry(level, name, &boxed(b"hvcC", &[&record]))
}

fn avc(level: &Element) -> Vec<u8> {
    let data = private_data(level);
    let units = nal_units(&data);
    let of = |kind: u8| units.iter().copied().filter(|u| u[0] & 31 == kind).collect::<Vec<_>>();
    let (sps, pps) = (of(7), of(8));
    assert!(!sps.is_empty() && !pps.is_empty(), "parameter sets in CodecPrivateData");
    let length = level.attribute("NALUnitLengthField").map_or(4, |n| n.parse::<u8>().expect("a number"));
    let mut record = vec![1, sps[0][1], sps[0][2], sps[0][3], 0xfc | (length - 1), 0xe0 | sps.len() as u8];
    let mut push = |unit: &[u8]| {
        record.extend((unit.len() as u16).to_be_bytes());
        record.extend_from_slice(unit);
    };
    sps.iter().for_each(|u| push(u));
    record.push(pps.len() as u8);
    for unit in &pps {
        record.extend((unit.len() as u16).to_be_bytes());
        record.extend_from_slice(unit);
    }
    entry(level, b"avc1", &boxed(b"avcC", &[&record]))
}

fn sound(level: &Element) -> Vec<u8> {
    match (level.attribute("FourCC").expect("FourCC"), number(level, "AudioTag")) {
        ("AACL" | "AACH", 255) => aac(level),
        ("EC-3", 65_534) => eac3(level),
        other => panic!("no client knows {other:?}"),
    }
}

/// What follows WAVEFORMATEX in WAVEFORMATEXTENSIBLE, then the payload of a `dec3` box.
fn eac3(level: &Element) -> Vec<u8> {
    let data = private_data(level);
    assert_eq!(data[..2], 1536u16.to_le_bytes());
    let loudspeakers = u32::from_le_bytes(data[2..6].try_into().expect("four bytes")).count_ones();
    assert_eq!(loudspeakers, number(level, "Channels"));
    let sub_format = 0xa7fb87af_2d02_42fb_a4d4_05cd93843bdd_u128.to_be_bytes();
    let (first, second, third) = (&data[6..10], &data[10..12], &data[12..14]);
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    assert_eq!([reversed(first), reversed(second), reversed(third), data[14..22].to_vec()].concat(), sub_format);
    audio_entry(level, b"ec-3", &boxed(b"dec3", &[&data[22..]]))
}

fn aac(level: &Element) -> Vec<u8> {
    let config = private_data(level);
    let descriptor = |tag: u8, contents: &[&[u8]]| {
        let contents = contents.concat();
        [vec![tag, contents.len() as u8], contents].concat()
    };
    let decoder = descriptor(4, &[&[0x40, 0x15], &[0; 11], &descriptor(5, &[&config])]);
    let esds = full(b"esds", 0, &[&descriptor(3, &[&[0, 1, 0], &decoder, &descriptor(6, &[&[2]])])]);
    audio_entry(level, b"mp4a", &esds)
}

fn audio_entry(level: &Element, kind: &[u8; 4], config: &[u8]) -> Vec<u8> {
    let rate = number(level, "SamplingRate");
    boxed(
        kind,
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0; 8],
            &(number(level, "Channels") as u16).to_be_bytes(),
            &(number(level, "BitsPerSample") as u16).to_be_bytes(),
            &[0; 4],
            &(rate << 16).to_be_bytes(),
            config,
        ],
    )
}
