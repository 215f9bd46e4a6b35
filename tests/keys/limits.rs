//! How often clients may ask, and what the log says of it.

use std::io;
use std::sync::{Arc, Mutex};

use headwater::key_delivery::{AUDIT, Settings};
use headwater::tokens::TokenType;
use tracing_subscriber::fmt::MakeWriter;

use crate::site::{OPEN, Site, claims, jwt, material, template, token};

#[tokio::test]
async fn a_client_has_its_allowance() {
    let site = Site::with(Settings { requests_per_minute: 5, ..Settings::default() }).await;
    let key = site.key(&[OPEN]).await;
    for _ in 0..5 {
        assert_eq!(site.get(&format!("/?kid={key}")).await.status, 200);
    }
    let refused = site.get(&format!("/?kid={key}")).await;
    assert_eq!((refused.status, refused.text()), (429, "too many requests\n"));
    assert!((1..=12).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    // Films are none of this.
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

/// In a process of its own: whether a record is wanted at all is asked once a process, by whichever test is first.
#[test]
fn every_decision_is_in_the_log_without_token_or_key() {
    let this = std::env::current_exe().unwrap();
    let run = std::process::Command::new(this).args(["--exact", "limits::decisions_in_the_log", "--ignored"]).output();
    let run = run.unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by the test of the log, in a process of its own"]
async fn decisions_in_the_log() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(lines.clone());
    let _until_the_end = tracing::subscriber::set_default(subscriber.finish());
    let site = Site::start().await;
    let key = site.key(&[token(&template(TokenType::Jwt))]).await;
    let good = jwt(&claims(key));
    let bad = format!("{}x", &good[..good.len() - 1]);
    site.ask(key, &good).await;
    site.get(&format!("/?kid={key}&token={bad}")).await;
    site.get("/?kid=nonsense").await;
    site.get(&format!("/?kid={}", uuid::Uuid::nil())).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|record| record["target"] == AUDIT)
        .map(|record| record["fields"].clone())
        .collect();
    let said: Vec<(&str, &str, u64)> = records
        .iter()
        .map(|r| {
            (
                r["message"].as_str().unwrap(),
                r["reason"].as_str().unwrap_or_default(),
                r["status"].as_u64().unwrap_or(200),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("key delivered", "", 200),
            ("key refused", "the signature does not fit", 401),
            ("key refused", "kid is no GUID", 400),
            ("key refused", "there is no such key", 404),
        ]
    );
    for record in &records[..2] {
        assert_eq!((&record["client"], &record["key"]), (&"127.0.0.1".into(), &key.to_string().into()));
        assert_eq!(record["service"], "key");
    }
    assert!(records[0]["option"].as_str().unwrap().starts_with("nb:ckpoid:UUID:"));
    let secret: String = material(key).iter().map(|byte| format!("{byte:02x}")).collect();
    for part in good.split('.').skip(1).chain([secret.as_str()]) {
        assert!(!text.contains(part), "{text}");
    }
}
