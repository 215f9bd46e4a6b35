//! Resource paths.

use proptest::prelude::*;

use crate::odata::testing::MODEL;
use crate::odata::{Error, ResourcePath, Tail, Target, Value, encode_component, resolve};

fn target(path: &str) -> Result<Target, Error> {
    resolve(&ResourcePath::parse(path)?, &MODEL)
}

/// A short text for what a path leads to.
fn sketch(path: &str) -> String {
    match target(path).unwrap_or_else(|error| panic!("{path}: {error}")) {
        Target::Service => "service".to_owned(),
        Target::Metadata => "metadata".to_owned(),
        Target::Batch => "batch".to_owned(),
        Target::Function { function, arguments } => format!("{} {arguments:?}", function.name),
        Target::Entities { entity, key, steps, tail } => {
            let key_text = |key: Option<String>| key.map_or("*".to_owned(), |key| format!("[{key}]"));
            let mut out = format!("{}{}", entity.set, key_text(key));
            for (navigation, key) in steps {
                out.push_str(&format!("/{}{}", navigation.name, key_text(key)));
            }
            out.push_str(&match tail {
                Tail::Whole => String::new(),
                Tail::Count => " count".to_owned(),
                Tail::Links(navigation, key) => format!(" links {}{}", navigation.name, key_text(key)),
                Tail::Property(path) => format!(" .{}", path.iter().map(|p| p.name).collect::<Vec<_>>().join(".")),
                Tail::Value(path) => format!(" ={}", path.iter().map(|p| p.name).collect::<Vec<_>>().join(".")),
                Tail::Action(action) => format!(" do {}", action.name),
            });
            out
        }
    }
}

#[test]
fn paths_of_old_scripts() {
    for (path, meaning) in [
        ("", "service"),
        ("/", "service"),
        ("/$metadata", "metadata"),
        ("$batch", "batch"),
        ("/Films", "Films*"),
        ("/Films()", "Films*"),
        ("/Films/$count", "Films* count"),
        ("/Films('nb:cid:UUID:1')", "Films[nb:cid:UUID:1]"),
        ("/Films('nb%3Acid%3AUUID%3A1')", "Films[nb:cid:UUID:1]"),
        ("/Films(%27nb%3Acid%3AUUID%3A1%27)", "Films[nb:cid:UUID:1]"),
        ("/Films(Id='a')", "Films[a]"),
        ("/Films(guid'00112233-4455-6677-8899-AABBCCDDEEFF')", "Films[00112233-4455-6677-8899-aabbccddeeff]"),
        ("/Films('it''s')", "Films[it's]"),
        ("/Films('a/b')", "Films[a/b]"),
        ("/Films('a%2Fb')", "Films[a/b]"),
        ("/Films('a')/Name", "Films[a] .Name"),
        ("/Films('a')/Name/$value", "Films[a] =Name"),
        ("/Films('a')/Size/Width", "Films[a] .Size.Width"),
        ("/Films('a')/Parts", "Films[a]/Parts*"),
        ("/Films('a')/Parts()", "Films[a]/Parts*"),
        ("/Films('a')/Parts/$count", "Films[a]/Parts* count"),
        ("/Films('a')/Parts('b')/Original/Name", "Films[a]/Parts[b]/Original* .Name"),
        ("/Films('a')/$links/Parts", "Films[a] links Parts*"),
        ("/Films('a')/$links/Parts('b')", "Films[a] links Parts[b]"),
        ("/Films('a')/Play", "Films[a] do Play"),
        ("/Find", "Find []"),
        ("/Find(id='x')", "Find [(\"id\", String(\"x\"))]"),
    ] {
        assert_eq!(sketch(path), meaning, "{path}");
    }
}

#[test]
fn what_does_not_exist_is_refused() {
    for path in [
        "/films",
        "/Nothing",
        "/Films/Name",
        "/Films('a','b')",
        "/Films(5)",
        "/Films(Name='a')",
        "/Films('a'",
        "/Films('a')x",
        "/Films('a')/Nothing",
        "/Films('a')/$count",
        "/Films('a')/$links",
        "/Films('a')/$links/Name",
        "/Films('a')/Name/More",
        "/Films('a')/Play/More",
        "/Films('a')/Parts/Name",
        "/$metadata/x",
        "/Find('x')",
        "/Films('%zz')",
        "/..",
        "/Films('a')/Original/Original/Original/Original",
    ] {
        assert!(target(path).is_err(), "{path}");
    }
    assert!(matches!(target(&"/Films".repeat(2000)), Err(Error::TooLarge { .. })));
    assert!(matches!(target(&"/a".repeat(50)), Err(Error::TooLarge { .. })));
}

proptest! {
    #[test]
    fn any_text_is_a_path_or_an_error(text in ".{0,200}") {
        let _ = target(&text);
    }

    #[test]
    fn any_key_comes_back(key in any::<String>()) {
        let quoted = encode_component(&key.replace('\'', "''"));
        let path = ResourcePath::parse(&format!("/Films('{quoted}')"));
        if let Ok(path) = path {
            prop_assert_eq!(path.segments.len(), 1);
            prop_assert_eq!(&path.segments[0].arguments, &Some(vec![(None, Value::String(key))]));
        }
    }
}
