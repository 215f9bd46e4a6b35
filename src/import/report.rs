//! What is reported.

use serde::Serialize;
use uuid::Uuid;

use super::container::{Done, Found};
use super::locators::{Made, Outcome};
use super::table::OldLocator;
use crate::inspect::{Finding, Severity};

/// What became, or would become, of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not in the catalogue.
    New,
    /// It was, and has other files now.
    Changed,
    /// It was, as it is.
    Known,
    /// It ended before the import; none is made.
    Expired,
    /// It cannot be taken in.
    Failed,
}

/// A locator of the table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LocatorReport {
    /// What its URLs begin with.
    pub id: Uuid,
    /// Where it stands in the table, from 1.
    pub line: usize,
    /// What became of it.
    pub change: Change,
    /// Why it failed.
    pub problem: Option<String>,
}

impl LocatorReport {
    pub(super) fn failed(locator: &OldLocator, problem: String) -> LocatorReport {
        LocatorReport { id: locator.id, line: locator.line, change: Change::Failed, problem: Some(problem) }
    }
}

impl From<Made> for LocatorReport {
    fn from(made: Made) -> LocatorReport {
        let (change, problem) = match made.outcome {
            Outcome::New => (Change::New, None),
            Outcome::Known => (Change::Known, None),
            Outcome::Expired => (Change::Expired, None),
            Outcome::Failed(problem) => (Change::Failed, Some(problem)),
        };
        LocatorReport { id: made.id, line: made.line, change, problem }
    }
}

/// A container that became an asset.
#[derive(Clone, Debug, Serialize)]
pub struct AssetReport {
    /// The container.
    pub container: String,
    /// The asset's id, `nb:cid:UUID:…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// Why it failed.
    pub problem: Option<String>,
    /// Files in the container.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that were made.
    pub files_added: u64,
    /// Names under which it streams.
    pub presentations: Vec<String>,
    /// Whether all of that streams; `null` if media files were not read.
    pub streams: Option<bool>,
    /// What keeps it from streaming, or some of it from streaming well.
    pub findings: Vec<Finding>,
    /// Its locators of the table.
    pub locators: Vec<LocatorReport>,
}

impl AssetReport {
    pub(super) fn new(found: Found, done: Done) -> AssetReport {
        let (presentations, streams, findings, why_not) = match found.inspected {
            None => (Vec::new(), None, Vec::new(), None),
            Some(Err(problem)) => (Vec::new(), Some(false), Vec::new(), Some(problem)),
            Some(Ok(report)) => {
                let streams = !report.keeps_from_streaming() && !report.presentations.is_empty();
                let names = report.presentations.into_iter().map(|p| p.name).collect();
                let mut findings = report.findings;
                findings.retain(|finding| finding.severity != Severity::Note);
                (names, Some(streams), findings, None)
            }
        };
        AssetReport {
            container: found.container,
            id: done.asset.to_string(),
            name: found.name,
            change: done.change,
            problem: done.problem.or(why_not),
            files: found.objects.len() as u64,
            bytes: found.objects.iter().map(|object| object.size).sum(),
            files_added: done.recorded.added,
            presentations,
            streams,
            findings,
            locators: done.locators.into_iter().map(LocatorReport::from).collect(),
        }
    }
}

/// Everything that was done, or would be.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The storage account.
    pub account: String,
    /// Nothing was changed.
    pub dry_run: bool,
    /// Containers that became assets, by name.
    pub assets: Vec<AssetReport>,
    /// Containers that did not, each with the reason.
    pub skipped: Vec<(String, String)>,
    /// Locators of the table that lead to no container.
    pub strays: Vec<LocatorReport>,
}

impl Report {
    pub(super) fn new(account: &str, dry_run: bool) -> Report {
        Report { account: account.to_owned(), dry_run, assets: Vec::new(), skipped: Vec::new(), strays: Vec::new() }
    }

    /// All locators of the table.
    pub fn locators(&self) -> impl Iterator<Item = &LocatorReport> {
        self.assets.iter().flat_map(|asset| &asset.locators).chain(&self.strays)
    }

    /// Something was not taken in, or will not stream.
    pub fn has_errors(&self) -> bool {
        let asset = |asset: &AssetReport| asset.change == Change::Failed || asset.streams == Some(false);
        self.assets.iter().any(asset) || self.locators().any(|locator| locator.change == Change::Failed)
    }
}
