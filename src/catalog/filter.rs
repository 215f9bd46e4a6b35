//! Filters for dynamic manifests (object model §12.2, streaming contract §7).

use serde::{Deserialize, Serialize};

use super::Asset;
use super::entity::{Entity, Kind, Version, millis};
use super::error::Error;
use super::id::{AssetFilterId, AssetId};
use super::numbers::numbered;
use super::rules;
use super::transaction::Transaction;
use crate::packager::{self, filter::FilterError};
use crate::time::UtcTime;

numbered! {
    /// What of a track a condition looks at.
    TrackProperty {
        /// `video`, `audio` or `text`.
        Type = 0 "Type",
        /// Its name.
        Name = 1 "Name",
        /// RFC 5646.
        Language = 2 "Language",
        /// The first element of the codec's RFC 6381 text.
        FourCc = 3 "FourCC",
        /// Bits per second; a number or a range.
        Bitrate = 4 "Bitrate",
    }

    /// How it looks.
    Comparison {
        /// It is that, or in that range.
        Equal = 0 "Equal",
        /// It is not.
        NotEqual = 1 "NotEqual",
    }
}

/// What a filter lets through.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
pub struct FilterRules {
    /// A part of the presentation; all of it if not given.
    pub presentation_time_range: Option<TimeRange>,
    /// The bitrate that HLS players should begin with, bits per second.
    pub first_quality_bitrate: Option<u64>,
    /// The tracks that stay: those for which all conditions of any entry hold. All if there is no entry.
    pub tracks: Vec<Vec<TrackCondition>>,
}

/// A part of a presentation, in ticks of its timescale.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimeRange {
    /// Where it begins.
    pub start_timestamp: u64,
    /// Where it ends; [`TimeRange::OPEN`] for the end of the presentation.
    pub end_timestamp: u64,
    /// How much of a live stream is kept behind its edge; [`TimeRange::OPEN`] for all.
    pub presentation_window_duration: u64,
    /// How much of it is held back at its edge.
    pub live_backoff_duration: u64,
    /// Ticks per second.
    pub timescale: u64,
    /// The end counts for live streams too.
    pub force_end_timestamp: bool,
}

impl TimeRange {
    /// Without an end.
    pub const OPEN: u64 = i64::MAX as u64;
    /// 100 ns.
    pub const TIMESCALE: u64 = 10_000_000;
}

impl Default for TimeRange {
    fn default() -> TimeRange {
        TimeRange {
            start_timestamp: 0,
            end_timestamp: TimeRange::OPEN,
            presentation_window_duration: TimeRange::OPEN,
            live_backoff_duration: 0,
            timescale: TimeRange::TIMESCALE,
            force_end_timestamp: false,
        }
    }
}

/// A condition on tracks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrackCondition {
    /// What it looks at.
    pub property: TrackProperty,
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub value: String,
}

/// A filter for all assets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Filter {
    /// Its name, as URLs have it.
    pub name: String,
    /// What it lets through.
    pub rules: FilterRules,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
}

/// A filter for one asset; it goes before one for all assets of the same name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AssetFilter {
    /// The asset.
    pub parent_asset_id: AssetId,
    /// Its name, as URLs have it.
    pub name: String,
    /// What it lets through.
    pub rules: FilterRules,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
}

impl Entity for Filter {
    const KIND: Kind = Kind::Filter;
    type Id = String;

    fn id(&self) -> String {
        self.name.clone()
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

impl Entity for AssetFilter {
    const KIND: Kind = Kind::AssetFilter;
    type Id = AssetFilterId;

    fn id(&self) -> AssetFilterId {
        AssetFilterId { asset: self.parent_asset_id, name: self.name.clone() }
    }

    fn parent(&self) -> Option<String> {
        Some(self.parent_asset_id.to_string())
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

const MAX_NAME: usize = 128;
const MAX_TRACKS: usize = 64;
const MAX_CONDITIONS: usize = 16;
/// The shortest window and the longest back-off of live streams, seconds.
const MIN_WINDOW_SECONDS: u64 = 60;
const MAX_BACKOFF_SECONDS: u64 = 300;

/// A name that can stand in `filter=a;b`.
fn check_name(kind: Kind, name: &str) -> Result<(), Error> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(good) {
        return Ok(());
    }
    Err(Error::invalid(
        kind,
        "Name",
        "it has to be 1 to 128 letters, digits, hyphens, underscores and dots: it stands in URLs",
    ))
}

/// A bitrate or a range of them, both ends in it, bits per second.
pub fn parse_bitrates(text: &str) -> Option<std::ops::RangeInclusive<u64>> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (low, high) = match text.split_once('-') {
        Some((low, high)) => (number(low)?, number(high)?),
        None => (number(text)?, number(text)?),
    };
    (low <= high).then_some(low..=high)
}

impl FilterRules {
    /// As manifests are cut with it.
    ///
    /// # Errors
    /// [`FilterError`] for rules that no transaction lets in.
    pub fn for_manifests(&self) -> Result<packager::filter::Filter, FilterError> {
        let range = self.presentation_time_range.clone().unwrap_or_default();
        let condition =
            |c: &TrackCondition| packager::filter::Condition::parse(c.property.name(), c.comparison.name(), &c.value);
        let rule = |conditions: &Vec<TrackCondition>| -> Result<_, FilterError> {
            let conditions = conditions.iter().map(condition).collect::<Result<_, _>>()?;
            Ok(packager::filter::TrackRule { conditions })
        };
        let filter = packager::filter::Filter {
            range: packager::filter::TimeRange {
                timescale: range.timescale,
                start: range.start_timestamp,
                end: range.end_timestamp,
                window: range.presentation_window_duration,
                live_backoff: range.live_backoff_duration,
                force_end: range.force_end_timestamp,
            },
            first_quality: self.first_quality_bitrate,
            tracks: self.tracks.iter().map(rule).collect::<Result<_, FilterError>>()?,
        };
        filter.check()?;
        Ok(filter)
    }

    fn check(&self, kind: Kind) -> Result<(), Error> {
        let wrong = |property, problem: &str| Err(Error::invalid(kind, property, problem));
        if let Some(range) = &self.presentation_time_range {
            if range.timescale == 0 || range.timescale > u64::from(u32::MAX) {
                return wrong("Timescale", "it has to be 1 to 4294967295 ticks per second; 10000000 is usual");
            }
            if range.start_timestamp >= range.end_timestamp {
                return wrong("EndTimestamp", "it has to be behind StartTimestamp");
            }
            if range.force_end_timestamp && range.end_timestamp == TimeRange::OPEN {
                return wrong("ForceEndTimestamp", "it needs an EndTimestamp");
            }
            let at_least = range.timescale.saturating_mul(MIN_WINDOW_SECONDS);
            if range.presentation_window_duration < at_least {
                return wrong("PresentationWindowDuration", "it has to be at least 60 seconds");
            }
            if range.live_backoff_duration > range.timescale.saturating_mul(MAX_BACKOFF_SECONDS) {
                return wrong("LiveBackoffDuration", "it may be at most 300 seconds");
            }
            if range.live_backoff_duration >= range.presentation_window_duration {
                return wrong("LiveBackoffDuration", "it has to be less than PresentationWindowDuration");
            }
        }
        if self.first_quality_bitrate == Some(0) {
            return wrong("FirstQuality", "its Bitrate has to be above 0");
        }
        if self.tracks.len() > MAX_TRACKS {
            return wrong("Tracks", "there may be 64 entries");
        }
        for conditions in &self.tracks {
            if conditions.is_empty() || conditions.len() > MAX_CONDITIONS {
                return wrong("PropertyConditions", "an entry has 1 to 16 conditions");
            }
            for (at, condition) in conditions.iter().enumerate() {
                if conditions[..at].iter().any(|other| other == condition) {
                    return wrong("PropertyConditions", "a condition stands in an entry twice");
                }
                condition.check(kind)?;
            }
        }
        Ok(())
    }
}

impl TrackCondition {
    fn check(&self, kind: Kind) -> Result<(), Error> {
        rules::text(kind, "Value", &self.value, 260)?;
        let good = match self.property {
            TrackProperty::Type => ["video", "audio", "text"].contains(&self.value.as_str()),
            TrackProperty::Bitrate => parse_bitrates(&self.value).is_some(),
            TrackProperty::Name | TrackProperty::Language | TrackProperty::FourCc => !self.value.is_empty(),
        };
        if good {
            return Ok(());
        }
        let problem = format!(
            "{:?} does not fit {}; a Type is video, audio or text, a Bitrate 550000 or 550000-1350000",
            self.value,
            self.property.name()
        );
        Err(Error::invalid(kind, "Value", problem))
    }
}

impl Transaction<'_> {
    /// Creates a filter for all assets.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a name that is taken; [`Error::Quota`], [`Error::Invalid`].
    pub async fn create_filter(&mut self, name: String, rules: FilterRules) -> Result<Filter, Error> {
        check_name(Kind::Filter, &name)?;
        rules.check(Kind::Filter)?;
        if self.find::<Filter>(&name).await?.is_some() {
            return Err(Error::conflict(format!("there is a filter {name:?} already; change that one")));
        }
        let limit = self.catalog.limits().filters;
        if self.count::<Filter>(None).await? >= limit {
            return Err(Error::Quota { limit, what: "filters" });
        }
        let filter = Filter { name, rules, created: self.now() };
        self.insert(&filter).await?;
        Ok(filter)
    }

    /// Changes what a filter lets through.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Changed`].
    pub async fn update_filter(
        &mut self,
        name: &str,
        rules: FilterRules,
        expected: Option<Version>,
    ) -> Result<Filter, Error> {
        rules.check(Kind::Filter)?;
        let mut filter: Filter = self.for_update(&name.to_owned(), expected).await?;
        filter.rules = rules;
        self.replace(&filter).await?;
        Ok(filter)
    }

    /// Deletes a filter; URLs with it end.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_filter(&mut self, name: &str) -> Result<(), Error> {
        let filter = self.get::<Filter>(&name.to_owned()).await?.entity;
        self.remove(&filter).await
    }

    /// Creates a filter for one asset.
    ///
    /// # Errors
    /// As [`Transaction::create_filter`], and [`Error::NotFound`] without that asset.
    pub async fn create_asset_filter(
        &mut self,
        asset: AssetId,
        name: String,
        rules: FilterRules,
    ) -> Result<AssetFilter, Error> {
        check_name(Kind::AssetFilter, &name)?;
        rules.check(Kind::AssetFilter)?;
        self.get::<Asset>(&asset).await?;
        let filter = AssetFilter { parent_asset_id: asset, name, rules, created: self.now() };
        if self.find::<AssetFilter>(&filter.id()).await?.is_some() {
            let problem = format!("asset {asset} has a filter {:?} already; change that one", filter.name);
            return Err(Error::conflict(problem));
        }
        let limit = self.catalog.limits().filters_per_asset;
        if self.count::<AssetFilter>(Some(&asset.to_string())).await? >= limit {
            return Err(Error::Quota { limit, what: "filters of this asset" });
        }
        self.insert(&filter).await?;
        Ok(filter)
    }

    /// Changes what a filter of an asset lets through.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Changed`].
    pub async fn update_asset_filter(
        &mut self,
        id: &AssetFilterId,
        rules: FilterRules,
        expected: Option<Version>,
    ) -> Result<AssetFilter, Error> {
        rules.check(Kind::AssetFilter)?;
        let mut filter: AssetFilter = self.for_update(id, expected).await?;
        filter.rules = rules;
        self.replace(&filter).await?;
        Ok(filter)
    }

    /// Deletes a filter of an asset.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_asset_filter(&mut self, id: &AssetFilterId) -> Result<(), Error> {
        let filter = self.get::<AssetFilter>(id).await?.entity;
        self.remove(&filter).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitrates() {
        assert_eq!(parse_bitrates("550000-1350000"), Some(550_000..=1_350_000));
        assert_eq!(parse_bitrates("0-2147483647"), Some(0..=2_147_483_647));
        assert_eq!(parse_bitrates("128000"), Some(128_000..=128_000));
        for bad in ["", "-", "1-", "-1", "2-1", "+1", "1-2-3", "99999999999999999999"] {
            assert_eq!(parse_bitrates(bad), None, "{bad}");
        }
    }

    #[test]
    fn rules_that_cannot_be_are_refused() {
        let good = FilterRules {
            presentation_time_range: Some(TimeRange::default()),
            first_quality_bitrate: Some(1_200_000),
            tracks: vec![vec![TrackCondition {
                property: TrackProperty::Bitrate,
                comparison: Comparison::Equal,
                value: "550000-1350000".into(),
            }]],
        };
        assert!(good.check(Kind::Filter).is_ok());
        let range = |change: fn(&mut TimeRange)| {
            let mut rules = good.clone();
            change(rules.presentation_time_range.as_mut().unwrap());
            rules.check(Kind::Filter)
        };
        assert!(range(|r| r.timescale = 0).is_err());
        assert!(range(|r| r.start_timestamp = TimeRange::OPEN).is_err());
        assert!(range(|r| r.force_end_timestamp = true).is_err());
        assert!(range(|r| r.presentation_window_duration = 599_999_999).is_err());
        assert!(range(|r| r.live_backoff_duration = 3_000_000_001).is_err());
        assert!(FilterRules { tracks: vec![vec![]], ..good.clone() }.check(Kind::Filter).is_err());
        for (property, value) in
            [(TrackProperty::Type, "Video"), (TrackProperty::Bitrate, "x"), (TrackProperty::Name, "")]
        {
            let condition = TrackCondition { property, comparison: Comparison::NotEqual, value: value.into() };
            assert!(FilterRules { tracks: vec![vec![condition]], ..good.clone() }.check(Kind::Filter).is_err());
        }
        for name in ["", "a;b", "a b", "ä"] {
            assert!(check_name(Kind::Filter, name).is_err(), "{name}");
        }
    }
}
