//! All metrics: their names, what they mean, and where they are read. docs/operations.md has the same table.

use std::fmt;
use std::sync::Arc;

use super::sheet::{PerUnit, Sheet, written};
use super::{Sources, process};

/// Microseconds in a second, and so on: what is counted, and what is shown.
const MICROSECONDS: PerUnit = PerUnit(1e6);
const MILLISECONDS: PerUnit = PerUnit(1e3);
/// Kilobits are shown as bits.
const KILOBITS: PerUnit = PerUnit(1e-3);

/// The text for a scrape.
pub(super) fn scrape(sources: &Arc<Sources>) -> Result<String, fmt::Error> {
    let sources = Arc::clone(sources);
    written(move |sheet| {
        requests(&sources, sheet)?;
        players(&sources, sheet)?;
        caches(&sources, sheet)?;
        storage(&sources, sheet)?;
        catalogue(&sources, sheet)?;
        keys(&sources, sheet)?;
        traces(&sources, sheet)?;
        process::write(sheet)
    })
}

fn requests(sources: &Sources, sheet: &mut Sheet<'_>) -> fmt::Result {
    let traffic = sources.streaming.traffic();
    let answers: Vec<_> = traffic
        .each_answer()
        .map(|(format, protection, status, count, bytes)| {
            (format.name(), protection.name(), status.to_string(), count, bytes)
        })
        .collect();
    let labels = |format, protection, status| vec![("format", format), ("protection", protection), ("status", status)];
    sheet.counters(
        "headwater_requests",
        "Answered requests of the public entrance",
        answers
            .iter()
            .map(|(format, protection, status, count, _)| (labels(*format, *protection, status.as_str()), *count)),
    )?;
    sheet.counters(
        "headwater_response_bytes",
        "Bytes of bodies handed to connections",
        answers
            .iter()
            .map(|(format, protection, status, _, bytes)| (labels(*format, *protection, status.as_str()), *bytes)),
    )?;
    sheet.histograms(
        "headwater_request_duration_seconds",
        "Time from a request to the head of its answer",
        MICROSECONDS,
        traffic
            .each_latency()
            .map(|(object, cached, latency)| (vec![("object", object.name()), ("cache", cached.name())], latency)),
    )?;
    sheet.counter("headwater_responses_cut_off", "Answers whose body did not go out whole", traffic.cut_off.get())?;
    sheet.gauge("headwater_requests_working", "Requests that wait for their answer", traffic.working.get())?;
    sheet.gauge("headwater_responses_sending", "Answers on their way to clients", traffic.sending.get())?;
    sheet.gauge("headwater_connections", "Open connections", sources.streaming.open_connections())?;
    sheet.gauge("headwater_connections_max", "The most connections at a time", sources.max_connections as u64)?;
    let budget = sources.origin.budget();
    sheet.gauge("headwater_segment_memory_bytes", "Answers in memory: made, sent or kept", budget.used_bytes)?;
    sheet.gauge("headwater_segment_memory_max_bytes", "The most of it", budget.max_bytes)?;
    sheet.gauge("headwater_segments_waiting", "Requests that wait for room in memory", budget.waiting)
}

fn players(sources: &Sources, sheet: &mut Sheet<'_>) -> fmt::Result {
    let players = &sources.streaming.traffic().players;
    let each = players.each().map(|(object, count)| (vec![("object_type", object.token())], count));
    sheet.counters("headwater_cmcd_requests", "Requests with Common Media Client Data", each)?;
    sheet.counter(
        "headwater_cmcd_buffer_starvations",
        "Requests of players whose buffer ran empty",
        players.starved.get(),
    )?;
    sheet.histograms(
        "headwater_cmcd_throughput_bits_per_second",
        "Throughput as players measure it",
        KILOBITS,
        [(Vec::new(), &players.throughput)],
    )?;
    sheet.histograms(
        "headwater_cmcd_buffer_seconds",
        "What players have buffered",
        MILLISECONDS,
        [(Vec::new(), &players.buffer)],
    )
}

fn caches(sources: &Sources, sheet: &mut Sheet<'_>) -> fmt::Result {
    let caches = sources.origin.caches();
    let counts = |of: fn(&crate::origin::CacheState) -> u64| {
        caches.iter().map(move |cache| (vec![("layer", cache.layer)], of(cache))).collect::<Vec<_>>()
    };
    let sizes = |of: fn(&crate::origin::CacheState) -> u64| {
        caches.iter().map(move |cache| (vec![("layer", cache.layer)], of(cache) as f64)).collect::<Vec<_>>()
    };
    sheet.counters("headwater_cache_hits", "What was found in a cache", counts(|cache| cache.hits))?;
    sheet.counters("headwater_cache_misses", "What was not", counts(|cache| cache.misses))?;
    sheet.counter("headwater_cache_purges", "Times that something was purged", sources.origin.purges())?;
    sheet.gauges("headwater_cache_entries", "What a cache holds", sizes(|cache| cache.entries))?;
    sheet.gauges("headwater_cache_bytes", "Memory of what it holds", sizes(|cache| cache.bytes))?;
    sheet.gauges("headwater_cache_max_bytes", "The most memory of it", sizes(|cache| cache.max_bytes))
}

fn storage(sources: &Sources, sheet: &mut Sheet<'_>) -> fmt::Result {
    let used: Vec<_> = sources.storage.each().filter(|(_, _, counts)| counts.latency.total() > 0).collect();
    let labels = |kind, operation| vec![("backend", kind), ("operation", operation)];
    sheet.histograms(
        "headwater_storage_duration_seconds",
        "Time of operations of storage; of streams until they are open",
        MICROSECONDS,
        used.iter().map(|(kind, operation, counts)| (labels(*kind, *operation), &counts.latency)),
    )?;
    sheet.counters(
        "headwater_storage_errors",
        "Operations of storage that failed",
        used.iter().map(|(kind, operation, counts)| (labels(*kind, *operation), counts.errors.get())),
    )?;
    sheet.counters(
        "headwater_storage_bytes",
        "Bytes that came from storage",
        used.iter().map(|(kind, operation, counts)| (labels(*kind, *operation), counts.bytes.get())),
    )
}

fn catalogue(sources: &Sources, sheet: &mut Sheet<'_>) -> fmt::Result {
    let snapshot = sources.catalog.snapshot();
    sheet.gauge("headwater_locators", "Locators in memory", snapshot.len() as u64)?;
    sheet.gauge("headwater_catalogue_version", "The last change that this server knows of", snapshot.version.0)
}

fn traces(sources: &Sources, sheet: &mut Sheet<'_>) -> fmt::Result {
    let Some(tracer) = sources.streaming.tracer() else { return Ok(()) };
    let counts = [("sent", tracer.counts().sent.get()), ("dropped", tracer.counts().dropped.get())];
    let each = counts.map(|(outcome, count)| (vec![("outcome", outcome)], count));
    sheet.counters("headwater_traces", "Traced requests, and what became of their traces", each)
}

fn keys(sources: &Sources, sheet: &mut Sheet<'_>) -> fmt::Result {
    let Some(keys) = &sources.keys else { return Ok(()) };
    let each = keys.decisions().each();
    let each = each.map(|(service, decision, count)| (vec![("service", service), ("decision", decision)], count));
    sheet.counters("headwater_key_requests", "Keys that were asked for, and what came of it", each)
}
