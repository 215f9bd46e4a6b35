//! Every format of every film, parsed from its manifest as a player does and decoded by ffmpeg, must be
//! the source: each picture and each sample, in order, at its time.

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod exceptions;
mod film;
mod judge;
mod rates;
mod smooth_client;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

/// Judges the films of `folders`, two at a time, prints a table and fails with everything that is wrong.
fn judge(folders: Vec<PathBuf>) {
    let only = std::env::var("HEADWATER_FILM").ok();
    let folders = folders.into_iter().filter(|f| only.as_ref().is_none_or(|o| f.ends_with(o)));
    let began = Instant::now();
    let (work, done) = (Mutex::new(folders.collect::<Vec<_>>().into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = work.lock().expect("no panic").next();
                    let Some(folder) = next else { break };
                    let judged = film::judge(&folder);
                    judged.wrong.iter().for_each(|w| println!("{}: {w}", judged.name));
                    done.lock().expect("no panic").push(judged);
                }
            });
        }
    });
    let mut judged = done.into_inner().expect("no panic");
    judged.sort_by(|a, b| a.name.cmp(&b.name));
    println!("{:34} {:>7} {:>8} {:>9} {:>10} {:>9}", "film", "streams", "segments", "pictures", "samples", "skew");
    for film in &judged {
        match &film.skipped {
            Some(reason) => println!("{:34} skipped: {reason}", film.name),
            None => println!(
                "{:34} {:>7} {:>8} {:>9} {:>10} {:>9}",
                film.name, film.streams, film.segments, film.pictures, film.samples, film.skew
            ),
        }
        film.excepted.iter().for_each(|e| println!("    excepted: {e}"));
    }
    println!("{} films in {:.0?}", judged.len(), began.elapsed());
    let wrong: Vec<String> =
        judged.iter().flat_map(|f| f.wrong.iter().map(move |w| format!("{}: {w}", f.name))).collect();
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_repositorys_films_are_sent_as_they_are_stored() {
    judge(support::fixtures());
}

#[test]
fn real_films_are_sent_as_they_are_stored() {
    match support::shared_media() {
        Ok(folders) => judge(folders),
        Err(reason) => println!("skipped: {reason}"),
    }
}
