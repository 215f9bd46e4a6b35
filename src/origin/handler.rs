//! One request, from URL to answer (docs/architecture.md §5).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, Response, Uri};

use super::answer_cache::AnswerCache;
use super::bandwidth::Bandwidth;
use super::building::{Building, segment};
use super::error::Error;
use super::index_cache::IndexCache;
use super::known::{Known, KnownPaths};
use super::load::Loaded;
use super::protection::{self, Protected};
use super::respond::{self, CachePolicy, Checked, Meta, Parts, Validators};
use super::revision::{answer_key, hex, object_key};
use super::thumbnails::{self, Gallery};
use super::url::{Params, Resource, StreamObject, StreamingUrl};
use super::wanted::{Film, NO_THUMBNAILS, Wanted};
use super::{Body, admission};
use crate::catalog::{Catalog, Protocols, PublishedAsset};
use crate::clock;
use crate::packager::filter::{self, Filter};
use crate::packager::{self, Context, Dialect, Format, Selection};
use crate::protection::{Scheme, playready};
use crate::source;
use crate::thumbnails::Painter;
use crate::time::{Timescale, UtcTime};
use crate::tokens;

/// How the origin behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Which of two forms to write.
    pub dialect: Dialect,
    /// How segments are cut.
    pub segments: source::Settings,
    /// `max-age` of on-demand manifests and media.
    pub max_age: Duration,
    /// Bytes of indexes kept in memory.
    pub index_cache_bytes: u64,
    /// Bytes of rendered answers kept in memory.
    pub answer_cache_bytes: u64,
}

/// The streaming entrance.
pub struct Origin {
    catalog: Catalog,
    settings: Settings,
    indexes: IndexCache,
    answers: AnswerCache,
    known: KnownPaths,
    building: Building,
    bandwidth: Bandwidth,
    /// Thumbnails, where they are made.
    gallery: Option<Arc<Gallery>>,
    /// What URLs of key delivery begin with, where policies name none.
    key_delivery: String,
    playready_header: playready::Version,
}

/// A request without its body; streaming requests have none.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// GET, HEAD, OPTIONS or something to refuse.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The time of the request.
    pub now: SystemTime,
}

impl Request<'_> {
    pub(super) fn utc(&self) -> UtcTime {
        clock::utc(self.now)
    }
}

impl Origin {
    /// Serves what is published in `catalog`.
    pub fn new(catalog: Catalog, settings: Settings) -> Origin {
        Origin {
            catalog,
            settings,
            indexes: IndexCache::new(settings.index_cache_bytes, settings.segments),
            answers: AnswerCache::new(settings.answer_cache_bytes),
            known: KnownPaths::new(settings.answer_cache_bytes),
            building: Building::new(),
            bandwidth: Bandwidth::default(),
            gallery: None,
            key_delivery: String::new(),
            playready_header: playready::Version::default(),
        }
    }

    /// Makes thumbnails, and lists them in manifests.
    pub fn with_thumbnails(mut self, painter: Painter) -> Origin {
        self.gallery = Some(Arc::new(Gallery::new(painter)));
        self
    }

    /// Tells players to get keys at URLs that begin with `base` (without a slash at the end) where delivery policies
    /// name no others; else of the server that they ask.
    pub fn with_key_delivery(mut self, base: String) -> Origin {
        self.key_delivery = base;
        self
    }

    /// With another version of PlayReady's headers.
    #[must_use]
    pub fn with_playready_header(mut self, version: playready::Version) -> Origin {
        self.playready_header = version;
        self
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, request: Request<'_>) -> Response<Body> {
        if let Some(answer) = respond::method_answer(request.method, request.headers, request.now) {
            return answer;
        }
        match self.answer(request).await {
            Ok(answer) => answer,
            Err(error) => {
                if error.answer().status.is_server_error() {
                    tracing::warn!(%error, path = request.uri.path(), "request failed");
                } else {
                    tracing::debug!(%error, path = request.uri.path(), "request refused");
                }
                respond::error(request.method, &error, request.now)
            }
        }
    }

    async fn answer(&self, request: Request<'_>) -> Result<Response<Body>, Error> {
        match request.uri.path() {
            "/" => return Ok(plain(request, concat!("Headwater ", env!("CARGO_PKG_VERSION"), "\n"))),
            "/healthz" => return Ok(plain(request, "ok\n")),
            _ => {}
        }
        let snapshot = self.catalog.snapshot();
        let endpoint = snapshot.endpoint(admission::host(request.uri, request.headers));
        let mut max_age = self.settings.max_age;
        if let Some(endpoint) = endpoint {
            admission::admit(endpoint, request.peer, request.uri, request.headers, request.utc())?;
            max_age = endpoint.settings.max_age_seconds.map_or(max_age, Duration::from_secs);
            if let Some(document) = admission::policy_document(endpoint, request.uri.path()) {
                let cache = CachePolicy::MaxAge(max_age);
                return Ok(respond::plain(request.method, "text/xml", document, cache, request.now));
            }
        }
        let limit = |answer: Response<Body>| match endpoint {
            Some(endpoint) => answer.map(|body| self.bandwidth.limit(&endpoint.settings, body)),
            None => answer,
        };
        if let Some(answer) = self.known_answer(request, max_age).await? {
            return Ok(limit(answer));
        }
        let (token, path) = tokens::split_path(request.uri.path());
        let url = StreamingUrl::parse(path)?;
        let unknown = || Error::LocatorNotFound { locator: url.locator };
        let asset = self.catalog.find_published(url.locator.as_bytes()).ok_or_else(unknown)?;
        admission::valid(&asset, request.utc())?;
        let mut max_age = until_expiry(max_age, &asset, request.utc());
        if asset.demands_path_token {
            let passed = admission::token(&asset, &snapshot.path_keys, token, &request)?;
            if let Some(elsewhere) = passed.elsewhere(&url.resource, request.uri) {
                return Ok(respond::redirect(&elsewhere, request.now));
            }
            max_age = max_age.min(passed.left);
        }
        let answer = match &url.resource {
            Resource::Download { file } => {
                admission::deliverable(&asset, Protocols::PROGRESSIVE)?;
                Box::pin(self.download(&asset, file, request, max_age)).await?
            }
            Resource::Stream { presentation, object } => {
                // On the heap, so that the short way above does not carry the long way's state along.
                Box::pin(self.stream(&asset, presentation, object, request, max_age)).await?
            }
        };
        Ok(limit(answer))
    }

    /// The answer for a path that was asked for lately, if it is in memory and nothing has changed since. What
    /// may have changed is asked for as always: is the locator valid, are the files the same.
    async fn known_answer(&self, request: Request<'_>, max_age: Duration) -> Result<Option<Response<Body>>, Error> {
        let Some(known) = self.known.get(request.uri.path()).await else { return Ok(None) };
        let unchanged = |asset: &Arc<PublishedAsset>| known.is_of(asset) && !asset.demands_path_token;
        let Some(asset) = self.catalog.find_published(&known.locator).filter(unchanged) else {
            return Ok(None);
        };
        admission::valid(&asset, request.utc())?;
        let loaded = self.indexes.get(&asset, &known.name, request.utc()).await?;
        if !known.is_made_of(&loaded) {
            return Ok(None);
        }
        let Some(rendered) = self.answers.kept(&known.key).await else { return Ok(None) };
        let meta = Meta {
            content_type: known.content_type.clone(),
            validators: known.validators.clone(),
            cache: CachePolicy::MaxAge(until_expiry(max_age, &asset, request.utc())),
            parts: Parts::Single,
            extra: known.extra.clone(),
        };
        Ok(Some(match respond::check(request.method, request.headers, meta, request.now) {
            Checked::Answer(answer) => *answer,
            Checked::Build(pending) => pending.finish(rendered.body.clone()),
        }))
    }

    /// A stored file as it is, by ranges.
    async fn download(
        &self,
        asset: &Arc<PublishedAsset>,
        file: &str,
        request: Request<'_>,
        max_age: Duration,
    ) -> Result<Response<Body>, Error> {
        let info = asset.store.head(file).await.map_err(|error| match error {
            crate::store::Error::NotFound { .. } => Error::FileNotFound { file: file.to_owned() },
            other => other.into(),
        })?;
        let meta = Meta {
            content_type: respond::file_type(file),
            validators: Validators::new(&hex(object_key(&info)), Some(clock::system_time(info.modified))),
            cache: CachePolicy::MaxAge(max_age),
            parts: Parts::Many,
            extra: Vec::new(),
        };
        let pending = match respond::check(request.method, request.headers, meta, request.now) {
            Checked::Answer(answer) => return Ok(*answer),
            Checked::Build(pending) => pending,
        };
        let length = info.size;
        Ok(pending.finish_stream(length, |range| {
            let (store, info) = (Arc::clone(&asset.store), info.clone());
            let open = async move { store.stream(&info, range).await.map_err(std::io::Error::from) };
            Box::pin(futures_util::stream::once(open).try_flatten())
        }))
    }

    async fn stream(
        &self,
        asset: &Arc<PublishedAsset>,
        name: &str,
        object: &StreamObject,
        request: Request<'_>,
        max_age: Duration,
    ) -> Result<Response<Body>, Error> {
        let params = object.params();
        let tag = params.format_tag();
        let format = packager::format(tag).ok_or_else(|| Error::FormatUnknown { format: tag.to_owned() })?;
        let protected = match object {
            StreamObject::Thumbnails { .. } => {
                admission::any_deliverable(asset)?;
                refuse_encryption(params)?;
                None
            }
            _ => protection::decide(&self.catalog, asset, format, params.encryption, &self.key_delivery)?
                .map(|protected| protected.with_playready_header(self.playready_header)),
        };
        let protected = protected.as_ref();
        let now = request.utc();
        let loaded = self.indexes.get(asset, name, now).await?;
        match self.stream_loaded(asset, name, &loaded, format, protected, object, now, request, max_age).await {
            Err(Error::SourceChanged { .. } | Error::SourceMissing { .. }) => {
                // The index is of files that are no more: once again with what is there now.
                self.indexes.forget(asset, name, &loaded).await;
                let loaded = self.indexes.get(asset, name, now).await?;
                self.stream_loaded(asset, name, &loaded, format, protected, object, now, request, max_age).await
            }
            answer => answer,
        }
    }

    /// The filters that a manifest or playlist is asked with: the asset's own, or those of all assets. A segment
    /// is the same with any of them.
    fn filters(&self, asset: &PublishedAsset, object: &StreamObject) -> Result<Vec<Filter>, Error> {
        if matches!(object, StreamObject::Fragment { .. }) {
            return Ok(Vec::new());
        }
        let snapshot = self.catalog.snapshot();
        let find = |name: &String| -> Result<Filter, Error> {
            let own = asset.filters.iter().find(|filter| filter.name == *name).map(|filter| &filter.rules);
            let rules = own.or_else(|| snapshot.filters.get(name).map(|filter| &filter.rules));
            let rules = rules.ok_or_else(|| Error::FilterNotFound { filter: name.clone() })?;
            Ok(rules.for_manifests()?)
        };
        object.params().filters.iter().map(find).collect()
    }

    #[allow(clippy::too_many_arguments, reason = "one step of `stream`, which may have to be repeated")]
    async fn stream_loaded(
        &self,
        asset: &Arc<PublishedAsset>,
        name: &str,
        loaded: &Arc<Loaded>,
        format: &'static dyn Format,
        protected: Option<&Protected>,
        object: &StreamObject,
        now: UtcTime,
        request: Request<'_>,
        max_age: Duration,
    ) -> Result<Response<Body>, Error> {
        let params = object.params();
        let filters = self.filters(asset, object)?;
        let film = match filters.as_slice() {
            [] => Film::Whole(Arc::clone(loaded)),
            filters => {
                let whole = &loaded.presentation;
                let filters: Vec<&Filter> = filters.iter().collect();
                Film::Part(filter::view(whole, &filters, format.fragments_per_segment(whole))?.into())
            }
        };
        let film = match protected.and_then(|protected| protected.protection.view(format, &film)) {
            Some(view) => Film::Part(view.into()),
            None => film,
        };
        // Pictures of what is protected are not given away.
        let thumbnails = self.gallery.as_ref().filter(|_| protected.is_none());
        let thumbnails = thumbnails.and_then(|gallery| gallery.grid(loaded));
        let wanted = match object {
            StreamObject::Thumbnails { what, .. } => {
                let why = if self.gallery.is_some() { "the film has no pictures" } else { NO_THUMBNAILS };
                let grid = thumbnails.ok_or(Error::NoThumbnails { why })?;
                Wanted::Thumbnails(thumbnails::Object::find(loaded, &grid, *what)?)
            }
            _ => Wanted::find(&film, format, object, params)?,
        };
        let selection = Selection {
            encryption: params.encryption.and_then(|encryption| Scheme::from_url(encryption.name())),
            audio_only: params.audio_only,
            audio_track: params.audio_track.clone(),
            filters: params.filters.clone(),
        };
        let dialect = self.settings.dialect;
        let protection = protected.map(|protected| Arc::clone(&protected.protection));
        let protection_here = protection.as_deref();
        let context =
            Context { dialect, now, selection: &selection, thumbnails, protection: protection_here, figures: None };
        let plan = wanted.plan(&film, format, &context)?;
        let identity = match (&wanted, &self.gallery) {
            (Wanted::Thumbnails(thumbnails::Object::Pictures(pictures)), Some(gallery)) => gallery.identity(pictures),
            _ => wanted.identity(format, plan.as_ref(), &context, &filters),
        };
        let identity = identity + protected.map_or("", |protected| &protected.identity);
        let key = answer_key(loaded.presentation.revision, dialect, &asset.id, name, &identity);
        let meta = Meta {
            content_type: HeaderValue::from_static("application/octet-stream"),
            validators: Validators::new(&hex(key), loaded.modified().map(clock::system_time)),
            cache: CachePolicy::MaxAge(max_age),
            parts: Parts::Single,
            // Filters choose; what an encryption cannot carry is left out.
            extra: wanted.left_out(if protected.is_some() { &film } else { &loaded.presentation }, format),
        };
        let needs_media = plan.is_some();
        // Filters may change without their assets, and tokens are judged each time.
        let is_lasting = filters.is_empty() && !asset.demands_path_token && !matches!(wanted, Wanted::Thumbnails(_));
        let mut known = is_lasting.then(|| Known {
            locator: asset.id,
            name: name.to_owned(),
            asset: Arc::downgrade(asset),
            loaded: Arc::downgrade(loaded),
            key,
            content_type: meta.content_type.clone(),
            validators: meta.validators.clone(),
            extra: meta.extra.clone(),
        });
        let make = {
            let (loaded, store, building) = (Arc::clone(loaded), Arc::clone(&asset.store), self.building.clone());
            let (wanted, gallery, named) = (wanted.clone(), self.gallery.clone(), params.format.is_some());
            async move {
                let protection = protection.as_deref();
                let figures = film.figures();
                let context = Context { dialect, now, selection: &selection, thumbnails, protection, figures };
                match (plan, &wanted) {
                    (_, Wanted::Thumbnails(thumbnails::Object::Pictures(pictures))) => {
                        let gallery = gallery.ok_or(Error::Internal)?;
                        if let Some(known) = gallery.known(key).await {
                            return known;
                        }
                        let turn = gallery.turn().await?;
                        let _room = building.room(&pictures.plan).await?;
                        gallery.draw(&turn, key, &loaded, &*store, pictures).await
                    }
                    (_, Wanted::Thumbnails(thumbnails::Object::List)) => {
                        thumbnails::list(&loaded, format, named, &context)
                    }
                    (Some(plan), _) => {
                        let _room = building.room(&plan).await?;
                        segment(&loaded, &film, &*store, format, plan, &context)
                            .await
                            .map_err(|e| wanted.explain(e, format))
                    }
                    (None, _) => wanted.write(&film, format, &context).map_err(|e| wanted.explain(e, format)),
                }
            }
        };
        // A 304 is never given for what would be an error. With its plan a segment is known to exist; of
        // anything else that is known to whoever knows its entity tag, or when it has been written.
        let exists = needs_media || respond::names_entity(request.headers, &meta.validators);
        let mut make = Some(self.answers.get(key, make));
        let mut rendered = None;
        if !exists && let Some(make) = make.take() {
            rendered = Some(make.await?);
        }
        let mut pending = match respond::check(request.method, request.headers, meta, request.now) {
            Checked::Answer(answer) => return Ok(*answer),
            Checked::Build(pending) => pending,
        };
        let rendered = match (rendered, make) {
            (Some(rendered), _) => rendered,
            (None, Some(make)) => make.await?,
            (None, None) => return Err(Error::Internal),
        };
        let content_type = HeaderValue::from_static(rendered.content_type);
        pending.set_content_type(content_type.clone());
        if let Some((kind, duration)) = rendered.duration {
            let milliseconds = duration.round(Timescale::MILLISECONDS).max(0) as u64;
            let (header, value) = respond::streaming_duration(kind.as_str(), milliseconds);
            if let Some(known) = &mut known {
                known.extra.push((header.clone(), value.clone()));
            }
            pending.add_header(header, value);
        }
        if let Some(known) = known {
            self.known.put(request.uri.path(), Known { content_type, ..known }).await;
        }
        Ok(pending.finish(rendered.body.clone()))
    }
}

/// Thumbnails are never encrypted.
fn refuse_encryption(params: &Params) -> Result<(), Error> {
    match params.encryption {
        Some(encryption) => Err(Error::EncryptionNotConfigured { encryption: encryption.name() }),
        None => Ok(()),
    }
}

/// What caches keep ends with the locator.
fn until_expiry(max_age: Duration, asset: &PublishedAsset, now: UtcTime) -> Duration {
    let left = asset.expiration.unix_millis.saturating_sub(now.unix_millis);
    max_age.min(Duration::from_millis(left))
}

fn plain(request: Request<'_>, text: &'static str) -> Response<Body> {
    respond::plain(request.method, "text/plain; charset=utf-8", text, CachePolicy::NoStore, request.now)
}
