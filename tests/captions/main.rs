//! Captions of every source kind in every format: each cue of the source is there, at its time to the
//! millisecond, in every segment that it overlaps and in no other. Sources are read by ffprobe or stand in
//! a table here; what is sent is read by the small parsers in `read`.

#[path = "../support/mod.rs"]
mod support;

mod read;

use std::path::{Path, PathBuf};
use std::process::Command;

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{self, Dialect};
use read::Shown;
use support::listing::{self, Listed};
use support::{Film, root};

fn shown(begin: u64, end: u64, text: &str) -> Shown {
    Shown { begin, end, text: text.to_owned() }
}

/// What ffprobe reads of a caption file. Some versions stop at blocks of style and region, so they are taken out.
fn probed(path: &Path) -> Vec<Shown> {
    let scratch = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let blocks = text.split("\n\n").filter(|b| !b.starts_with("STYLE\n") && !b.starts_with("REGION\n"));
    let copy = scratch.path().join(path.file_name().unwrap());
    std::fs::write(&copy, blocks.collect::<Vec<_>>().join("\n\n")).unwrap();
    let out = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "s:0",
            "-show_entries",
            "packet=pts_time,duration_time",
            "-of",
            "csv=p=0",
        ])
        .arg(&copy)
        .output()
        .expect("ffprobe");
    assert!(out.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&out.stderr));
    let millis = |text: &str| {
        let (whole, part) = text.trim().split_once('.').expect("decimals");
        let part: String = format!("{part:0<3}").chars().take(3).collect();
        whole.parse::<u64>().unwrap() * 1000 + part.parse::<u64>().unwrap()
    };
    let text = String::from_utf8(out.stdout).unwrap();
    let line = |line: &str| {
        let mut fields = line.split(',');
        let begin = millis(fields.next().unwrap());
        shown(begin, begin + millis(fields.next().unwrap()), "")
    };
    text.lines().filter(|l| !l.is_empty()).map(line).collect()
}

fn spanish() -> Vec<Shown> {
    vec![
        shown(1500, 3500, "Buenos días,|señoras y señores"),
        shown(3800, 6000, "Arriba, en amarillo"),
        shown(7000, 8000, "uno"),
        shown(8250, 9250, "dos"),
        shown(9250, 11_250, "tres & cuatro"),
    ]
}

fn german() -> Vec<Shown> {
    vec![shown(1000, 3250, "Guten Morgen"), shown(5500, 9000, "Zwei Zeilen|& noch eine")]
}

/// 30 × 1000 ÷ 1001 frames a second: 15 frames are 500.5 ms, 150 are 5005 ms.
fn dutch() -> Vec<Shown> {
    vec![shown(1501, 3000, "Vijftien beeldjes later"), shown(4500, 5005, "Tot beeld honderdvijftig")]
}

fn english() -> Vec<Shown> {
    vec![
        shown(250, 1750, "Good morning & welcome."),
        shown(1900, 4333, "This one begins before two seconds|and ends after four."),
        shown(3001, 5999, "This one overlaps it."),
        shown(7000, 7500, "In a region."),
        shown(8000, 11_500, "From eight, over ten, to the end."),
    ]
}

fn french() -> Vec<Shown> {
    vec![shown(2000, 3999, "[Le panneau : « Défense d'entrer »]"), shown(9120, 10_040, "À bientôt !")]
}

fn japanese() -> Vec<Shown> {
    vec![shown(500, 2500, "漢字かんじを読む"), shown(4000, 6000, "縦書きの字幕"), shown(6001, 9999, "♪音楽")]
}

fn plain() -> Vec<Shown> {
    vec![
        shown(250, 1750, "Plain words."),
        shown(1900, 4300, "Two lines,|one of them styled."),
        shown(8000, 11_500, "The last."),
    ]
}

fn folder(name: &str) -> PathBuf {
    root().join("fixtures/captions").join(name)
}

/// The tables above are what ffprobe reads of the files too.
#[test]
fn the_tables_are_the_files() {
    let times = |cues: Vec<Shown>| cues.into_iter().map(|c| (c.begin, c.end)).collect::<Vec<_>>();
    for (file, table) in [
        ("en.vtt", english()),
        ("fr.vtt", french()),
        ("ja.vtt", japanese()),
        ("plain.vtt", plain()),
        ("de.srt", german()),
    ] {
        assert_eq!(times(probed(&folder("source").join(file))), times(table), "{file}");
    }
}

#[test]
fn files_beside_a_film() {
    judge(
        &folder("side-car"),
        &[
            ("text_de", "de", german()),
            ("text_en", "en", english()),
            ("text_es", "es", spanish()),
            ("text_ja", "ja", japanese()),
            ("text_fra", "fra", french()),
        ],
    );
}

#[test]
fn ttml_alone() {
    judge(&folder("ttml"), &[("text_es", "es", spanish()), ("text_nl", "nl", dutch())]);
}

#[test]
fn named_in_a_server_manifest() {
    judge(
        &folder("named"),
        &[
            ("subt_eng", "eng", english()),
            ("subt_spa", "spa", spanish()),
            ("Français", "fra", french()),
            ("textstream", "jpn", japanese()),
        ],
    );
}

#[test]
fn timed_text_of_3gpp() {
    judge(&folder("tx3g"), &[("text_eng", "eng", plain())]);
}

/// Opens a film and holds all its captions in all formats against what they should be.
fn judge(folder: &Path, expected: &[(&str, &str, Vec<Shown>)]) {
    let film = Film::open(folder).unwrap();
    let groups = film.presentation.groups_of(TrackKind::Text);
    let mut got: Vec<(&str, &str)> = groups.map(|(_, g)| (g.name.as_str(), g.language.0.as_str())).collect();
    got.sort_unstable();
    let mut want: Vec<(&str, &str)> = expected.iter().map(|(name, language, _)| (*name, *language)).collect();
    want.sort_unstable();
    assert_eq!(got, want, "{}", film.name);
    let of = |track: TrackRef| {
        let name = &film.presentation.groups[track.group].name;
        expected.iter().find(|(n, ..)| n == name).expect("a group").2.clone()
    };
    for dialect in [Dialect::Modern, Dialect::Ams] {
        for tag in ["mpd-time-csf", "mpd-time-cmaf", "", "m3u8-aapl", "m3u8-aapl-v3", "m3u8-cmaf"] {
            let format = packager::format(tag).unwrap();
            let listed: Vec<Listed> = match tag {
                "" => listing::smooth(&film, format, dialect).unwrap(),
                _ if tag.starts_with("mpd") => listing::dash(&film, format, dialect).unwrap(),
                _ => listing::hls(&film, format, dialect).unwrap().listed.into_iter().map(|(_, l)| l).collect(),
            };
            let texts: Vec<&Listed> = listed.iter().filter(|l| l.kind == TrackKind::Text).collect();
            let none = (tag, dialect) == ("m3u8-aapl-v3", Dialect::Ams);
            assert_eq!(texts.len(), if none { 0 } else { expected.len() }, "{} {tag}", film.name);
            for stream in texts {
                let about = format!("{} {tag} {dialect:?} {}", film.name, film.label(stream.track));
                let want = of(stream.track);
                let segments = read::segments(tag, stream);
                let per_segment: Vec<Vec<Shown>> = segments.iter().map(|s| s.cues.clone()).collect();
                let mut last = 0;
                for (segment, cues) in segments.iter().zip(&per_segment) {
                    assert_eq!(segment.begin, last, "{about}: no gap");
                    last = segment.end;
                    let overlapping = want.iter().filter(|c| c.begin < segment.end && c.end > segment.begin);
                    let texts = |cues: &mut dyn Iterator<Item = &Shown>| {
                        let mut texts: Vec<String> = cues.map(|c| c.text.clone()).collect();
                        texts.sort();
                        texts.dedup();
                        texts
                    };
                    assert_eq!(
                        texts(&mut cues.iter()),
                        texts(&mut overlapping.into_iter()),
                        "{about} at {}",
                        segment.begin
                    );
                }
                assert!((11_900..12_200).contains(&last), "{about}: ends at {last}");
                assert_eq!(read::joined(per_segment.into_iter().flatten().collect()), want, "{about}");
            }
        }
    }
}

/// Real captions: the subtitles of a film beside a film of ours, cue for cue as ffprobe reads them.
#[test]
fn real_subtitles() {
    let Ok(folders) = support::shared_media() else {
        println!("skipped: there are no shared media");
        return;
    };
    let Some(subtitles) = folders.iter().find(|f| f.ends_with("subtitles")) else { return };
    let scratch = tempfile::tempdir().unwrap();
    std::fs::copy(folder("tx3g").join("film_90.mp4"), scratch.path().join("film.mp4")).unwrap();
    let mut count = 0;
    for name in ["TOS-en.vtt", "TOS-fr.vtt", "TOS-JP.vtt", "TOS-ru.vtt", "TOS-es.vtt"] {
        let source = subtitles.join(name);
        std::fs::copy(&source, scratch.path().join(name)).unwrap();
        let (_, index) = support::index(&source).unwrap();
        let text = index.tracks[0].text.clone().unwrap();
        let ours: Vec<(u64, u64)> = text.cues().iter().map(|c| (c.begin, c.end)).collect();
        let theirs: Vec<(u64, u64)> = probed(&source).iter().map(|c| (c.begin, c.end)).collect();
        assert_eq!(ours, theirs, "{name}");
        count += ours.len();
    }
    println!("{count} cues");
    let film = Film::open(scratch.path()).unwrap();
    assert_eq!(film.presentation.groups_of(TrackKind::Text).count(), 6);
}

/// Real tracks in MP4 and real documents.
#[test]
fn real_text_tracks() {
    let Ok(folders) = support::shared_media() else {
        println!("skipped: there are no shared media");
        return;
    };
    for (folder, codec) in [("ttml-mp4", "stpp.ttml.im1t"), ("vtt-mp4", "wvtt")] {
        let Some(folder) = folders.iter().find(|f| f.ends_with(folder)) else { continue };
        let film = Film::open(folder).unwrap();
        let (_, group) = film.presentation.groups_of(TrackKind::Text).next().expect("a text track");
        assert_eq!(group.tracks[0].codec.rfc6381(), codec);
        let text = group.tracks[0].text.as_ref().unwrap();
        assert!(!text.cues().is_empty(), "{}", folder.display());
        for cue in text.cues().iter().take(5) {
            println!("{} {:?}", folder.display(), cue);
        }
        let want: Vec<Shown> = text.cues().iter().map(|c| shown(c.begin, c.end, &read::plain(&c.payload))).collect();
        for tag in ["mpd-time-csf", "mpd-time-cmaf"] {
            let listed = listing::dash(&film, packager::format(tag).unwrap(), Dialect::Modern).unwrap();
            let cues = read::segments(tag, &listed[0]).into_iter().flat_map(|s| s.cues).collect();
            assert_eq!(read::joined(cues), read::joined(want.clone()), "{} {tag}", folder.display());
        }
    }
    let Some(ttml) = folders.iter().find(|f| f.ends_with("ttml")) else { return };
    for entry in std::fs::read_dir(ttml)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "xml"))
    {
        let (_, index) = support::index(&entry).unwrap();
        let cues = index.tracks[0].text.as_ref().unwrap().cues().to_vec();
        assert!(!cues.is_empty(), "{}", entry.display());
        println!("{}: {cues:?}", entry.display());
    }
}

/// Captions inside of pictures are signalled, and their absence too.
#[test]
fn closed_captions_are_signalled() {
    let text = |film: &Film, tag: &str| {
        String::from_utf8(film.manifest(packager::format(tag).unwrap(), Dialect::Modern).unwrap()).unwrap()
    };
    let film = Film::open(&folder("ttml")).unwrap();
    let multivariant = text(&film, "m3u8-cmaf");
    assert!(
        multivariant.contains(",CLOSED-CAPTIONS=NONE\n") && !multivariant.contains("INSTREAM-ID"),
        "{multivariant}"
    );
    let Ok(folders) = support::shared_media() else {
        println!("skipped: there are no shared media");
        return;
    };
    let Some(folder) = folders.iter().find(|f| f.ends_with("hevc-frag")) else { return };
    let film = Film::open(folder).unwrap();
    let found = film.presentation.groups_of(TrackKind::Video).next().unwrap().1.closed_captions;
    assert!(found.first_field, "{found:?}");
    let multivariant = text(&film, "m3u8-cmaf");
    assert!(multivariant.contains("#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"CC1\""), "{multivariant}");
    assert!(multivariant.contains(",CLOSED-CAPTIONS=\"cc\"\n"), "{multivariant}");
    let mpd = text(&film, "mpd-time-cmaf");
    assert!(mpd.contains("schemeIdUri=\"urn:scte:dash:cc:cea-608:2015\" value=\"CC1=und"), "{mpd}");
}
