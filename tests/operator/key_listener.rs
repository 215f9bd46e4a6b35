//! Keys on a listener of their own, as settings say it.

use std::net::TcpListener;

use crate::site::{Site, fixture, get};

#[test]
fn keys_are_where_manifests_say() {
    let own = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let site =
        Site::new().with("HEADWATER_KEY_DELIVERY__LISTEN", &own).with("HEADWATER_KEY_DELIVERY__BESIDE_FILMS", "false");
    let film = fixture("films/no-edit-list");
    let paths = site.publish(&film);
    let out = site.done(&["protect", film.to_str().unwrap(), "--with", "aes-128"]);
    let key = out.split("Its key is ").nth(1).unwrap()[..36].to_owned();
    let server = site.serve(&[]);
    let base = paths[0].rsplit_once('/').unwrap().0;
    let (status, master) = server.get(&format!("{base}/manifest(format=m3u8-aapl-v3)"));
    assert_eq!(status, 200);
    let master = String::from_utf8(master).unwrap();
    let playlist = master.lines().find(|line| !line.starts_with('#')).unwrap();
    let (_, playlist) = server.get(&format!("{base}/{playlist}"));
    let playlist = String::from_utf8(playlist).unwrap();
    assert!(playlist.contains(&format!("URI=\"http://{own}/?kid={key}\"")), "{playlist}");
    let target = format!("/?kid={key}");
    let (status, given) = get(&own, &target);
    assert_eq!((status, given.len()), (200, 16));
    assert_eq!(get(&own, &paths[0]).0, 400);
    // The page at the top of films' listener, whatever the query.
    assert_ne!(server.get(&target).1, given);
}
