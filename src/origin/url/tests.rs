use proptest::prelude::*;

use super::Encryption;
use super::*;

const L: &str = "/0123ABCD-4567-89ab-CDEF-001122334455";
const CANONICAL: &str = "/0123abcd-4567-89ab-cdef-001122334455";

/// What a URL's canonical form is. Every form of docs/urls.md is here once.
#[test]
fn forms_and_their_canonical_spelling() {
    let same = |tail: &str| (tail.to_owned(), tail.to_owned());
    let cases = [
        same("/film.ism/Manifest"),
        same("/live.isml/Manifest"),
        ("/film.ism/manifest".into(), "/film.ism/Manifest".into()),
        ("/film.ism/MANIFEST()".into(), "/film.ism/Manifest".into()),
        ("/film.ism/Manifest.mpd".into(), "/film.ism/Manifest".into()),
        same("/Film.ISM/Manifest"),
        same("/film.ism/Manifest(format=mpd-time-csf)"),
        ("/film.ism/Manifest(FORMAT=M3U8-AAPL)".into(), "/film.ism/Manifest(format=m3u8-aapl)".into()),
        (
            "/film.ism/manifest(encryption=cbc,format=m3u8-aapl)".into(),
            "/film.ism/Manifest(format=m3u8-aapl,encryption=cbc)".into(),
        ),
        (
            "/film.ism/manifest(format=mpd-time-csf,filter=NAME).mpd?hdnea=exp=1~hmac=(x".into(),
            "/film.ism/Manifest(format=mpd-time-csf,filter=NAME)".into(),
        ),
        (
            "/film.ism/manifest(filtername=a;B;c,audio-only=FALSE,audioTRACK=Aac_1)".into(),
            "/film.ism/Manifest(filter=a;B;c,audio-only=false,audioTrack=Aac_1)".into(),
        ),
        (
            "/film.ism/Manifest%28format%3dmpd-time-cmaf%2Cencryption%3DCBCS-aapl%29".into(),
            "/film.ism/Manifest(format=mpd-time-cmaf,encryption=cbcs-aapl)".into(),
        ),
        same("/film.ism/QualityLevels(400789)/Manifest(video,format=m3u8-aapl,type=keyframes)"),
        (
            "/film.ism/qualitylevels(0400789)/manifest(video,type=KeyFrames,format=m3u8-aapl).m3u8".into(),
            "/film.ism/QualityLevels(400789)/Manifest(video,format=m3u8-aapl,type=keyframes)".into(),
        ),
        (
            "/film.ism/QualityLevels(400789)/Manifest(video,format=m3u8-aapl-v3,audiotrack=aac_1)".into(),
            "/film.ism/QualityLevels(400789)/Manifest(video,format=m3u8-aapl-v3,audioTrack=aac_1)".into(),
        ),
        same("/film.ism/QualityLevels(128044)/Fragments(aac_fra_2_128_2_1=0)"),
        same("/film.ism/QualityLevels(1)/FragmentInfo(video=18446744073709551615)"),
        same("/film.ism/QualityLevels(1)/RawFragments(video=7)"),
        same("/film.ism/QualityLevels(1)/KeyFrames(video=7,format=m3u8-aapl)"),
        same("/film.ism/QualityLevels(1)/Fragments(video=i,format=mpd-time-csf,encryption=cenc)"),
        (
            "/film.ism/QUALITYLEVELS(1)/fragments(Video=I,format=m3u8-cmaf).mp4".into(),
            "/film.ism/QualityLevels(1)/Fragments(Video=i,format=m3u8-cmaf)".into(),
        ),
        (
            "/film.ism/QualityLevels(5,b=2,a=1)/Fragments(video=007).m4s".into(),
            "/film.ism/QualityLevels(5,a=1,b=2)/Fragments(video=7)".into(),
        ),
        same("/film.ism/QualityLevels(5)/Fragments(audio%20(eng)=0)"),
        same("/film.ism/Thumbnails"),
        ("/film.ism/thumbnails.vtt".into(), "/film.ism/Thumbnails".into()),
        ("/film.ism/Thumbnails(FORMAT=m3u8-cmaf).m3u8".into(), "/film.ism/Thumbnails(format=m3u8-cmaf)".into()),
        ("/film.ism/THUMBNAILS(filter=a,Sheet=007).jpg".into(), "/film.ism/Thumbnails(sheet=7,filter=a)".into()),
        ("/film.ism/thumbnail().jpg".into(), "/film.ism/Thumbnail".into()),
        ("/film.ism/thumbnail(time=600000000).jpg".into(), "/film.ism/Thumbnail(time=600000000)".into()),
        same("/film.mp4"),
        same("/caf%C3%A9%20%25.jpg"),
        ("/a%28b%29.MP4?x=/y".into(), "/a(b).MP4".into()),
        same("/noextension"),
    ];
    for (sent, canonical) in cases {
        let url = StreamingUrl::parse(&format!("{L}{sent}")).unwrap_or_else(|e| panic!("{sent}: {e}"));
        assert_eq!(url.canonical(), format!("{CANONICAL}{canonical}"), "{sent}");
        assert_eq!(StreamingUrl::parse(&url.canonical()), Ok(url), "{sent}");
    }
}

#[test]
fn a_fragment_is_taken_apart() {
    let url =
        format!("{L}/film.ism/QualityLevels(128044,role=main)/Fragments(aac=42,format=m3u8-aapl-v3,audiotrack=B)");
    let expected = StreamObject::Fragment {
        level: QualityLevel { bitrate: 128_044, attributes: vec![("role".into(), "main".into())] },
        noun: Noun::Fragments,
        track: "aac".into(),
        time: FragmentTime::At(42),
        params: Params { format: Some("m3u8-aapl-v3".into()), audio_track: Some("B".into()), ..Params::default() },
    };
    let url = StreamingUrl::parse(&url).unwrap();
    assert_eq!(url.resource, Resource::Stream { presentation: "film.ism".into(), object: expected });
    assert_eq!(url.params().unwrap().format_tag(), "m3u8-aapl-v3");
    assert_eq!(url.params().unwrap().encryption, None::<Encryption>);
}

#[test]
fn broken_paths_say_where_and_what() {
    let base = L.len();
    let cases = [
        ("", 0, Problem::NothingAsked),
        ("/", 1, Problem::EmptySegment),
        ("/film.ism/", 10, Problem::EmptySegment),
        ("//film.ism/Manifest", 1, Problem::EmptySegment),
        ("/film.ism//Manifest", 10, Problem::EmptySegment),
        ("/film.ism/Manifest/", 19, Problem::EmptySegment),
        ("/film.ism/Manifest/x", 19, Problem::TrailingSegment),
        ("/film.mp4/Manifest", 1, Problem::NotAServerManifest),
        ("/.ism/Manifest", 1, Problem::NotAServerManifest),
        ("/../Manifest", 1, Problem::NotAServerManifest),
        ("/a%2Fb.mp4", 1, Problem::NotAServerManifest),
        ("/film.ism/Streams(x)", 10, Problem::UnknownNoun),
        ("/film.ism/Manifesto", 10, Problem::UnknownNoun),
        ("/film.ism/Thumbnailx", 10, Problem::UnknownNoun),
        ("/film.ism/Thumbnails(sheet=)", 27, Problem::NotANumber),
        ("/film.ism/Thumbnails(sheet=-1)", 27, Problem::NotANumber),
        ("/film.ism/Thumbnails(sheet=1,sheet=2)", 29, Problem::DuplicateParam),
        ("/film.ism/Thumbnails(time=1)", 21, Problem::UnknownParam),
        ("/film.ism/Thumbnail(sheet=1)", 20, Problem::UnknownParam),
        ("/film.ism/Thumbnail(time=1", 26, Problem::Unbalanced),
        ("/film.ism/Manifest(format=x", 27, Problem::Unbalanced),
        ("/film.ism/Manifest(format=x))", 27, Problem::Unbalanced),
        ("/film.ism/Manifest(format=(x)", 29, Problem::Unbalanced),
        ("/film.ism/Manifest(format=x)mpd", 28, Problem::BadSuffix),
        ("/film.ism/Manifest(format=x).", 28, Problem::BadSuffix),
        ("/film.ism/Manifest.toolongsuffix", 18, Problem::BadSuffix),
        ("/film.ism/Manifest(format)", 19, Problem::NotAParam),
        ("/film.ism/Manifest(format=)", 19, Problem::NotAParam),
        ("/film.ism/Manifest(=x)", 19, Problem::NotAParam),
        ("/film.ism/Manifest(format=x,)", 28, Problem::NotAParam),
        ("/film.ism/Manifest(format=x,format=x)", 28, Problem::DuplicateParam),
        ("/film.ism/Manifest(filter=a,filtername=b)", 28, Problem::DuplicateParam),
        ("/film.ism/Manifest(filtr=a)", 19, Problem::UnknownParam),
        ("/film.ism/Manifest(filter=a;;b)", 26, Problem::EmptyFilter),
        ("/film.ism/Manifest(audio-only=1)", 19, Problem::NotABoolean),
        ("/film.ism/Manifest(type=keyframes)", 19, Problem::InvalidType),
        ("/film.ism/QualityLevels(1)", 26, Problem::NoTrackObject),
        ("/film.ism/QualityLevels", 23, Problem::NoParenthesis),
        ("/film.ism/QualityLevels()/Fragments(a=0)", 24, Problem::NotANumber),
        ("/film.ism/QualityLevels(+1)/Fragments(a=0)", 24, Problem::NotANumber),
        ("/film.ism/QualityLevels(1,x)/Fragments(a=0)", 26, Problem::NotAParam),
        ("/film.ism/QualityLevels(1,x=1,x=2)/Fragments(a=0)", 30, Problem::DuplicateParam),
        ("/film.ism/QualityLevels(1).ts/Fragments(a=0)", 26, Problem::BadSuffix),
        ("/film.ism/QualityLevels(18446744073709551616)/Fragments(a=0)", 24, Problem::NumberTooLarge),
        ("/film.ism/QualityLevels(1)/Fragment(a=0)", 27, Problem::UnknownTrackNoun),
        ("/film.ism/QualityLevels(1)/Fragments", 36, Problem::NoParenthesis),
        ("/film.ism/QualityLevels(1)/Fragments()", 37, Problem::NoTime),
        ("/film.ism/QualityLevels(1)/Fragments(a)", 37, Problem::NoTime),
        ("/film.ism/QualityLevels(1)/Fragments(a=-1)", 37, Problem::NoTime),
        ("/film.ism/QualityLevels(1)/Fragments(a=)", 37, Problem::NoTime),
        ("/film.ism/QualityLevels(1)/Fragments(=1)", 37, Problem::NoTrack),
        ("/film.ism/QualityLevels(1)/Fragments(a=18446744073709551616)", 39, Problem::NumberTooLarge),
        ("/film.ism/QualityLevels(1)/Fragments(a=0,type=keyframes)", 41, Problem::InvalidType),
        ("/film.ism/QualityLevels(1)/Manifest", 35, Problem::NoParenthesis),
        ("/film.ism/QualityLevels(1)/Manifest()", 36, Problem::NoTrack),
        ("/film.ism/QualityLevels(1)/Manifest(format=x)", 36, Problem::NoTrack),
    ];
    for (tail, at, problem) in cases {
        assert_eq!(StreamingUrl::parse(&format!("{L}{tail}")), Err(UrlError::syntax(base + at, problem)), "{tail}");
    }
    // A bad escape counts in the path as sent.
    assert_eq!(StreamingUrl::parse(&format!("{L}/a%zz")), Err(UrlError::syntax(base + 2, Problem::BadEscape)));
}

#[test]
fn other_refusals() {
    for path in ["", "/", "*", "/favicon.ico", "/clientaccesspolicy.xml", "film.ism/Manifest", "/{x}/film.ism/Manifest"]
    {
        assert_eq!(StreamingUrl::parse(path), Err(UrlError::NoLocator), "{path}");
    }
    for file in ["film.ism", "film.ISMC", "film_400.ismv", "a.isma", "a.ismx", "a.mpi", "a.isml", "..", ".", ".env"] {
        assert_eq!(StreamingUrl::parse(&format!("{L}/{file}")), Err(UrlError::NotDownloadable { file: file.into() }));
    }
    assert_eq!(
        StreamingUrl::parse(&format!("{L}/f.ism/Manifest(filter=a;b;c;d)")),
        Err(UrlError::TooManyFilters { count: 4 })
    );
    assert_eq!(
        StreamingUrl::parse(&format!("{L}/f.ism/Manifest(encryption=rot13)")),
        Err(UrlError::UnknownEncryption { value: "rot13".into() })
    );
    let long = format!("{L}/{}", "a".repeat(MAX_PATH));
    assert_eq!(StreamingUrl::parse(&long), Err(UrlError::TooLong { bytes: long.len() }));
    let many = format!(
        "{L}/f.ism/QualityLevels(1{})/Fragments(a=0)",
        (0..17).fold(String::new(), |s, i| s + &format!(",k{i}=1"))
    );
    assert!(matches!(StreamingUrl::parse(&many), Err(UrlError::BadSyntax { problem: Problem::TooManyParams, .. })));
}

fn params() -> impl Strategy<Value = Params> {
    let word = "[a-z0-9-]{1,8}";
    let name = "[^,;\\\\/()=\\p{Cc}]{1,8}";
    (
        proptest::option::of(word),
        proptest::option::of(proptest::sample::select(&Encryption::ALL)),
        proptest::collection::vec(name, 0..=MAX_FILTERS),
        proptest::option::of(any::<bool>()),
        proptest::option::of(name),
    )
        .prop_map(|(format, encryption, filters, audio_only, audio_track)| Params {
            format,
            encryption,
            filters,
            audio_only,
            audio_track,
            keyframes: false,
        })
}

proptest! {
    #[test]
    fn nothing_panics(path in "\\PC*", tail in "[/(),=;.%a-zQLFMi0-9]{0,60}") {
        let _ = StreamingUrl::parse(&path);
        let _ = StreamingUrl::parse(&format!("{L}{path}"));
        for tail in [format!("{L}/f.ism{tail}"), format!("{L}/f.ism/QualityLevels(1){tail}"), format!("{L}/f.ism/Manifest({tail}")] {
            if let Ok(url) = StreamingUrl::parse(&tail) {
                prop_assert_eq!(StreamingUrl::parse(&url.canonical()), Ok(url));
            }
        }
    }

    #[test]
    fn canonical_urls_round_trip(
        bytes in any::<[u8; 16]>(),
        stem in "[^./\\\\\\p{Cc}][^/\\\\\\p{Cc}]{0,8}",
        track in "[^,/\\\\()\\p{Cc}=]{1,10}",
        bitrate in any::<u64>(),
        time in proptest::option::of(any::<u64>()),
        noun in proptest::sample::select(&Noun::ALL),
        params in params(),
        shape in 0..3,
        keyframes in any::<bool>(),
    ) {
        let level = QualityLevel { bitrate, attributes: Vec::new() };
        let object = match shape {
            0 => StreamObject::Manifest { params },
            1 => StreamObject::TrackPlaylist { level, track, params: Params { keyframes, ..params } },
            _ => {
                let time = time.map_or(FragmentTime::Init, FragmentTime::At);
                StreamObject::Fragment { level, noun, track, time, params }
            }
        };
        let url = StreamingUrl {
            locator: LocatorId::from_bytes(bytes),
            resource: Resource::Stream { presentation: format!("{stem}.ism"), object },
        };
        prop_assert_eq!(StreamingUrl::parse(&url.canonical()), Ok(url));
    }
}
