//! Query options and pages.

use proptest::prelude::*;

use crate::odata::testing::{FILM, Film};
use crate::odata::{Collector, Error, Options, Page, limits};

fn options(query: &str) -> Options {
    Options::parse(query, &FILM).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn page(query: &str, films: Vec<Film>) -> Page<Film> {
    let options = options(query);
    let mut collector = Collector::new(&options);
    for film in films {
        if collector.is_complete() {
            break;
        }
        collector.offer(film);
    }
    collector.finish()
}

fn films(n: i32) -> Vec<Film> {
    (0..n).map(|i| Film::new(&i.to_string(), &format!("film {}", (i * 7) % 10), i % 3)).collect()
}

fn ids(page: &Page<Film>) -> Vec<&str> {
    page.records.iter().map(|film| film.id.as_str()).collect()
}

#[test]
fn pages() {
    for (query, expected, count) in [
        ("", vec!["0", "1", "2", "3", "4", "5"], None),
        ("$top=2", vec!["0", "1"], None),
        ("$top=0&$inlinecount=allpages", vec![], Some(6)),
        ("$skip=4", vec!["4", "5"], None),
        ("$skip=99", vec![], None),
        ("$filter=State%20eq%201&$inlinecount=allpages&$top=1", vec!["1"], Some(2)),
        ("$filter=State+eq+1", vec!["1", "4"], None),
        ("$orderby=State%20desc,Name", vec!["2", "5", "1", "4", "0", "3"], None),
        ("$orderby=Name", vec!["0", "3", "2", "5", "1", "4"], None),
        ("$orderby=State&$skip=1&$top=3", vec!["3", "1", "4"], None),
        ("$orderby=length(Name),Id%20desc&$top=1&api-version=2", vec!["5"], None),
    ] {
        let page = page(query, films(6));
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page.count, count, "{query}");
        assert_eq!(page.next, None, "{query}");
    }
}

#[test]
fn a_long_set_comes_in_pages_that_follow_each_other() {
    let whole = page("", films(2500));
    assert_eq!((whole.records.len(), whole.next), (limits::PAGE, Some((1000, None))));
    let second = page("$skip=1000", films(2500));
    assert_eq!((second.records[0].id.as_str(), second.next), ("1000", Some((2000, None))));
    assert_eq!(page("$skip=2000", films(2500)).next, None);
    assert_eq!(page("$top=1000", films(2500)).next, None);
    assert_eq!(page("$top=1500", films(2500)).next, Some((1000, Some(500))));
    assert_eq!(page("$top=1500", films(1000)).next, None);
    let sorted = page("$orderby=State%20desc&$skip=1000&$inlinecount=allpages", films(9000));
    assert_eq!((sorted.records.len(), sorted.next, sorted.count), (1000, Some((2000, None)), Some(9000)));
    assert!(sorted.records.iter().all(|film| film.state == 2));
}

#[test]
fn options_that_cannot_be_are_refused() {
    for query in [
        "$top=-1",
        "$top=x",
        "$skip=",
        "$top=1&$top=2",
        "$fliter=State eq 1",
        "$inlinecount=yes",
        "$select=Nothing",
        "$expand=Name",
        "$expand=Parts/Nothing",
        "$orderby=Size",
        "$orderby=",
        "$orderby=Name up",
        "$filter=%zz",
        "$expand=Parts/Parts/Parts/Parts",
        "$orderby=Parts",
    ] {
        assert!(Options::parse(query, &FILM).is_err(), "{query}");
    }
    let many = vec!["Name"; 2000].join(",");
    assert!(matches!(Options::parse(&format!("$select={many}"), &FILM), Err(Error::TooLarge { .. })));
    assert!(matches!(Options::parse(&format!("$orderby={many}"), &FILM), Err(Error::TooLarge { .. })));
}

proptest! {
    #[test]
    fn any_query_is_read_or_refused(query in ".{0,100}", option in prop::sample::select(&["$filter", "$orderby", "$select", "$expand", "$top"][..])) {
        let _ = Options::parse(&format!("{option}={query}"), &FILM);
    }

    #[test]
    fn skip_and_top_are_a_window_of_the_whole(n in 0i32..60, skip in 0usize..70, top in 0usize..70, sorted in any::<bool>()) {
        let order = if sorted { "&$orderby=Name" } else { "" };
        let whole = page(&format!("$top=1000{order}"), films(n));
        let part = page(&format!("$skip={skip}&$top={top}{order}"), films(n));
        let expected: Vec<&str> = ids(&whole).into_iter().skip(skip).take(top).collect();
        prop_assert_eq!(ids(&part), expected);
    }
}
