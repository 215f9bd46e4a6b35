//! What filters let through, between the wire and the catalogue (object model §12.2).

use crate::catalog::{Comparison, FilterRules, TimeRange, TrackCondition, TrackProperty};
use crate::management::error::Error;
use crate::management::fields;
use crate::management::row::count;
use crate::odata::Value;
use crate::odata::json::Body;

/// `PresentationTimeRange`, `FirstQuality` and `Tracks`.
pub fn values(rules: &FilterRules) -> Vec<(&'static str, Value)> {
    let range = rules.presentation_time_range.as_ref().map(|range| {
        Value::Complex(vec![
            ("StartTimestamp", count(range.start_timestamp)),
            ("EndTimestamp", count(range.end_timestamp)),
            ("PresentationWindowDuration", count(range.presentation_window_duration)),
            ("LiveBackoffDuration", count(range.live_backoff_duration)),
            ("Timescale", count(range.timescale)),
            ("ForceEndTimestamp", Value::Boolean(range.force_end_timestamp)),
        ])
    });
    let quality = rules
        .first_quality_bitrate
        .map(|bitrate| Value::Complex(vec![("Bitrate", Value::Int32(i32::try_from(bitrate).unwrap_or(i32::MAX)))]));
    let condition = |condition: &TrackCondition| {
        Value::Complex(vec![
            ("Property", Value::text(condition.property.name())),
            ("Value", Value::text(&condition.value)),
            ("Operator", Value::text(condition.comparison.name())),
        ])
    };
    let track = |conditions: &Vec<TrackCondition>| {
        Value::Complex(vec![("PropertyConditions", Value::Collection(conditions.iter().map(condition).collect()))])
    };
    vec![
        ("PresentationTimeRange", range.unwrap_or(Value::Null)),
        ("FirstQuality", quality.unwrap_or(Value::Null)),
        ("Tracks", Value::Collection(rules.tracks.iter().map(track).collect())),
    ]
}

/// What a body makes of `rules`; what it does not mention stays.
pub fn changed(body: &Body, mut rules: FilterRules) -> Result<FilterRules, Error> {
    if let Some(value) = body.get("PresentationTimeRange") {
        rules.presentation_time_range = (*value != Value::Null).then(|| time_range(value)).transpose()?;
    }
    if let Some(value) = body.get("FirstQuality") {
        let bitrate = value.field("Bitrate").as_i64();
        rules.first_quality_bitrate = bitrate.map(|number| unsigned("Bitrate", number)).transpose()?;
    }
    if let Some(value) = body.get("Tracks") {
        rules.tracks = list(value).iter().map(track).collect::<Result<_, _>>()?;
    }
    Ok(rules)
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::Collection(items) => items,
        _ => &[],
    }
}

fn unsigned(property: &'static str, number: i64) -> Result<u64, Error> {
    fields::numbered(property, number, |n| u64::try_from(n).ok(), "it is 0 or more")
}

fn time_range(value: &Value) -> Result<TimeRange, Error> {
    let default = TimeRange::default();
    let number = |property: &'static str, default: u64| match value.field(property).as_i64() {
        Some(number) => unsigned(property, number),
        None => Ok(default),
    };
    Ok(TimeRange {
        start_timestamp: number("StartTimestamp", default.start_timestamp)?,
        end_timestamp: number("EndTimestamp", default.end_timestamp)?,
        presentation_window_duration: number("PresentationWindowDuration", default.presentation_window_duration)?,
        live_backoff_duration: number("LiveBackoffDuration", default.live_backoff_duration)?,
        timescale: number("Timescale", default.timescale)?,
        force_end_timestamp: *value.field("ForceEndTimestamp") == Value::Boolean(true),
    })
}

fn track(value: &Value) -> Result<Vec<TrackCondition>, Error> {
    list(value.field("PropertyConditions")).iter().map(condition).collect()
}

fn condition(value: &Value) -> Result<TrackCondition, Error> {
    let text = |property: &'static str, how| value.field(property).as_str().ok_or(Error::Missing { property, how });
    let how = "it is Type, Name, Language, FourCC or Bitrate";
    let name = text("Property", how)?;
    let property = TrackProperty::from_name(name).ok_or_else(|| fields::wrong("Property", name, how))?;
    let how = "it is Equal or NotEqual";
    let name = value.field("Operator").as_str().unwrap_or("Equal");
    let comparison = Comparison::from_name(name).ok_or_else(|| fields::wrong("Operator", name, how))?;
    let value = text("Value", "it is what the property is compared with")?.to_owned();
    Ok(TrackCondition { property, comparison, value })
}
