//! Families of metrics in the words of the prometheus-client crate.

use std::fmt::{self, Error};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::counters::Histogram;

/// The media type of what [`written`] writes.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where families are written to.
pub(super) struct Sheet<'a>(DescriptorEncoder<'a>);

/// The unit that values are counted in, as a part of the unit that they are shown in.
#[derive(Clone, Copy)]
pub(super) struct PerUnit(pub f64);

impl Sheet<'_> {
    /// What only grows. `_total` is added to its name.
    pub(super) fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Vec<(&'static str, &'l str)>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
        }
        Ok(())
    }

    /// One that only grows.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, help, [(Vec::new(), value)])
    }

    /// Seconds that only grow.
    pub(super) fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, f64, f64>(&value, None)
    }

    /// What goes up and down.
    pub(super) fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Vec<(&'static str, &'l str)>, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// One that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.gauges(name, help, [(Vec::new(), value as f64)])
    }

    /// How values are distributed.
    pub(super) fn histograms<'h, 'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: PerUnit,
        values: impl IntoIterator<Item = (Vec<(&'static str, &'l str)>, &'h Histogram)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in values {
            let (counts, sum) = histogram.read();
            let total = counts.iter().map(|(_, count)| count).sum();
            let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / unit.0);
            let buckets: Vec<(f64, u64)> = counts.into_iter().map(|(at, count)| (bound(at), count)).collect();
            let mut metric = family.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(sum as f64 / unit.0, total, &buckets, None)?;
        }
        Ok(())
    }
}

/// What `write` writes, as text.
pub(super) fn written(write: impl Fn(&mut Sheet<'_>) -> fmt::Result + Send + Sync + 'static) -> Result<String, Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Written(write)));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

struct Written<F>(F);

impl<F> fmt::Debug for Written<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl<F: Fn(&mut Sheet<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Written<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Sheet(encoder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_openmetrics() {
        let text = written(|sheet| {
            sheet.counters("a", "Of a", [(vec![("kind", "x\"y")], 3)])?;
            sheet.gauge("b", "Of b", 7)?;
            let histogram = Histogram::new(&[1_000, 2_000]);
            histogram.observe(500);
            histogram.observe(1_500);
            histogram.observe(9_000);
            sheet.histograms("c_seconds", "Of c", PerUnit(1e3), [(vec![], &histogram)])
        });
        let text = text.unwrap();
        for line in [
            "# TYPE a counter",
            "a_total{kind=\"x\\\"y\"} 3",
            "b 7.0",
            "c_seconds_sum 11.0",
            "c_seconds_count 3",
            "c_seconds_bucket{le=\"1.0\"} 1",
            "c_seconds_bucket{le=\"2.0\"} 2",
            "c_seconds_bucket{le=\"+Inf\"} 3",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }
}
