//! One request, from URL to answer (docs/architecture.md §5).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, Uri};

use super::answer_cache::AnswerCache;
use super::bandwidth::Bandwidth;
use super::building::{held, room_for, segment};
use super::class::{Cached, Class, FormatName, Object, Protection};
use super::error::Error;
use super::explain;
use super::index_cache::IndexCache;
use super::known::{Known, KnownPaths};
use super::load::Loaded;
use super::notes::Notes;
use super::pace::{DOWNLOAD_BYTES, paced};
use super::protection::{self, Protected};
use super::purge::Generations;
use super::respond::{self, CachePolicy, Checked, Meta, Parts, Validators};
use super::revision::{answer_key, hex, object_key};
use super::thumbnails::{self, Gallery};
use super::trace::Trace;
use super::url::{Params, Resource, StreamObject, StreamingUrl};
use super::wanted::{Film, NO_THUMBNAILS, Wanted};
use super::{Body, admission};
use crate::catalog::{Catalog, Protocols, PublishedAsset};
use crate::clock;
use crate::counters::Counter;
use crate::media::TrackKind;
use crate::packager::filter::{self, Filter};
use crate::packager::thumbnails::PICTURE_TYPE;
use crate::packager::{self, Context, Dialect, Format, Selection};
use crate::protection::{Scheme, playready};
use crate::source;
use crate::thumbnails::Painter;
use crate::time::{MediaTime, Timescale, UtcTime};
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
    /// Bytes of answers beyond those, which are being made or sent.
    pub in_flight_bytes: u64,
}

/// The streaming entrance.
pub struct Origin {
    catalog: Catalog,
    settings: Settings,
    pub(super) indexes: IndexCache,
    pub(super) answers: AnswerCache,
    pub(super) known: KnownPaths,
    bandwidth: Bandwidth,
    /// Thumbnails, where they are made.
    gallery: Option<Arc<Gallery>>,
    /// What URLs of key delivery begin with, where policies name none.
    key_delivery: String,
    playready_header: playready::Version,
    pub(super) generations: Arc<Generations>,
    /// How often something was purged.
    pub(super) purges: Counter,
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
    /// What becomes known of it.
    pub notes: &'a Notes,
}

impl Request<'_> {
    pub(super) fn utc(&self) -> UtcTime {
        clock::utc(self.now)
    }
}

impl Origin {
    /// Serves what is published in `catalog`.
    pub fn new(catalog: Catalog, settings: Settings) -> Origin {
        let generations: Arc<Generations> = Arc::default();
        Origin {
            catalog,
            settings,
            indexes: IndexCache::new(settings.index_cache_bytes, settings.segments, Arc::clone(&generations)),
            answers: AnswerCache::new(settings.answer_cache_bytes, settings.in_flight_bytes, Arc::clone(&generations)),
            known: KnownPaths::new(settings.answer_cache_bytes),
            bandwidth: Bandwidth::default(),
            gallery: None,
            key_delivery: String::new(),
            playready_header: playready::Version::default(),
            generations,
            purges: Counter::default(),
        }
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
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
                request.notes.fact("error", || error.to_string().into());
                if error.answer().status.is_server_error() {
                    tracing::warn!(%error, path = without_token(request.uri), "request failed");
                } else {
                    tracing::debug!(%error, path = without_token(request.uri), "request refused");
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
        let host = admission::host(request.uri, request.headers);
        let endpoint = snapshot.endpoint(host);
        let notes = request.notes;
        notes.fact("endpoint", || explain::endpoint(host, endpoint));
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
        request.notes.set_object(url.resource.kind());
        let unknown = || Error::LocatorNotFound { locator: url.locator };
        notes.fact("url", || explain::url(&url));
        let asset = self.catalog.find_published(url.locator.as_bytes()).ok_or_else(unknown)?;
        notes.fact("asset", || explain::asset(&asset, request.utc()));
        let asset = notes.trace().map_or(Arc::clone(&asset), |trace| Trace::asset(trace, &asset));
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
                request.notes.set_class(DOWNLOAD);
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
        if request.notes.trace().is_some_and(|trace| trace.wants_facts()) {
            // Whoever wants to know how an answer comes about wants the long way.
            request.notes.fact("known_path", || self.known.holds(request.uri.path()).into());
            return Ok(None);
        }
        let Some(known) = self.known.get(request.uri.path()).await else { return Ok(None) };
        let unchanged = |asset: &Arc<PublishedAsset>| known.is_of(asset) && !asset.demands_path_token;
        let Some(asset) = self.catalog.find_published(&known.locator).filter(unchanged) else {
            return Ok(None);
        };
        admission::valid(&asset, request.utc())?;
        let stage = request.notes.stage("index");
        let loaded = self.indexes.get(&asset, &known.name, request.utc()).await?;
        drop(stage);
        if !known.is_made_of(&loaded) {
            return Ok(None);
        }
        let Some(made) = self.answers.kept(&known.locator, &known.key).await else { return Ok(None) };
        request.notes.set_class(known.class);
        let meta = Meta {
            content_type: known.content_type.clone(),
            validators: known.validators.clone(),
            cache: CachePolicy::MaxAge(until_expiry(max_age, &asset, request.utc())),
            parts: Parts::Single,
            extra: known.extra.clone(),
        };
        Ok(Some(match respond::check(request.method, request.headers, meta, request.now) {
            Checked::Answer(answer) => *answer,
            Checked::Build(pending) => pending.finish(made.rendered.body.clone()),
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
        if pending.is_head() {
            return Ok(pending.head(Some(length)));
        }
        let lease = Arc::new(self.answers.room().take(DOWNLOAD_BYTES).await?);
        Ok(pending.finish_stream(length, |range| {
            let (store, info) = (Arc::clone(&asset.store), info.clone());
            let open = async move { store.stream(&info, range).await.map_err(std::io::Error::from) };
            paced(Box::pin(futures_util::stream::once(open).try_flatten()), Arc::clone(&lease))
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
        request.notes.set_format(format);
        let protected = match object {
            StreamObject::Thumbnails { .. } => {
                admission::any_deliverable(asset)?;
                refuse_encryption(params)?;
                None
            }
            _ => {
                let encryption = params.encryption;
                let decision = protection::decide(&self.catalog, asset, format, encryption, &self.key_delivery);
                request.notes.fact("delivery", || explain::delivery(asset, format, encryption, &decision));
                decision?.map(|protected| protected.with_playready_header(self.playready_header))
            }
        };
        let protected = protected.as_ref();
        request.notes.set_protection(protected.map_or(Protection::None, |p| Protection::By(p.protection.scheme)));
        let now = request.utc();
        request.notes.fact("index_cache", || self.indexes.holds(asset, name).into());
        let stage = request.notes.stage("index");
        let loaded = self.indexes.get(asset, name, now).await?;
        drop(stage);
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
        let stage = request.notes.stage("plan");
        let params = object.params();
        let stored = protection::stored(asset, &loaded.presentation, format, &self.key_delivery)?;
        if protected.is_some() && stored.is_some() {
            return Err(Error::AlreadyEncrypted);
        }
        let protected = protected.or(stored.as_ref());
        if let Some(protected) = protected {
            protection::check(protected, &loaded.presentation)?;
        }
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
        let notes = request.notes;
        notes.fact("film", || explain::film(loaded, &film, format, (&params.filters, &filters), protected));
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
        notes.set_cached(if self.answers.holds(&asset.id, &key) { Cached::Hit } else { Cached::Miss });
        notes.fact("answer_cache", || notes.class().cached.name().into());
        drop(stage);
        let trace = notes.trace().cloned();
        let needs_media = plan.is_some();
        // What HEAD is told of a segment without making it.
        let head = plan.as_ref().filter(|_| request.method == Method::HEAD).map(|plan| match wanted {
            Wanted::Thumbnails(_) => (PICTURE_TYPE, None),
            _ => (format.segment_type(&film, plan), plan.duration(&film)),
        });
        // Filters may change without their assets, and tokens are judged each time.
        let is_lasting = filters.is_empty() && !asset.demands_path_token && !matches!(wanted, Wanted::Thumbnails(_));
        let original = || notes.trace().and_then(|trace| trace.original());
        let mut known = is_lasting.then(|| Known {
            locator: asset.id,
            name: name.to_owned(),
            asset: original().unwrap_or_else(|| Arc::downgrade(asset)),
            loaded: Arc::downgrade(loaded),
            key,
            content_type: meta.content_type.clone(),
            validators: meta.validators.clone(),
            extra: meta.extra.clone(),
            class: Class { cached: Cached::Hit, ..request.notes.class() },
        });
        let make = {
            let (loaded, store, room) = (Arc::clone(loaded), Arc::clone(&asset.store), self.answers.room());
            let (wanted, gallery, named) = (wanted.clone(), self.gallery.clone(), params.format.is_some());
            async move {
                let stage = |name| trace.as_ref().map(|trace| Trace::stage(trace, name));
                let _build = stage("build");
                let protection = protection.as_deref();
                let figures = film.figures();
                let context = Context { dialect, now, selection: &selection, thumbnails, protection, figures };
                match (plan, &wanted) {
                    (_, Wanted::Thumbnails(thumbnails::Object::Pictures(pictures))) => {
                        let gallery = gallery.ok_or(Error::Internal)?;
                        if let Some(known) = gallery.known(key).await {
                            return room.keep(known?).await;
                        }
                        let waiting = stage("wait");
                        let turn = gallery.turn().await?;
                        let lease = room.take(room_for(&pictures.plan)).await?;
                        drop(waiting);
                        let drawn = gallery.draw(&turn, key, &loaded, &*store, pictures).await?;
                        let memory = drawn.len();
                        Ok(held(drawn, lease, memory))
                    }
                    (_, Wanted::Thumbnails(thumbnails::Object::List)) => {
                        room.keep(thumbnails::list(&loaded, format, named, &context)?).await
                    }
                    (Some(plan), _) => {
                        let waiting = stage("wait");
                        let lease = room.take(room_for(&plan)).await?;
                        drop(waiting);
                        segment(&loaded, &film, &*store, format, plan, &context, lease)
                            .await
                            .map_err(|e| wanted.explain(e, format))
                    }
                    (None, _) => {
                        let written = wanted.write(&film, format, &context);
                        room.keep(written.map_err(|e| wanted.explain(e, format))?).await
                    }
                }
            }
        };
        // A 304 is never given for what would be an error. With its plan a segment is known to exist; of
        // anything else that is known to whoever knows its entity tag, or when it has been written.
        let exists = needs_media || respond::names_entity(request.headers, &meta.validators);
        let mut make = Some(self.answers.get(&asset.id, &key, make));
        let mut rendered = None;
        if !exists && let Some(make) = make.take() {
            rendered = Some(make.await?);
        }
        let mut pending = match respond::check(request.method, request.headers, meta, request.now) {
            Checked::Answer(answer) => return Ok(*answer),
            Checked::Build(pending) => pending,
        };
        if let Some((content_type, duration)) = head {
            // Its length is known only of one that is at hand.
            let kept = self.answers.kept(&asset.id, &key).await.map(|made| made.rendered.len());
            pending.set_content_type(HeaderValue::from_static(content_type));
            if let Some((header, value)) = streaming_duration(duration) {
                pending.add_header(header, value);
            }
            return Ok(pending.head(kept));
        }
        let made = match (rendered, make) {
            (Some(rendered), _) => rendered,
            (None, Some(make)) => make.await?,
            (None, None) => return Err(Error::Internal),
        };
        let content_type = HeaderValue::from_static(made.rendered.content_type);
        pending.set_content_type(content_type.clone());
        if let Some((header, value)) = streaming_duration(made.rendered.duration) {
            if let Some(known) = &mut known {
                known.extra.push((header.clone(), value.clone()));
            }
            pending.add_header(header, value);
        }
        if let Some(known) = known {
            self.known.put(request.uri.path(), Known { content_type, ..known }).await;
        }
        Ok(pending.finish(made.rendered.body.clone()))
    }
}

/// `x-ms-streaming-duration` of what plays.
fn streaming_duration(of: Option<(TrackKind, MediaTime)>) -> Option<(HeaderName, HeaderValue)> {
    let (kind, duration) = of?;
    let milliseconds = duration.round(Timescale::MILLISECONDS).max(0) as u64;
    Some(respond::streaming_duration(kind.as_str(), milliseconds))
}

/// What downloads are.
const DOWNLOAD: Class =
    Class { format: FormatName::DOWNLOAD, protection: Protection::None, object: Object::File, cached: Cached::Never };

/// Thumbnails are never encrypted.
fn refuse_encryption(params: &Params) -> Result<(), Error> {
    match params.encryption {
        Some(encryption) => Err(Error::EncryptionNotConfigured { encryption: encryption.name() }),
        None => Ok(()),
    }
}

/// The path for logs: a token in it is a secret.
fn without_token(uri: &Uri) -> &str {
    tokens::split_path(uri.path()).1
}

/// What caches keep ends with the locator.
fn until_expiry(max_age: Duration, asset: &PublishedAsset, now: UtcTime) -> Duration {
    let left = asset.expiration.unix_millis.saturating_sub(now.unix_millis);
    max_age.min(Duration::from_millis(left))
}

fn plain(request: Request<'_>, text: &'static str) -> Response<Body> {
    respond::plain(request.method, "text/plain; charset=utf-8", text, CachePolicy::NoStore, request.now)
}
