//! Common Media Client Data (CTA-5004): what a player says of itself with each request, in the query or in four
//! headers. It changes no answer; it goes into logs and numbers.
//!
//! Whatever cannot be understood is passed over, as the standard wants it (CTA-5004 §3): a player's mistake here is
//! no reason to withhold a segment.

use std::fmt;

/// The most bytes that are looked at, in the query as sent or of all headers together.
pub const MAX_BYTES: usize = 4096;

/// The most pairs that are looked at; the standard has 18 keys.
const MAX_PAIRS: usize = 48;

/// The longest text that is kept, in characters: the standard's own bound of `sid` and `cid`.
const MAX_TEXT: usize = 64;

/// The parameter of the query.
const PARAMETER: &str = "CMCD=";

/// Kinds of objects, `ot`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ObjectType {
    /// A manifest or playlist: `m`.
    Manifest,
    /// Sound alone: `a`.
    Audio,
    /// Pictures alone: `v`.
    Video,
    /// Both: `av`.
    Muxed,
    /// An initialization segment: `i`.
    Init,
    /// Captions or subtitles: `c`.
    Caption,
    /// Timed text in MP4: `tt`.
    TimedText,
    /// A key, licence or certificate: `k`.
    Key,
    /// Anything else, or not said: `o`.
    #[default]
    Other,
}

impl ObjectType {
    /// All of them.
    pub const ALL: [ObjectType; 9] = [
        ObjectType::Manifest,
        ObjectType::Audio,
        ObjectType::Video,
        ObjectType::Muxed,
        ObjectType::Init,
        ObjectType::Caption,
        ObjectType::TimedText,
        ObjectType::Key,
        ObjectType::Other,
    ];

    /// The standard's token.
    pub const fn token(self) -> &'static str {
        match self {
            ObjectType::Manifest => "m",
            ObjectType::Audio => "a",
            ObjectType::Video => "v",
            ObjectType::Muxed => "av",
            ObjectType::Init => "i",
            ObjectType::Caption => "c",
            ObjectType::TimedText => "tt",
            ObjectType::Key => "k",
            ObjectType::Other => "o",
        }
    }
}

/// What a player said. Numbers are as the standard has them, and rounded there already.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cmcd {
    /// `br`: bitrate of what is asked for, kbit/s.
    pub encoded_bitrate: Option<u64>,
    /// `bl`: how much is buffered, milliseconds.
    pub buffer_length: Option<u64>,
    /// `bs`: the buffer ran empty since the last request, so that playing stopped.
    pub buffer_starvation: bool,
    /// `cid`: what is played.
    pub content_id: Option<String>,
    /// `d`: duration of what is asked for, milliseconds.
    pub object_duration: Option<u64>,
    /// `dl`: by when its first sample is needed, milliseconds.
    pub deadline: Option<u64>,
    /// `mtp`: throughput as the player measures it, kbit/s.
    pub measured_throughput: Option<u64>,
    /// `ot`: kind of object.
    pub object_type: ObjectType,
    /// `pr`: playback rate in thousandths: 1000 is real time, 0 not playing.
    pub playback_rate_thousandths: Option<u64>,
    /// `rtp`: throughput that the player would be content with, kbit/s.
    pub requested_throughput: Option<u64>,
    /// `sf`: format of streaming: `d` DASH, `h` HLS, `s` Smooth Streaming, `o` another.
    pub streaming_format: Option<char>,
    /// `sid`: the session.
    pub session_id: Option<String>,
    /// `st`: `v` for finished films, `l` for live.
    pub stream_type: Option<char>,
    /// `su`: needed urgently: at the start, after a seek, after the buffer ran empty.
    pub startup: bool,
    /// `tb`: the highest bitrate that the player could choose, kbit/s.
    pub top_bitrate: Option<u64>,
}

impl Cmcd {
    /// Reads a query as it was sent, without its question mark; `None` if it has no `CMCD` parameter.
    pub fn from_query(query: &str) -> Option<Cmcd> {
        // The standard's spelling is the only one (CTA-5004 §2).
        let value = query.split('&').find_map(|pair| pair.strip_prefix(PARAMETER))?;
        let mut cmcd = Cmcd::default();
        cmcd.read(&decoded(cut(value, MAX_BYTES)));
        Some(cmcd)
    }

    /// Reads the values of the headers `CMCD-Request`, `CMCD-Object`, `CMCD-Status` and `CMCD-Session`, in any order.
    pub fn from_headers<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Cmcd> {
        let (mut cmcd, mut room, mut any) = (Cmcd::default(), MAX_BYTES, false);
        for value in values {
            let value = cut(value, room);
            room -= value.len();
            any = true;
            cmcd.read(value);
        }
        any.then_some(cmcd)
    }

    fn read(&mut self, list: &str) {
        for pair in pairs(list).take(MAX_PAIRS) {
            self.set(pair);
        }
    }

    fn set(&mut self, Pair { key, value }: Pair<'_>) {
        let number = || value.and_then(|value| value.parse().ok());
        let letter = || value.and_then(|value| value.chars().next()).filter(|_| value.is_some_and(|v| v.len() == 1));
        // A key alone is true (CTA-5004 §3).
        let flag = || value.is_none() || value == Some("true");
        match key {
            "br" => self.encoded_bitrate = number(),
            "bl" => self.buffer_length = number(),
            "bs" => self.buffer_starvation = flag(),
            "cid" => self.content_id = value.map(text),
            "d" => self.object_duration = number(),
            "dl" => self.deadline = number(),
            "mtp" => self.measured_throughput = number(),
            "ot" => {
                let of = |token| ObjectType::ALL.into_iter().find(|kind| kind.token() == token);
                self.object_type = value.and_then(of).unwrap_or_default();
            }
            "pr" => self.playback_rate_thousandths = value.and_then(thousandths),
            "rtp" => self.requested_throughput = number(),
            "sf" => self.streaming_format = letter(),
            "sid" => self.session_id = value.map(text),
            "st" => self.stream_type = letter(),
            "su" => self.startup = flag(),
            "tb" => self.top_bitrate = number(),
            // nor, nrr and v say nothing about how playing goes; custom keys are not ours.
            _ => {}
        }
    }
}

/// In the order of the keys, as the standard writes it: for logs.
impl fmt::Display for Cmcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut pair = |f: &mut fmt::Formatter<'_>, key: &str, value: &dyn fmt::Display| {
            write!(f, "{separator}{key}={value}")?;
            separator = ",";
            Ok(())
        };
        let numbers = [
            ("br", self.encoded_bitrate),
            ("bl", self.buffer_length),
            ("d", self.object_duration),
            ("dl", self.deadline),
            ("mtp", self.measured_throughput),
            ("rtp", self.requested_throughput),
            ("tb", self.top_bitrate),
        ];
        for (key, value) in numbers {
            value.map_or(Ok(()), |value| pair(f, key, &value))?;
        }
        if self.object_type != ObjectType::Other {
            pair(f, "ot", &self.object_type.token())?;
        }
        for (key, value) in [("cid", &self.content_id), ("sid", &self.session_id)] {
            value.as_ref().map_or(Ok(()), |value| pair(f, key, &format_args!("{value:?}")))?;
        }
        for (key, flag) in [("bs", self.buffer_starvation), ("su", self.startup)] {
            if flag {
                pair(f, key, &true)?;
            }
        }
        Ok(())
    }
}

/// A key, and its value without quotes; none where the key stands alone.
struct Pair<'a> {
    key: &'a str,
    value: Option<&'a str>,
}

/// The pairs of a list. Commas inside of quotes separate nothing.
fn pairs(list: &str) -> impl Iterator<Item = Pair<'_>> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.find(|c: char| {
            let ends = c == ',' && !quoted;
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = c == '\\' && !escaped;
            ends
        });
        let pair = end.map_or(text, |end| &text[..end]).trim();
        rest = end.map(|end| &text[end + 1..]);
        Some(match pair.split_once('=') {
            None => Pair { key: pair, value: None },
            Some((key, value)) => Pair { key: key.trim(), value: Some(unquoted(value.trim())) },
        })
    })
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// Without escapes and what would disturb a log, and no longer than it may be.
fn text(value: &str) -> String {
    value.chars().filter(|c| !c.is_control() && *c != '\\').take(MAX_TEXT).collect()
}

/// A decimal number, in thousandths, rounded down; up to 1000.
fn thousandths(value: &str) -> Option<u64> {
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u64>().ok().filter(|whole| *whole <= 1000).map(|whole| whole * 1000 + part)
}

/// At most `limit` bytes of the text.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default()
}

/// Percent-decoded; what is not UTF-8 then, is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_query_and_headers() {
        let query = "a=1&CMCD=bl%3D21300%2Cbr%3D3200%2Cbs%2Ccid%3D%22faec%2C5fc2%22%2Cd%3D4004%2Cdl%3D18500%2Cmtp%3D48100\
                     %2Cnor%3D%22..%252F300kbps%252Ftrack.m4v%22%2Cot%3Dv%2Cpr%3D1.08%2Crtp%3D12000%2Csf%3Dd%2Csid%3D%226e2f\
                     %22%2Cst%3Dv%2Csu%2Ctb%3D6000&b=2";
        let cmcd = Cmcd::from_query(query).unwrap();
        let headers = [
            "bl=21300,dl=18500,mtp=48100,nor=\"..%2F300kbps%2Ftrack.m4v\",su",
            "br=3200,d=4004,ot=v,tb=6000",
            "bs, rtp=12000",
            "cid=\"faec,5fc2\",pr=1.08,sf=d,sid=\"6e2f\",st=v",
        ];
        assert_eq!(Some(&cmcd), Cmcd::from_headers(headers).as_ref());
        assert_eq!((cmcd.buffer_starvation, cmcd.startup, cmcd.buffer_length), (true, true, Some(21_300)));
        assert_eq!((cmcd.object_type, cmcd.playback_rate_thousandths), (ObjectType::Video, Some(1080)));
        assert_eq!((cmcd.streaming_format, cmcd.content_id.as_deref()), (Some('d'), Some("faec,5fc2")));
        let shown = "br=3200,bl=21300,d=4004,dl=18500,mtp=48100,rtp=12000,tb=6000,ot=v,cid=\"faec,5fc2\",sid=\"6e2f\",bs=true,su=true";
        assert_eq!(cmcd.to_string(), shown);
    }

    #[test]
    fn mistakes_are_passed_over() {
        assert_eq!(Cmcd::from_query("cmcd=bs&xCMCD=bs"), None);
        assert_eq!(Cmcd::from_headers([]), None);
        for list in
            ["", ",,,", "=", "bl=", "bl=-1,br=1e9,mtp=99999999999999999999", "bl=\"", "ot=vv,sf=dash", "\"", "bs=false"]
        {
            assert_eq!(Cmcd::from_headers([list]), Some(Cmcd::default()), "{list}");
        }
        let cmcd = Cmcd::from_headers(["sid=\"a\\\"b,c\",bl=1"]).unwrap();
        assert_eq!((cmcd.session_id.as_deref(), cmcd.buffer_length), (Some("a\"b,c"), Some(1)));
        assert_eq!(Cmcd::from_query("CMCD=sid%3D%00%ff%").unwrap().session_id.as_deref(), Some("\u{fffd}%"));
        assert_eq!(Cmcd::from_headers(["pr=0.5,pr=2.12345"]).unwrap().playback_rate_thousandths, Some(2123));
    }

    #[test]
    fn it_is_bounded() {
        let long = format!("sid={},{}bl=1", "x".repeat(1000), "bs,".repeat(10_000));
        let cmcd = Cmcd::from_headers([long.as_str(), "bl=2"]).unwrap();
        assert_eq!((cmcd.session_id.map(|sid| sid.len()), cmcd.buffer_length), (Some(MAX_TEXT), None));
        let wide = format!("{}ü", "x".repeat(MAX_BYTES - 1));
        assert!(Cmcd::from_headers([wide.as_str()]).is_some());
    }
}
