//! The script of docs/management-api.md, as somebody wrote it for Azure Media Services years ago.

use std::process::Command;

use crate::site::{FILM, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_script_of_an_old_user_publishes_a_film() {
    let site = Site::start().await;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    command
        .arg(root.join("docs/examples/publish.py"))
        .arg(root.join("fixtures/films").join(FILM))
        .env("HEADWATER_MANAGEMENT", format!("http://{}", site.management))
        .env("HEADWATER_ACCOUNT", "headwater")
        .env("HEADWATER_KEY", &site.key);
    let output = tokio::task::spawn_blocking(move || command.output().expect("python3 is installed")).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    let url = out.lines().find_map(|line| line.strip_prefix("Smooth Streaming: ")).unwrap_or_else(|| panic!("{out}"));
    assert_eq!(site.plays(url).await, 200, "{url}");
}
