//! Filters of dynamic manifests: which part of a film, and which of its tracks, a manifest lists.
//!
//! A filter changes manifests alone, never a segment or its URL: times stay those of the whole film, and
//! whoever knows the URL of a segment can fetch it. Several filters leave what all of them leave.

mod condition;
mod range;
#[cfg(test)]
mod tests;
mod view;

pub use condition::{Condition, TrackRule};
pub use range::{TimeRange, UNBOUNDED};
pub use view::view;

/// A stored filter.
#[derive(Clone, PartialEq, Eq, Debug, Default, Hash)]
pub struct Filter {
    /// Which part of the film.
    pub range: TimeRange,
    /// The bitrate that playlists list first, bits per second.
    pub first_quality: Option<u64>,
    /// A track stays when one of them accepts it; without any, all tracks stay.
    pub tracks: Vec<TrackRule>,
}

/// The most rules in one filter, and conditions in one rule.
pub const MAX_RULES: usize = 100;

impl Filter {
    /// Checks what its parts cannot check alone.
    ///
    /// # Errors
    /// [`FilterError`] when a limit is passed or the first quality is no bitrate.
    pub fn check(&self) -> Result<(), FilterError> {
        let most = self.tracks.iter().map(|rule| rule.conditions.len()).max().unwrap_or(0).max(self.tracks.len());
        if most > MAX_RULES {
            return Err(FilterError::TooManyRules);
        }
        if self.first_quality == Some(0) {
            return Err(FilterError::FirstQuality);
        }
        self.range.check()
    }
}

/// Why a filter cannot be stored, or filters cannot be applied together.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterError {
    /// The time range holds no time.
    #[error("the filter's StartTimestamp is not before its EndTimestamp, or its Timescale is 0")]
    Range,
    /// `ForceEndTimestamp` without an end.
    #[error("the filter's ForceEndTimestamp needs an EndTimestamp")]
    ForcedEndWithoutEnd,
    /// A live window shorter than players can use.
    #[error("the filter's PresentationWindowDuration is less than 60 seconds")]
    Window,
    /// A live back-off that is too long.
    #[error("the filter's LiveBackoffDuration is more than 300 seconds")]
    Backoff,
    /// A live back-off that hides the whole window.
    #[error("the filter's LiveBackoffDuration is not less than its PresentationWindowDuration")]
    BackoffOverWindow,
    /// A first quality that is no bitrate.
    #[error("the filter's FirstQuality.Bitrate is not a positive number of bits per second")]
    FirstQuality,
    /// A condition that is not known.
    #[error("the filter's condition {property} {operator} {value:?} cannot be understood: {problem}")]
    Condition {
        /// `Property`, shortened.
        property: String,
        /// `Operator`, shortened.
        operator: String,
        /// `Value`, shortened.
        value: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// More rules or conditions than anybody needs.
    #[error("the filter has more than {MAX_RULES} track rules or conditions in one of them")]
    TooManyRules,
    /// Two filters that both say what comes first.
    #[error("more than one of the filters has a first quality")]
    SeveralFirstQualities,
    /// Nothing is left.
    #[error("the filters leave no track, or no time, of this film")]
    RemovedAll,
}
