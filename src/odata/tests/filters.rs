//! `$filter`.

use proptest::prelude::*;

use crate::odata::testing::{FILM, Film};
use crate::odata::{Error, Needs, Value, filter, limits, matches};

fn film() -> Film {
    Film {
        parts: vec![Film::new("p1", "one.mp4", 1), Film::new("p2", "two.ism", 2)],
        original: Some(Box::new(Film::new("o", "master", 7))),
        created: 1_421_618_800_601,
        ..Film::new("nb:cid:UUID:0", "It's a Film.MP4", 3)
    }
}

fn holds(text: &str) -> bool {
    matches(&filter(text, &FILM).unwrap_or_else(|error| panic!("{text}: {error}")), &film())
}

#[test]
fn conditions_that_hold() {
    for text in [
        "Id eq 'nb:cid:UUID:0'",
        "Name eq 'It''s a Film.MP4'",
        "'It''s a Film.MP4' eq Name",
        "Name ne null",
        "State eq 3",
        "State eq 3L and State eq 3.0",
        "State ge 3 and State le 3 and not (State lt 3) and not (State gt 3)",
        "(State eq 1 or State eq 3) and Name ne ''",
        "State eq 1 and State eq 2 or State eq 3",
        "State eq 3 or State eq 1 and State eq 2",
        "Minutes gt 1 and Minutes lt 2d",
        "Views eq 3298534883328",
        "IsPrimary eq false",
        "not IsPrimary",
        "startswith(Name,'It''s')",
        "startswith(Name, 'It') eq true",
        "endswith(tolower(Name), '.mp4')",
        "substringof('Film',Name)",
        "substringof('film',Name) eq false",
        "indexof(Name,'F') eq 7",
        "indexof(Name,'nothing') eq -1",
        "length(Name) eq 15",
        "substring(Name,7) eq 'Film.MP4'",
        "substring(Name,7,4) eq 'Film'",
        "toupper(trim(concat(' ', concat(Name, ' ')))) eq 'IT''S A FILM.MP4'",
        "replace(Name,'Film','x') eq 'It''s a x.MP4'",
        "Created gt datetime'2015-01-18T00:00:00' and Created lt datetime'2015-01-19'",
        "Created eq datetime'2015-01-18T22:06:40.601Z'",
        "year(Created) eq 2015 and month(Created) eq 1 and day(Created) eq 18 and hour(Created) eq 22",
        "minute(Created) eq 6 and second(Created) eq 40",
        "State add 2 mul 3 eq 9",
        "(State add 2) mul 3 eq 15",
        "State div 2 eq 1 and State mod 2 eq 1 and State sub 5 eq -2",
        "-State eq -3",
        "round(Minutes) eq 2 and floor(Minutes) eq 1 and ceiling(Minutes) eq 2",
        "Size/Width eq 640 and Size/Bytes eq null",
        "Original/Name eq 'master'",
        "Original ne null and Original/Original eq null and Original/Original/Name eq null",
        "Parts/any()",
        "Parts/any(p: p/Name eq 'two.ism' and p/State lt State)",
        "Parts/all(p: p/State gt 0)",
        "not Parts/all(p: p/State gt 1)",
        "not Original/Parts/any()",
        "true",
    ] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn null_is_neither_less_nor_more_and_makes_no_condition_hold() {
    for text in [
        "Original/Original/State gt 0",
        "Original/Original/State le 0",
        "Original/Original/State ge null",
        "Original/Original/State add 1 eq 1",
        "startswith(Original/Original/Name,'')",
        "not startswith(Original/Original/Name,'')",
        "State div 0 eq 0",
        "null",
    ] {
        assert!(!holds(text), "{text}");
    }
    assert!(holds("Original/Original/Name ne 'x'"));
}

#[test]
fn what_cannot_be_asked_is_refused_and_says_why() {
    for (text, word) in [
        ("", "expected"),
        ("Name", "condition"),
        ("Nam eq 'x'", "'Nam'"),
        ("name eq 'x'", "case"),
        ("Name eq 5", "'eq'"),
        ("Created gt '2015-01-01'", "datetime'"),
        ("Name eq 'open", "quote"),
        ("Name eq 'a' 'b'", "end is expected"),
        ("Name eq 'a' and", "expected"),
        ("(Name eq 'a'", "')'"),
        ("fly(Name)", "no function"),
        ("startswith(Name)", "arguments"),
        ("startswith(Name,'a','b')", "arguments"),
        ("length(5) eq 1", "text"),
        ("Parts eq null", "'/'"),
        ("Parts/Name eq 'x'", "any"),
        ("Parts/all()", "all"),
        ("Parts/any(p: p/Name)", "condition"),
        ("Size eq Size", "structure"),
        ("Tags eq 'a'", "structure"),
        ("Name eq \"a\"", "no meaning"),
        ("Created gt datetime'soon'", "literal"),
        ("not Name", "not"),
        ("-Name eq 'x'", "negative"),
        ("Original/Original/Original/Original/Name eq 'x'", "navigation"),
    ] {
        let error = filter(text, &FILM).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    assert!(filter(&deep(40), &FILM).is_ok());
    assert!(matches!(filter(&deep(60), &FILM), Err(Error::TooLarge { .. })));
    assert!(matches!(filter(&"not ".repeat(5000), &FILM), Err(Error::TooLarge { .. } | Error::Syntax { .. })));
    assert!(matches!(filter(&"-".repeat(9000), &FILM), Err(Error::TooLarge { .. })));
    let wide = vec!["true"; limits::EXPRESSION_NODES].join(" and ");
    assert!(matches!(filter(&wide, &FILM), Err(Error::TooLarge { .. })));
    let lambda = "Parts/any(a: a/Parts/any(b: b/Parts/any(c: c/Parts/any())))";
    assert!(matches!(filter(lambda, &FILM), Err(Error::TooLarge { .. })));
    // A text that grows beyond all bounds is null.
    let mut text = "'aaaaaaaaaaaaaaaa'".to_owned();
    for _ in 0..12 {
        text = format!("replace({text},'a','aaaaaaaaaaaaaaaa')");
    }
    assert!(holds(&format!("{text} eq null")));
}

#[test]
fn what_a_filter_needs_and_requires() {
    let expression =
        filter("Parts/any(p: p/Original/Name eq 'x') and Id eq 'i' and Original/Name ne 'y'", &FILM).unwrap();
    assert_eq!(expression.required("Id"), Some(&Value::text("i")));
    assert_eq!(expression.required("Name"), None);
    assert_eq!(filter("Id eq 'a' or Name eq 'b'", &FILM).unwrap().required("Id"), None);
    assert_eq!(filter("not (Id eq 'a')", &FILM).unwrap().required("Id"), None);
    let options = crate::odata::Options { filter: Some(expression), ..Default::default() };
    let none = Needs::default();
    let expected = Needs(vec![("Parts", Needs(vec![("Original", none.clone())])), ("Original", none)]);
    assert_eq!(options.condition_needs(), expected);
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(text in ".{0,200}") {
        if let Ok(expression) = filter(&text, &FILM) {
            matches(&expression, &film());
        }
    }

    #[test]
    fn any_words_are_an_expression_or_an_error(words in prop::collection::vec(prop::sample::select(&[
        "Name", "State", "Created", "Parts", "Original", "Size", "/", "(", ")", ",", "any", "all", "p", ":", "eq", "ne",
        "and", "or", "not", "add", "div", "-", "5", "0", "'a'", "null", "true", "startswith", "length", "substring", "replace",
        "datetime'2015-01-01'", "Width",
    ][..]), 0..40)) {
        if let Ok(expression) = filter(&words.join(" "), &FILM) {
            matches(&expression, &film());
        }
    }

    #[test]
    fn a_name_is_found_by_its_text_and_by_no_other(name in any::<String>(), other in any::<String>()) {
        let film = Film { name: Some(name.clone()), ..film() };
        let by = |text: &str| filter(&format!("Name eq '{}'", text.replace('\'', "''")), &FILM);
        if let (Ok(own), Ok(strange)) = (by(&name), by(&other)) {
            prop_assert!(matches(&own, &film));
            prop_assert_eq!(matches(&strange, &film), name == other);
        }
    }

    #[test]
    fn numbers_compare_as_numbers(a in -1000i32..1000, b in -1000i32..1000) {
        let film = Film { state: a, ..film() };
        for (word, expected) in [("eq", a == b), ("ne", a != b), ("lt", a < b), ("le", a <= b), ("gt", a > b), ("ge", a >= b)] {
            let expression = filter(&format!("State {word} {b}"), &FILM).unwrap();
            prop_assert_eq!(matches(&expression, &film), expected);
        }
    }
}
