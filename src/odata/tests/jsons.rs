//! Answers and bodies, word for word.

use proptest::prelude::*;

use crate::odata::json::{self, Context, Form};
use crate::odata::testing::{FILM, Film, MODEL};
use crate::odata::{Kind, Options, Record, Value, metadata, service_document};
use crate::xml;

const ROOT: &str = "https://host/API";

fn context(form: Form) -> Context<'static> {
    Context { model: &MODEL, root: ROOT, form }
}

fn film() -> Film {
    Film { parts: vec![Film::new("p", "part", 1)], ..Film::new("nb:1", "a \"b\"", 3) }
}

fn entity(form: Form, query: &str) -> String {
    json::entity(&context(form), &film(), &Options::parse(query, &FILM).unwrap())
}

#[test]
fn minimal() {
    assert_eq!(
        entity(Form::Minimal, ""),
        r#"{"odata.metadata":"https://host/API/$metadata#Films/@Element","Id":"nb:1","Name":"a \"b\"","Minutes":1.5,"State":3,"Views":"3298534883328","Created":"1970-01-01T00:00:00Z","IsPrimary":false,"Size":{"Width":640,"Bytes":null},"Tags":["a","b"]}"#
    );
    assert_eq!(
        entity(Form::Minimal, "$select=Name,Id"),
        r#"{"odata.metadata":"https://host/API/$metadata#Films/@Element&$select=Name,Id","Id":"nb:1","Name":"a \"b\""}"#
    );
    assert_eq!(
        entity(Form::Minimal, "$select=Id,Parts&$expand=Parts"),
        r#"{"odata.metadata":"https://host/API/$metadata#Films/@Element&$select=Id,Parts","Parts":[{"Id":"p","Name":"part","Minutes":1.5,"State":1,"Views":"1099511627776","Created":"1970-01-01T00:00:00Z","IsPrimary":false,"Size":{"Width":640,"Bytes":null},"Tags":["a","b"]}],"Id":"nb:1"}"#
    );
    assert_eq!(entity(Form::None, "$select=State"), r#"{"State":3}"#);
}

#[test]
fn verbose() {
    assert_eq!(
        entity(Form::Verbose, ""),
        concat!(
            r#"{"d":{"__metadata":{"id":"https://host/API/Films('nb%3A1')","uri":"https://host/API/Films('nb%3A1')","type":"Example.Films.Film"},"#,
            r#""Parts":{"__deferred":{"uri":"https://host/API/Films('nb%3A1')/Parts"}},"Original":{"__deferred":{"uri":"https://host/API/Films('nb%3A1')/Original"}},"#,
            r#""Id":"nb:1","Name":"a \"b\"","Minutes":1.5,"State":3,"Views":"3298534883328","Created":"1970-01-01T00:00:00Z","IsPrimary":false,"#,
            r#""Size":{"__metadata":{"type":"Example.Films.Size"},"Width":640,"Bytes":null},"#,
            r#""Tags":{"__metadata":{"type":"Collection(Edm.String)"},"results":["a","b"]}}}"#
        )
    );
    assert_eq!(
        entity(Form::Verbose, "$select=Id,Original&$expand=Original"),
        r#"{"d":{"__metadata":{"id":"https://host/API/Films('nb%3A1')","uri":"https://host/API/Films('nb%3A1')","type":"Example.Films.Film"},"Original":null,"Id":"nb:1"}}"#
    );
}

#[test]
fn full() {
    assert_eq!(
        entity(Form::Full, "$select=Id,Parts,Created"),
        r#"{"odata.metadata":"https://host/API/$metadata#Films/@Element&$select=Id,Created,Parts","odata.type":"Example.Films.Film","odata.id":"https://host/API/Films('nb%3A1')","odata.editLink":"https://host/API/Films('nb%3A1')","Parts@odata.navigationLinkUrl":"https://host/API/Films('nb%3A1')/Parts","Id":"nb:1","Created@odata.type":"Edm.DateTime","Created":"1970-01-01T00:00:00Z"}"#
    );
}

#[test]
fn sets_properties_links_errors() {
    let film = film();
    let options = Options::parse("$select=Id", &FILM).unwrap();
    let feed = |form| {
        json::feed(
            &context(form),
            &FILM,
            &[&film as &dyn Record],
            Some(9),
            Some("https://host/API/Films?$skip=1"),
            &options,
        )
    };
    assert_eq!(
        feed(Form::Minimal),
        r#"{"odata.metadata":"https://host/API/$metadata#Films&$select=Id","odata.count":"9","value":[{"Id":"nb:1"}],"odata.nextLink":"https://host/API/Films?$skip=1"}"#
    );
    assert_eq!(
        feed(Form::Verbose),
        r#"{"d":{"results":[{"__metadata":{"id":"https://host/API/Films('nb%3A1')","uri":"https://host/API/Films('nb%3A1')","type":"Example.Films.Film"},"Id":"nb:1"}],"__count":"9","__next":"https://host/API/Films?$skip=1"}}"#
    );
    let property = |form| json::property(&context(form), "Name", Kind::String, &Value::text("x"));
    assert_eq!(property(Form::Minimal), r#"{"odata.metadata":"https://host/API/$metadata#Edm.String","value":"x"}"#);
    assert_eq!(property(Form::Verbose), r#"{"d":{"Name":"x"}}"#);
    let links = |form| json::links(&context(form), &FILM, &FILM.navigations[0], &["a".to_owned()]);
    assert_eq!(
        links(Form::Minimal),
        r#"{"odata.metadata":"https://host/API/$metadata#Films/$links/Parts","value":[{"url":"https://host/API/Films('a')"}]}"#
    );
    assert_eq!(links(Form::Verbose), r#"{"d":{"results":[{"uri":"https://host/API/Films('a')"}]}}"#);
    assert_eq!(
        json::error(Form::Minimal, "", "no"),
        r#"{"odata.error":{"code":"","message":{"lang":"en-US","value":"no"}}}"#
    );
    assert_eq!(
        json::error(Form::Verbose, "c", "no"),
        r#"{"error":{"code":"c","message":{"lang":"en-US","value":"no"}}}"#
    );
    assert_eq!(
        service_document(&MODEL, ROOT, Form::Minimal),
        r#"{"odata.metadata":"https://host/API/$metadata","value":[{"name":"Films","url":"Films"}]}"#
    );
    assert_eq!(service_document(&MODEL, ROOT, Form::Verbose), r#"{"d":{"EntitySets":["Films"]}}"#);
}

#[test]
fn doubles_are_written_as_each_form_does() {
    let value = |form, number| json::property(&context(form), "M", Kind::Double, &Value::Double(number));
    assert!(value(Form::Minimal, 300.0).ends_with(r#""value":300.0}"#));
    assert_eq!(value(Form::Verbose, 300.0), r#"{"d":{"M":300}}"#);
    assert!(value(Form::Minimal, f64::INFINITY).ends_with(r#""value":"INF"}"#));
}

#[test]
fn metadata_is_xml_with_every_name() {
    let document = metadata(&MODEL);
    let root = xml::parse(document.as_bytes(), xml::Limits::MANIFEST).unwrap();
    let schema = root.child("DataServices").and_then(|s| s.child("Schema")).unwrap();
    let film = schema.child("EntityType").unwrap();
    assert_eq!(film.children_named("Property").count(), FILM.properties.len());
    assert_eq!(film.children_named("NavigationProperty").count(), 2);
    assert_eq!(schema.children_named("Association").count(), 2);
    let container = schema.child("EntityContainer").unwrap();
    assert_eq!(container.children_named("FunctionImport").count(), 2);
    assert_eq!(container.child("EntitySet").and_then(|set| set.attribute("EntityType")), Some("Example.Films.Film"));
}

#[test]
fn bodies_of_old_scripts() {
    let read = |text: &str| json::object(text.as_bytes(), &FILM);
    let body = read(r#"{"Name":"a","State":"2","Minutes":3,"Views":5,"IsPrimary":"true","odata.type":"x","__metadata":{"type":"y"},"Created":null,"Size":{"Width":1},"Tags":{"results":["t"]}}"#).unwrap();
    assert_eq!(body.get("State"), Some(&Value::Int32(2)));
    assert_eq!(body.get("Minutes"), Some(&Value::Double(3.0)));
    assert_eq!(body.get("Views"), Some(&Value::Int64(5)));
    assert_eq!(body.get("IsPrimary"), Some(&Value::Boolean(true)));
    assert_eq!(body.get("Created"), Some(&Value::Null));
    assert_eq!(body.get("Tags"), Some(&Value::Collection(vec![Value::text("t")])));
    assert_eq!(body.get("Size").unwrap().field("Width"), &Value::Int32(1));
    assert_eq!(body.get("Id"), None);
    let linked = read(r#"{"Parts":[{"__metadata":{"uri":"https://host/API/Films('x')"}},{"Name":"new"}],"Original":{"__deferred":{"uri":"u"}}}"#).unwrap();
    assert!(
        matches!(&linked.links[..], [("Parts", parts)] if matches!(&parts[..], [json::Reference::Uri(uri), json::Reference::Inline(_)] if uri.ends_with("('x')")))
    );
    let bound = read(r#"{"Parts@odata.bind":["Films('x')"]}"#).unwrap();
    assert!(matches!(&bound.links[..], [("Parts", parts)] if parts.len() == 1));
    for (text, word) in [
        ("", "empty"),
        ("[]", "{…}"),
        ("{", "EOF"),
        (r#"{"Nam":1}"#, "'Nam'"),
        (r#"{"State":"x"}"#, "State"),
        (r#"{"State":1.5}"#, "State"),
        (r#"{"Name":5}"#, "Name"),
        (r#"{"Created":"soon"}"#, "2024-05-06"),
        (r#"{"Size":{"Depth":1}}"#, "Depth"),
        (r#"{"Nothing@odata.bind":[]}"#, "Nothing"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
    assert!(read(&"[".repeat(100_000)).is_err());
    assert_eq!(json::link(br#"{"uri":"x"}"#).unwrap(), "x");
    assert!(json::link(br#"{"urn":"x"}"#).is_err());
    let parameters = json::parameters(br#"{"Speed":"2"}"#, FILM.actions[0].parameters).unwrap();
    assert_eq!(parameters, vec![("speed", Value::Int32(2))]);
    assert!(json::parameters(b" ", FILM.actions[0].parameters).unwrap().is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_a_body_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = json::object(&bytes, &FILM);
        let _ = json::link(&bytes);
    }

    #[test]
    fn what_is_written_can_be_read(name in any::<String>(), sixty_fourths in 0u32..1 << 30, state in any::<i32>()) {
        // JSON numbers of up to 15 digits are read exactly.
        let minutes = f64::from(sixty_fourths) / 64.0;
        let film = Film { name: Some(name.clone()), minutes, state, ..film() };
        for form in [Form::Minimal, Form::None, Form::Full] {
            let text = json::entity(&context(form), &film, &Options::default());
            let body = json::object(text.as_bytes(), &FILM).unwrap();
            for property in FILM.properties.iter().filter(|property| property.name != "Size") {
                prop_assert_eq!(body.get(property.name), Some(&film.value(property.name)));
            }
        }
    }
}
