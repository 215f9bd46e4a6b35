//! Thumbnails: lists, sheets and single pictures.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;

use super::building::read;
use super::error::Error;
use super::load::Loaded;
use super::url::Thumbnails;
use crate::packager::thumbnails::{self as plan, Grid, PICTURE_TYPE, Wanted};
use crate::packager::{Context, Format, Rendered, Validity};
use crate::store::Store;
use crate::thumbnails::{Painter, Turn};
use crate::time::{MediaTime, Timescale};

/// How long it is believed that pictures cannot be drawn.
const BELIEVED: Duration = Duration::from_secs(30);
/// The most failures that are remembered.
const FAILURES: u64 = 10_000;

/// The thumbnails of all films.
pub(super) struct Gallery {
    painter: Arc<Painter>,
    /// What could not be drawn a moment ago.
    failures: Cache<[u8; 16], Error>,
}

/// A request for thumbnails, found in its film.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// A list of them, which is text.
    List,
    /// Pictures to be drawn.
    Pictures(Box<Wanted>),
}

impl Gallery {
    pub(super) fn new(painter: Painter) -> Gallery {
        let failures = Cache::builder().max_capacity(FAILURES).time_to_live(BELIEVED).build();
        Gallery { painter: Arc::new(painter), failures }
    }

    /// How a film's thumbnails are laid out; `None` when it has none. Whether they may be given out of what is
    /// only given out encrypted is for a delivery policy to say, once there are any.
    pub(super) fn grid(&self, loaded: &Loaded) -> Option<Grid> {
        Grid::of(&loaded.presentation, self.painter.settings())
    }

    /// Identity of what is drawn: all that decides its bytes but the film.
    pub(super) fn identity(&self, wanted: &Wanted) -> String {
        let Wanted { plan, repeats, size, grid } = wanted;
        let tracks: Vec<_> = plan.parts.first().map(|part| part.track).into_iter().collect();
        format!("drawing {} {tracks:?} {repeats:?} {size:?} {grid:?} {}", plan.index, self.painter.identity())
    }

    /// What was drawn before, or that it could not be drawn a moment ago.
    pub(super) async fn known(&self, key: [u8; 16]) -> Option<Result<Rendered, Error>> {
        match self.painter.kept(key).await {
            Some(kept) => Some(Ok(picture(kept))),
            None => self.failures.get(&key).await.map(Err),
        }
    }

    /// Waits until something may be drawn.
    pub(super) async fn turn(&self) -> Result<Turn, Error> {
        self.painter.turn().await.map_err(Error::Drawing)
    }

    /// Draws.
    pub(super) async fn draw(
        &self,
        turn: &Turn,
        key: [u8; 16],
        loaded: &Loaded,
        store: &dyn Store,
        wanted: &Wanted,
    ) -> Result<Rendered, Error> {
        let (media, _) = read(loaded, store, &wanted.plan).await?;
        let drawing = plan::movie(&loaded.presentation, wanted, &media)?;
        match self.painter.draw(turn, &drawing).await {
            Ok(jpeg) => {
                self.painter.keep(key, &jpeg).await;
                Ok(picture(jpeg))
            }
            Err(error) => {
                let error = Error::Drawing(error);
                self.failures.insert(key, error.clone()).await;
                Err(error)
            }
        }
    }
}

fn picture(jpeg: Bytes) -> Rendered {
    Rendered { body: vec![jpeg], content_type: PICTURE_TYPE, validity: Validity::Revision, duration: None }
}

impl Object {
    /// Finds it.
    ///
    /// # Errors
    /// [`Error::SheetNotFound`], [`Error::TimeNotFound`], and those of the packager.
    pub(super) fn find(loaded: &Loaded, grid: &Grid, what: Thumbnails) -> Result<Object, Error> {
        let presentation = &loaded.presentation;
        let wanted = match what {
            Thumbnails::List => return Ok(Object::List),
            Thumbnails::Sheet(sheet) => plan::sheet(presentation, grid, sheet).map_err(|error| match error {
                crate::packager::Error::NoSuchTime { .. } => Error::SheetNotFound { sheet, sheets: grid.sheets() },
                other => other.into(),
            }),
            Thumbnails::Picture(time) => {
                let at = time.map(|t| MediaTime::new(i64::try_from(t).unwrap_or(i64::MAX), Timescale::TEN_MHZ));
                plan::poster(presentation, at).map_err(|error| match (error, time) {
                    (crate::packager::Error::NoSuchTime { .. }, Some(time)) => Error::TimeNotFound { time },
                    (other, _) => other.into(),
                })
            }
        };
        Ok(Object::Pictures(Box::new(wanted?)))
    }
}

/// The list of thumbnails: WebVTT where the URL names no format.
pub(super) fn list(
    loaded: &Loaded,
    format: &dyn Format,
    named: bool,
    context: &Context<'_>,
) -> Result<Rendered, Error> {
    match (&context.thumbnails, named) {
        (Some(grid), false) => Ok(plan::index(&loaded.presentation, grid)),
        _ => format.images(&loaded.presentation, context).map_err(|error| match error {
            crate::packager::Error::NoSuchResource => {
                let format = format.tags().first().copied().unwrap_or_default().to_owned();
                Error::ObjectNotInFormat { format, object: "list of thumbnails" }
            }
            other => other.into(),
        }),
    }
}
