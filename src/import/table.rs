//! A table of old locators: CSV with the locator, the asset or its container, and perhaps when it ends.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Error;
use crate::catalog::{AssetId, LocatorId};
use crate::store::sas::parse_time;
use crate::time::UtcTime;

/// The largest table: a million locators have a tenth of it.
pub const MAX_TABLE_BYTES: u64 = 1 << 30;

/// A locator of old.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldLocator {
    /// What its URLs begin with.
    pub id: Uuid,
    /// When it ends; it may have ended.
    pub expiration: Option<UtcTime>,
    /// Where it stands in the table, from 1.
    pub line: usize,
}

/// The locators of each container.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Table(BTreeMap<String, Vec<OldLocator>>);

impl Table {
    /// Reads a table. Fields are separated by commas, semicolons or tabs and may stand in quotation marks. The
    /// first line may be a header; then columns may stand in any order.
    ///
    /// - the locator: a GUID, `nb:lid:UUID:…`, or a streaming URL that contains it;
    /// - the asset: a GUID, `nb:cid:UUID:…`, or the name of its container;
    /// - when it ends: `2030-01-31` or `2030-01-31T12:00:00Z`; may be missing or empty.
    ///
    /// # Errors
    /// [`Error::Table`], with the line.
    pub fn parse(text: &str) -> Result<Table, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut table = Table::default();
        let mut columns = Columns { locator: 0, asset: 1, expiration: Some(2) };
        let mut seen: BTreeMap<Uuid, usize> = BTreeMap::new();
        let mut first = true;
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            let wrong = |problem: String| Error::Table { line: line_number, problem };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let fields = fields(line).ok_or_else(|| wrong("a quotation mark is not closed".to_owned()))?;
            if std::mem::take(&mut first)
                && let Some(found) = Columns::header(&fields)
            {
                columns = found;
                continue;
            }
            let field = |at: usize| fields.get(at).map(|f| f.trim()).unwrap_or_default();
            let locator = field(columns.locator);
            let id = locator_of(locator).ok_or_else(|| {
                wrong(format!("{:?} is no locator: give its GUID, nb:lid:UUID:GUID, or a URL with it", clip(locator)))
            })?;
            let asset = field(columns.asset);
            let container = container_of(asset).ok_or_else(|| {
                wrong(format!("{:?} is no asset: give nb:cid:UUID:GUID, its GUID or its container", clip(asset)))
            })?;
            let expiration = match columns.expiration.map(field).unwrap_or_default() {
                "" => None,
                text => Some(moment(text).ok_or_else(|| {
                    wrong(format!("{:?} is no date: write 2030-01-31 or 2030-01-31T12:00:00Z", clip(text)))
                })?),
            };
            if let Some(before) = seen.insert(id, line_number) {
                return Err(wrong(format!("the locator {id} stands in line {before} already")));
            }
            table.0.entry(container).or_default().push(OldLocator { id, expiration, line: line_number });
        }
        Ok(table)
    }

    /// The locators of a container.
    pub fn of(&self, container: &str) -> &[OldLocator] {
        self.0.get(container).map(Vec::as_slice).unwrap_or_default()
    }

    /// Containers that the table names.
    pub fn containers(&self) -> impl Iterator<Item = (&str, &[OldLocator])> {
        self.0.iter().map(|(container, locators)| (container.as_str(), locators.as_slice()))
    }
}

/// Which column is what.
#[derive(Clone, Copy)]
struct Columns {
    locator: usize,
    asset: usize,
    expiration: Option<usize>,
}

impl Columns {
    fn header(fields: &[String]) -> Option<Columns> {
        let named = |words: &[&str]| {
            fields.iter().position(|field| {
                let field: String = field.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
                words.iter().any(|word| field == *word)
            })
        };
        Some(Columns {
            locator: named(&["locator", "locatorid", "id", "streaminglocator", "streaminglocatorid", "path", "url"])?,
            asset: named(&["asset", "assetid", "container", "containername"])?,
            expiration: named(&["expiry", "expires", "expiration", "expirationdatetime", "endtime"]),
        })
    }
}

/// The fields of a line; `None` if a quotation mark is not closed.
fn fields(line: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' | ';' | '\t' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(letter),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}

fn locator_of(text: &str) -> Option<Uuid> {
    if let Ok(id) = text.parse::<LocatorId>() {
        return Some(id.guid());
    }
    guid(text).or_else(|| text.split('/').find_map(guid))
}

/// The container of an asset.
fn container_of(text: &str) -> Option<String> {
    if let Ok(id) = text.parse::<AssetId>() {
        return Some(crate::catalog::container_of(id));
    }
    if let Some(guid) = guid(text) {
        return Some(crate::catalog::container_of(AssetId(guid)));
    }
    let name = text.to_ascii_lowercase();
    crate::store::account::is_container_name(&name).then_some(name)
}

/// A GUID as the service writes it, and nothing else.
pub(super) fn guid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::parse_str(text).ok()).flatten()
}

fn moment(text: &str) -> Option<UtcTime> {
    let text = text.strip_suffix("+00:00").map(|text| format!("{text}Z")).unwrap_or_else(|| text.to_owned());
    let text = text.replacen(' ', "T", 1);
    // The service wrote times of UTC without saying so.
    let text = if text.contains('T') && !text.ends_with('Z') { format!("{text}Z") } else { text };
    parse_time(&text)
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCATOR: &str = "0f0e0d0c-1111-4222-8333-444455556666";
    const ASSET: &str = "aaaaaaaa-1111-4222-8333-444455556666";

    fn one(text: &str) -> OldLocator {
        let table = Table::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let of = table.of(&format!("asset-{ASSET}"));
        assert_eq!(of.len(), 1, "{text}: {table:?}");
        of[0].clone()
    }

    #[test]
    fn every_way_to_write_a_locator_and_its_asset() {
        for line in [
            format!("{LOCATOR},{ASSET}"),
            format!("nb:lid:UUID:{LOCATOR};nb:cid:UUID:{ASSET};"),
            format!("\"https://a.streaming.mediaservices.windows.net/{LOCATOR}/film.ism/manifest\"\tasset-{ASSET}"),
            format!("{},asset-{}", LOCATOR.to_uppercase(), ASSET.to_uppercase()),
            format!("\u{feff}Asset Id,Name,Id,ExpirationDateTime\n{ASSET},\"a, b \"\"c\"\"\",{LOCATOR},"),
        ] {
            let found = one(&line);
            assert_eq!((found.id.to_string().as_str(), found.expiration), (LOCATOR, None), "{line}");
        }
    }

    #[test]
    fn dates_are_those_of_the_service() {
        let at = |date: &str| one(&format!("# old\n\n{LOCATOR},{ASSET},{date}")).expiration.unwrap().unix_millis;
        assert_eq!(at("2030-01-31"), 1_896_048_000_000);
        for text in
            ["2030-01-31T12:00:00Z", "2030-01-31T12:00:00", "2030-01-31 12:00:00+00:00", "2030-01-31T12:00:00.000"]
        {
            assert_eq!(at(text), 1_896_091_200_000, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        for (text, says) in [
            (format!("{LOCATOR},{ASSET}\nfilm,{ASSET}"), "line 2"),
            (format!("{LOCATOR},No Container"), "no asset"),
            (LOCATOR.to_owned(), "no asset"),
            (format!("{LOCATOR},{ASSET},soon"), "no date"),
            (format!("{LOCATOR},{ASSET}\n{LOCATOR},{ASSET}"), "line 1 already"),
            (format!("\"{LOCATOR},{ASSET}"), "quotation"),
        ] {
            let error = Table::parse(&text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(Table::parse("").unwrap(), Table::default());
    }
}
