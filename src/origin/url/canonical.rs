//! The one spelling of each streaming URL.

use std::fmt::{self, Write};

use super::percent::encode;
use super::{FragmentTime, Params, QualityLevel, Resource, StreamObject, StreamingUrl, Thumbnails};

/// Writes the canonical path: locator in lower case, nouns in their documented spelling,
/// parameters in the order format, encryption, filter, audio-only, audioTrack, type, no suffix.
impl fmt::Display for StreamingUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.locator)?;
        match &self.resource {
            Resource::Download { file } => encode(file, f),
            Resource::Stream { presentation, object } => {
                encode(presentation, f)?;
                f.write_char('/')?;
                write_object(object, f)
            }
        }
    }
}

fn write_object(object: &StreamObject, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match object {
        StreamObject::Manifest { params } => {
            f.write_str("Manifest")?;
            if *params == Params::default() {
                return Ok(());
            }
            let mut list = List { out: f, separator: "(" };
            list.params(params)?;
            f.write_char(')')
        }
        StreamObject::Thumbnails { what, params } => {
            let (noun, number) = match what {
                Thumbnails::List => ("Thumbnails", None),
                Thumbnails::Sheet(number) => ("Thumbnails", Some(("sheet", *number))),
                Thumbnails::Picture(time) => ("Thumbnail", time.map(|time| ("time", time))),
            };
            f.write_str(noun)?;
            if number.is_none() && *params == Params::default() {
                return Ok(());
            }
            let mut list = List { out: f, separator: "(" };
            if let Some((key, number)) = number {
                list.pair(key, &number.to_string())?;
            }
            list.params(params)?;
            f.write_char(')')
        }
        StreamObject::TrackPlaylist { level, track, params } => {
            write_level(level, f)?;
            f.write_str("Manifest(")?;
            encode(track, f)?;
            List { out: f, separator: "," }.params(params)?;
            f.write_char(')')
        }
        StreamObject::Fragment { level, noun, track, time, params } => {
            write_level(level, f)?;
            write!(f, "{}(", noun.name())?;
            encode(track, f)?;
            match time {
                FragmentTime::Init => f.write_str("=i")?,
                FragmentTime::At(ticks) => write!(f, "={ticks}")?,
            }
            List { out: f, separator: "," }.params(params)?;
            f.write_char(')')
        }
    }
}

fn write_level(level: &QualityLevel, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "QualityLevels({}", level.bitrate)?;
    for (key, value) in &level.attributes {
        f.write_char(',')?;
        encode(key, f)?;
        f.write_char('=')?;
        encode(value, f)?;
    }
    f.write_str(")/")
}

/// Writes `name=value` pairs with what belongs between them.
struct List<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    separator: &'static str,
}

impl List<'_, '_> {
    fn params(&mut self, params: &Params) -> fmt::Result {
        if let Some(format) = &params.format {
            self.pair("format", format)?;
        }
        if let Some(encryption) = params.encryption {
            self.pair("encryption", encryption.name())?;
        }
        if !params.filters.is_empty() {
            self.pair("filter", &params.filters.join(";"))?;
        }
        if let Some(audio_only) = params.audio_only {
            self.pair("audio-only", if audio_only { "true" } else { "false" })?;
        }
        if let Some(track) = &params.audio_track {
            self.pair("audioTrack", track)?;
        }
        if params.keyframes {
            self.pair("type", "keyframes")?;
        }
        Ok(())
    }

    fn pair(&mut self, name: &str, value: &str) -> fmt::Result {
        self.out.write_str(std::mem::replace(&mut self.separator, ","))?;
        self.out.write_str(name)?;
        self.out.write_char('=')?;
        encode(value, self.out)
    }
}
