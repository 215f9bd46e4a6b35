//! Many at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::site::{Answer, Site, fixture};

/// How often each presentation was loaded, counted from the log.
#[derive(Clone, Default)]
struct Loads(Arc<Mutex<HashMap<String, usize>>>);

#[derive(Default)]
struct Line {
    message: String,
    name: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "name" {
            self.name = value.to_owned();
        }
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Loads {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        if line.message == "presentation loaded" {
            *self.0.lock().unwrap().entry(line.name).or_default() += 1;
        }
    }
}

fn loads() -> &'static Loads {
    static LOADS: OnceLock<Loads> = OnceLock::new();
    LOADS.get_or_init(|| {
        let loads = Loads::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(loads.clone())).unwrap();
        loads
    })
}

impl Loads {
    fn of(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_requests_for_a_cold_segment_share_one_index_and_one_answer() {
    let loads = loads();
    let site = Arc::new(Site::start().await);
    let expected = {
        let other = Site::start().await;
        let film = other.copy_of("no-ism", "expected crowd").await;
        let fragment = other.fragment(&film.at("expected%20crowd.ism/manifest")).await;
        (fragment.split_once(".ism/").unwrap().1.to_owned(), other.ok(&fragment).await)
    };
    let film = site.copy_of("no-ism", "crowd").await;
    let path = film.at(&format!("crowd.ism/{}", expected.0));
    let mut asked = tokio::task::JoinSet::new();
    for index in 0..300 {
        let (site, path) = (Arc::clone(&site), path.clone());
        asked.spawn(async move {
            if index % 3 == 0 {
                // Goes away before the answer.
                let mut socket = TcpStream::connect(site.address).await.unwrap();
                socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_micros(index * 37 % 5000)).await;
                return None;
            }
            Some(site.get(&path).await)
        });
    }
    let answers: Vec<Answer> = asked.join_all().await.into_iter().flatten().collect();
    assert_eq!(answers.len(), 200);
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &expected.1.body));
        assert_eq!(answer.header("etag"), answers[0].header("etag"));
    }
    assert_eq!(loads.of("crowd.ism"), 1);
}

#[tokio::test]
async fn a_film_is_loaded_even_if_nobody_stays_to_see_it() {
    let loads = loads();
    let site = Site::start().await;
    let film = site.copy_of("no-ism", "impatient").await;
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", film.at("impatient.ism/manifest"));
    let mut socket = TcpStream::connect(site.address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    drop(socket);
    tokio::time::sleep(Duration::from_millis(700)).await;
    site.ok(&film.at("impatient.ism/manifest")).await;
    assert_eq!(loads.of("impatient.ism"), 1);
}

#[tokio::test]
async fn a_broken_film_is_not_loaded_for_every_request() {
    let site = Site::start().await;
    let (broken, good) = (site.copy_of("no-ism", "broken").await, site.publish(&fixture("demo")).await);
    std::fs::write(broken.folder.join("film_144.mp4"), [0xff; 5000]).unwrap();
    std::fs::write(broken.folder.join("empty.mp4"), []).unwrap();
    for _ in 0..50 {
        let answer = site.get(&broken.at("broken.ism/manifest")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "MPE_INPUT_FORMAT_NOT_SUPPORTED"),
            "{}",
            answer.text()
        );
        site.ok(&good.at("demo.ism/manifest")).await;
    }
}

#[tokio::test]
async fn requests_under_way_are_finished_at_the_end() {
    let mut site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let fragment = site.fragment(&film.at("demo.ism/manifest")).await;
    let whole = site.ok(&fragment).await;
    // As fast as can be, so that the end falls between request and answer of some.
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = TcpStream::connect(site.address).await.unwrap();
        socket.write_all(format!("GET {fragment} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    let mut first = vec![0; 100];
    sockets[0].read_exact(&mut first).await.unwrap();
    site.stop();
    let mut bytes = first;
    sockets[0].read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.ends_with(&whole.body), "the answer that had begun is whole");
    for socket in &mut sockets[1..] {
        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes).await;
        assert!(bytes.is_empty() || bytes.ends_with(&whole.body));
    }
    tokio::time::timeout(Duration::from_secs(10), site.ended.take().unwrap()).await.unwrap().unwrap();
}
