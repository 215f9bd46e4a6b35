//! ffmpeg: finding it, and what it is told.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::child::{self, Ended};
use super::{Error, Limits};
use crate::packager::thumbnails::Drawing;

/// How long it may take to say its version.
const GREETING: Duration = Duration::from_secs(10);

/// A program that was found and is what it should be.
#[derive(Debug)]
pub(super) struct Ffmpeg {
    path: PathBuf,
    version: String,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No file of that name.
    #[error("there is no program {program:?}; install ffmpeg, or name it in thumbnails.ffmpeg")]
    Missing {
        /// The name or path.
        program: String,
    },
    /// It does not say that it is ffmpeg.
    #[error("{} is no ffmpeg: {reason}", path.display())]
    NotFfmpeg {
        /// Where it is.
        path: PathBuf,
        /// What it did.
        reason: String,
    },
}

impl Ffmpeg {
    pub(super) async fn find(program: &str) -> Result<Ffmpeg, FindError> {
        let path = search(program).ok_or_else(|| FindError::Missing { program: program.to_owned() })?;
        let limits = Limits { timeout: GREETING, output_bytes: 64 << 10, ..Limits::default() };
        let no = |reason: String| FindError::NotFfmpeg { path: path.clone(), reason };
        let said = match child::run(&path, &["-version".to_owned()], Vec::new(), &limits).await {
            Ok(Ended { success: true, output, .. }) => output,
            Ok(ended) => return Err(no(format!("it failed: {}", ended.said))),
            Err(error) => return Err(no(error.to_string())),
        };
        let said = String::from_utf8_lossy(&said);
        let version = said.lines().next().unwrap_or_default().trim().to_owned();
        if !version.starts_with("ffmpeg version ") {
            return Err(no("it does not answer -version as ffmpeg does".to_owned()));
        }
        Ok(Ffmpeg { path, version })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) async fn draw(&self, drawing: &Drawing, limits: &Limits) -> Result<Bytes, Error> {
        let ended = child::run(&self.path, &arguments(drawing), drawing.movie.clone(), limits).await;
        let ended = ended.map_err(|error| {
            tracing::warn!(%error, program = %self.path.display(), "ffmpeg was stopped");
            match error {
                child::Error::TimedOut { after } => Error::TimedOut { after },
                child::Error::TooMuchOutput { limit } => Error::TooLarge { limit },
                child::Error::Unusable(_) => Error::Broken,
            }
        })?;
        if ended.success && is_jpeg(&ended.output) {
            return Ok(ended.output);
        }
        tracing::info!(said = ended.said, code = ended.code, "ffmpeg cannot draw a thumbnail");
        // It ends with a code of its own where the pictures are at fault; a signal means something else.
        match ended.code {
            Some(code) if code != 0 => Err(Error::Undecodable),
            Some(_) if ended.output.is_empty() => Err(Error::Undecodable),
            _ => Err(Error::Broken),
        }
    }
}

/// It begins and ends as JPEG does (ITU-T T.81 B.1.1.3).
pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff]) && bytes.ends_with(&[0xff, 0xd9])
}

/// A path as it is, a bare name in the folders of `PATH`.
fn search(program: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| path.is_file();
    if program.contains('/') {
        return std::path::absolute(program).ok().filter(is_program);
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).filter(|f| f.is_absolute()).map(|f| f.join(Path::new(program))).find(is_program)
}

/// What draws it: every track gives one picture, scaled; those of a grid are put one after the other and tiled.
/// No other protocol than the pipes, no file, no terminal.
fn arguments(drawing: &Drawing) -> Vec<String> {
    let (width, height) = drawing.size;
    let (columns, rows) = drawing.grid;
    let mut graph = String::new();
    for (track, repeats) in drawing.repeats.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = write!(
            graph,
            "[0:v:{track}]trim=end_frame=1,scale={width}:{height}:flags=area:out_range=full,setsar=1,format=yuvj420p"
        );
        if *repeats > 1 {
            let _ = write!(graph, ",tpad=stop_mode=clone:stop={}", repeats - 1);
        }
        let _ = write!(graph, "[p{track}];");
    }
    for track in 0..drawing.repeats.len() {
        let _ = write!(graph, "[p{track}]");
    }
    let _ = match drawing.repeats.len() {
        1 => write!(graph, "null"),
        many => write!(graph, "concat=n={many}"),
    };
    if columns * rows > 1 {
        let _ = write!(graph, ",tile={columns}x{rows}");
    }
    graph.push_str("[out]");
    let fixed_before = "-hide_banner -nostdin -loglevel error -threads 1 -filter_complex_threads 1 \
                        -protocol_whitelist pipe -f mp4 -i pipe:0 -filter_complex";
    let fixed_after = "-map [out] -frames:v 1 -an -sn -dn -map_metadata -1 -fflags +bitexact -flags:v +bitexact \
                       -threads 1 -c:v mjpeg -q:v 4 -f image2pipe pipe:1";
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    [words(fixed_before), vec![graph], words(fixed_after)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_tiled_and_a_single_picture_is_not() {
        let mut drawing = Drawing { movie: Vec::new(), repeats: vec![1, 3], size: (160, 90), grid: (2, 2) };
        let graph = |drawing: &Drawing| arguments(drawing).into_iter().find(|a| a.contains("scale")).unwrap();
        let scale = "trim=end_frame=1,scale=160:90:flags=area:out_range=full,setsar=1,format=yuvj420p";
        let expected = format!(
            "[0:v:0]{scale}[p0];[0:v:1]{scale},tpad=stop_mode=clone:stop=2[p1];[p0][p1]concat=n=2,tile=2x2[out]"
        );
        assert_eq!(graph(&drawing), expected);
        (drawing.repeats, drawing.grid) = (vec![1], (1, 1));
        assert_eq!(graph(&drawing), format!("[0:v:0]{scale}[p0];[p0]null[out]"));
        assert!(arguments(&drawing).windows(2).any(|w| w == ["-protocol_whitelist", "pipe"]));
    }

    #[tokio::test]
    async fn what_is_no_ffmpeg_is_told_from_it() {
        let missing = Ffmpeg::find("/nowhere/ffmpeg").await.unwrap_err().to_string();
        assert!(missing.contains("/nowhere/ffmpeg") && missing.contains("thumbnails.ffmpeg"), "{missing}");
        assert!(matches!(Ffmpeg::find("no-such-program-anywhere").await, Err(FindError::Missing { .. })));
        let other = Ffmpeg::find("true").await.unwrap_err().to_string();
        assert!(other.contains("is no ffmpeg"), "{other}");
    }
}
