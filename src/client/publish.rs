//! Publishing and withdrawing an asset.

use serde_json::{Value, json};
use uuid::Uuid;

use super::api::quoted;
use super::assets::streaming;
use super::{Api, Asset, Error};

/// How an asset is published.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Publication {
    /// The GUID that its URLs begin with.
    pub locator: Option<Uuid>,
    /// For how long, days; a hundred years if not given.
    pub days: Option<u32>,
    /// Files that are encrypted in storage go out in the clear.
    pub clear: bool,
}

/// A published asset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// The locator's GUID.
    pub locator: Uuid,
    /// What its URLs begin with, a slash at the end.
    pub path: String,
    /// The names under which it streams.
    pub presentations: Vec<String>,
    /// It was published before.
    pub before: bool,
}

/// What a server is to forget.
#[derive(Clone, Copy, Debug)]
pub enum Purge<'a> {
    /// Everything.
    All,
    /// What is of an asset.
    Asset(&'a Asset),
    /// What a locator leads to.
    Locator(Uuid),
}

/// A hundred years, as the service's own tools chose.
const FOR_EVER_DAYS: u32 = 36_525;
const READ: i64 = 1;
/// Smooth, DASH, HLS and progressive download.
const ALL_PROTOCOLS: i64 = 1 | 2 | 4 | 16;
const NO_DYNAMIC_ENCRYPTION: i64 = 2;

impl Api {
    /// Publishes an asset; one that has a streaming locator keeps it, unless another one is wanted.
    ///
    /// # Errors
    /// [`Error::Refused`]: no files, five locators, encrypted in storage without a delivery policy.
    pub async fn publish(&self, asset: &Asset, how: &Publication) -> Result<Published, Error> {
        let at = format!("Assets({})", quoted(&asset.id));
        let known = self.all(&format!("{at}/Locators")).await?;
        let wanted = how.locator.map(|guid| format!("nb:lid:UUID:{guid}"));
        let fits = |locator: &&Value| match &wanted {
            Some(id) => locator.get("Id").and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case(id)),
            None => true,
        };
        let (locator, before) = match streaming(&known).find(fits) {
            Some(locator) => (locator.clone(), true),
            None => {
                if how.clear && asset.encrypted {
                    self.let_out_clear(&at).await?;
                }
                let policy = self.reading_policy(how.days.unwrap_or(FOR_EVER_DAYS)).await?;
                let mut body = json!({ "AssetId": asset.id, "AccessPolicyId": policy, "Type": 2 });
                if let (Some(id), Some(body)) = (wanted, body.as_object_mut()) {
                    body.insert("Id".to_owned(), Value::String(id));
                }
                (self.post("Locators", &body).await?, false)
            }
        };
        let path = self.text(&locator, "Path")?;
        let id = self.text(&locator, "Id")?;
        let guid = id.rsplit(':').next().and_then(|guid| Uuid::parse_str(guid).ok());
        let guid = guid.ok_or_else(|| self.strange("a locator's id has no GUID"))?;
        Ok(Published { locator: guid, path, presentations: self.presentations(asset, &at).await?, before })
    }

    /// Ends all streaming locators of an asset; how many there were.
    ///
    /// # Errors
    /// [`Error`] when the server refuses.
    pub async fn unpublish(&self, asset: &Asset) -> Result<usize, Error> {
        let known = self.all(&format!("Assets({})/Locators", quoted(&asset.id))).await?;
        let mut ended = 0;
        for locator in streaming(&known) {
            self.delete(&format!("Locators({})", quoted(&self.text(locator, "Id")?))).await?;
            ended += 1;
        }
        Ok(ended)
    }

    /// Ends one locator, by its GUID.
    ///
    /// # Errors
    /// [`Error::Refused`] with 404 if there is none.
    pub async fn end_locator(&self, locator: Uuid) -> Result<(), Error> {
        self.delete(&format!("Locators({})", quoted(&format!("nb:lid:UUID:{locator}")))).await
    }

    /// Has the server forget what it holds in memory of an asset, of a locator, or of everything; how many things.
    ///
    /// # Errors
    /// [`Error`] when the server refuses.
    pub async fn purge(&self, what: Purge<'_>) -> Result<i64, Error> {
        let query = match what {
            Purge::All => String::new(),
            Purge::Asset(asset) => format!("?assetid={}", quoted(&asset.id)),
            Purge::Locator(locator) => format!("?locatorid={}", quoted(&format!("nb:lid:UUID:{locator}"))),
        };
        let answer = self.post(&format!("PurgeCaches{query}"), &json!({})).await?;
        let count = answer.get("value").map(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
        count.flatten().ok_or_else(|| self.strange("there is no number in it"))
    }

    /// How the server comes to the answer of a streaming URL, as text or JSON.
    ///
    /// # Errors
    /// [`Error`] when the server refuses.
    pub async fn explain(&self, url: &str, json: bool) -> Result<String, Error> {
        let form = if json { "json" } else { "text" };
        self.get_text(&format!("Explain?url={}&form='{form}'", quoted(url))).await
    }

    /// As the server names them: by the `.ism`, or by the asset where there is none.
    async fn presentations(&self, asset: &Asset, at: &str) -> Result<Vec<String>, Error> {
        let files = self.all(&format!("{at}/Files")).await?;
        let names = files.iter().filter_map(|file| file.get("Name")?.as_str());
        let manifest = |name: &&str| !name.contains('/') && name.to_ascii_lowercase().ends_with(".ism");
        let named: Vec<String> = names.filter(manifest).map(str::to_owned).collect();
        Ok(if named.is_empty() { vec![format!("{}.ism", asset.name)] } else { named })
    }

    async fn reading_policy(&self, days: u32) -> Result<String, Error> {
        let name = format!("headwater publish, {days} days");
        self.access_policy(&name, i64::from(days) * 24 * 60, READ).await
    }

    /// The access policy of that name, made if there is none.
    pub(super) async fn access_policy(&self, name: &str, minutes: i64, permissions: i64) -> Result<String, Error> {
        let filter = format!("Name%20eq%20{}%20and%20Permissions%20eq%20{permissions}", quoted(name));
        let known = self.all(&format!("AccessPolicies?$filter={filter}")).await?;
        if let Some(policy) = known.first() {
            return self.text(policy, "Id");
        }
        let body = json!({ "Name": name, "DurationInMinutes": minutes, "Permissions": permissions });
        self.text(&self.post("AccessPolicies", &body).await?, "Id")
    }

    /// A delivery policy without which nothing of an encrypted asset goes out.
    async fn let_out_clear(&self, at: &str) -> Result<(), Error> {
        if !self.all(&format!("{at}/DeliveryPolicies")).await?.is_empty() {
            return Ok(());
        }
        let name = "headwater publish --clear";
        let known = self.all(&format!("AssetDeliveryPolicies?$filter=Name%20eq%20{}", quoted(name))).await?;
        let id = match known.first() {
            Some(policy) => self.text(policy, "Id")?,
            None => {
                let (protocols, kind) = (ALL_PROTOCOLS, NO_DYNAMIC_ENCRYPTION);
                let body = json!({ "Name": name, "AssetDeliveryProtocol": protocols, "AssetDeliveryPolicyType": kind });
                self.text(&self.post("AssetDeliveryPolicies", &body).await?, "Id")?
            }
        };
        let uri = format!("{}AssetDeliveryPolicies({})", self.url(), quoted(&id));
        self.post(&format!("{at}/$links/DeliveryPolicies"), &json!({ "uri": uri })).await.map(drop)
    }
}
