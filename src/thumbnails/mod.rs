//! Pictures of films, drawn by an external program.
//!
//! Headwater decodes nothing itself: pictures come from untrusted files, and decoders are large. What is to be
//! drawn goes into the standard input of an `ffmpeg` of its own, a JPEG comes out; time, memory, bytes and the
//! number of programs at once are bounded. Finished sheets are kept on disk.

mod child;
mod ffmpeg;
mod kept;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::packager::thumbnails::{Drawing, Settings};

pub use ffmpeg::FindError;
pub use kept::Kept;

/// How the program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long one run may take.
    pub timeout: Duration,
    /// Programs at a time.
    pub at_once: usize,
    /// How long a drawing waits for its turn.
    pub patience: Duration,
    /// Bytes that one run may write.
    pub output_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            timeout: Duration::from_secs(20),
            at_once: 2,
            patience: Duration::from_secs(15),
            output_bytes: 16 << 20,
        }
    }
}

/// Draws thumbnails.
#[derive(Debug)]
pub struct Painter {
    settings: Settings,
    ffmpeg: ffmpeg::Ffmpeg,
    limits: Limits,
    turns: Arc<Semaphore>,
    kept: Option<Kept>,
}

/// Leave to run one program.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// Why nothing was drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Too many others are waiting.
    #[error("too many thumbnails are being drawn; ask again in a moment")]
    Busy,
    /// The program did not come to an end.
    #[error("drawing took longer than {} s and was given up", .after.as_secs())]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// The program wrote too much.
    #[error("the drawing has more than {limit} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit: u64,
    },
    /// The program cannot decode the pictures.
    #[error("ffmpeg cannot decode these pictures; the server's log tells what it says")]
    Undecodable,
    /// The program could not be started, or did something that it never should.
    #[error("ffmpeg does not work; the server's log tells more")]
    Broken,
}

impl Painter {
    /// With the program of that name or path.
    ///
    /// # Errors
    /// [`FindError`] when there is no such program, or it is no ffmpeg.
    pub async fn new(
        program: &str,
        settings: Settings,
        limits: Limits,
        kept: Option<Kept>,
    ) -> Result<Painter, FindError> {
        let ffmpeg = ffmpeg::Ffmpeg::find(program).await?;
        let turns = Arc::new(Semaphore::new(limits.at_once.max(1)));
        Ok(Painter { settings, ffmpeg, limits, turns, kept })
    }

    /// How thumbnails are laid out.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Identity of what decides the bytes of a drawing besides what is drawn: versions draw differently.
    pub fn identity(&self) -> &str {
        self.ffmpeg.version()
    }

    /// What was drawn before under that key.
    pub async fn kept(&self, key: [u8; 16]) -> Option<Bytes> {
        self.kept.as_ref()?.get(key).await
    }

    /// Keeps a drawing for later. That it cannot be kept is no error.
    pub async fn keep(&self, key: [u8; 16], drawing: &Bytes) {
        if let Some(kept) = &self.kept {
            kept.put(key, drawing.clone()).await;
        }
    }

    /// Waits until a program may run. What is to be drawn need not be in memory before that.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub async fn turn(&self) -> Result<Turn, Error> {
        let turn = tokio::time::timeout(self.limits.patience, Arc::clone(&self.turns).acquire_owned());
        Ok(Turn { _permit: turn.await.map_err(|_| Error::Busy)?.map_err(|_| Error::Broken)? })
    }

    /// Draws: a JPEG.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn draw(&self, _: &Turn, drawing: &Drawing) -> Result<Bytes, Error> {
        self.ffmpeg.draw(drawing, &self.limits).await
    }
}
