//! Language tags as DASH and HLS want them.

use super::Language;

/// The terminology codes of ISO 639-2 that have an ISO 639-1 code, each followed by it.
const SHORTER: &str = "\
    aaraa abkab afraf akaak amham araar argan asmas avaav aveae aymay azeaz bakba bambm belbe benbn \
    bisbi bodbo bosbs brebr bulbg catca cescs chach chece chucu chvcv corkw cosco crecr cymcy danda \
    deude divdv dzodz ellel engen epoeo estet euseu eweee faofo fasfa fijfj finfi frafr fryfy fulff \
    glagd glega glggl glvgv grngn gujgu hatht hauha hebhe herhz hinhi hmoho hrvhr hunhu hyehy iboig \
    idoio iiiii ikuiu ileie inaia indid ipkik islis itait javjv jpnja kalkl kankn kasks katka kaukr \
    kazkk khmkm kikki kinrw kirky komkv konkg korko kuakj kurku laolo latla lavlv limli linln litlt \
    ltzlb lublu luglg mahmh malml marmr mkdmk mlgmg mltmt monmn mrimi msams myamy nauna navnv nblnr \
    ndend ndong nepne nldnl nnonn nobnb norno nyany ocioc ojioj orior ormom ossos panpa plipi polpl \
    porpt pusps quequ rohrm ronro runrn rusru sagsg sansa sinsi slksk slvsl smese smosm snasn sndsd \
    somso sotst spaes sqisq srdsc srpsr sswss sunsu swasw swesv tahty tamta tattt telte tgktg tgltl \
    thath tirti tonto tsntn tsots tuktk turtr twitw uigug ukruk urdur uzbuz venve vievi volvo wlnwa \
    wolwo xhoxh yidyi yoryo zhaza zhozh zulzu";

/// The bibliographic codes of ISO 639-2 where they differ, in the same form.
const BIBLIOGRAPHIC: &str = "\
    albsq armhy baqeu burmy chizh czecs dutnl frefr geoka gerde greel iceis macmk maomi mayms perfa \
    rumro slosk tibbo welcy";

/// The tag of BCP 47, which wants the shortest code (RFC 5646 2.2.1): two letters where ISO 639-1 has a
/// language, else what was given. `None` when the language is not known.
pub fn tag(language: &Language) -> Option<String> {
    if language.is_undetermined() {
        return None;
    }
    let (primary, rest) = parts(language);
    let short = pairs().find(|(long, _)| *long == primary).map_or(primary.as_str(), |(_, short)| short);
    Some(format!("{short}{rest}"))
}

/// The three letters of ISO 639-2/T that `mdhd` wants (ISO/IEC 14496-12 8.4.2.3); `und` where there are none.
pub fn three_letters(language: &Language) -> [u8; 3] {
    let (primary, _) = parts(language);
    let long = pairs().find(|(_, short)| *short == primary).map_or(primary.as_str(), |(long, _)| long);
    match <[u8; 3]>::try_from(long.as_bytes()) {
        Ok(letters) if letters.iter().all(u8::is_ascii_lowercase) => letters,
        _ => *b"und",
    }
}

/// A language has that code of two letters (ISO 639-1) or three (those of ISO 639-2 that have a shorter one too).
pub fn is_code(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    pairs().any(|(long, short)| long == code || short == code)
}

/// Primary subtag in lower case, and the rest with its hyphen.
fn parts(language: &Language) -> (String, &str) {
    let (primary, rest) = language.0.split_at(language.0.find('-').unwrap_or(language.0.len()));
    (primary.to_ascii_lowercase(), rest)
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHORTER.split(' ').chain(BIBLIOGRAPHIC.split(' ')).map(|pair| pair.split_at(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_code_is_used() {
        let table = [
            ("eng", Some("en")),
            ("fra", Some("fr")),
            ("fre", Some("fr")),
            ("ENG", Some("en")),
            ("zul", Some("zu")),
            ("aar", Some("aa")),
            ("gsw", Some("gsw")),
            ("por-BR", Some("pt-BR")),
            ("en-GB", Some("en-GB")),
            ("und", None),
            ("", None),
        ];
        for (given, wanted) in table {
            assert_eq!(tag(&Language(given.to_owned())).as_deref(), wanted, "{given}");
        }
    }

    #[test]
    fn boxes_get_three_letters() {
        for (given, wanted) in [("eng", b"eng"), ("de", b"deu"), ("pt-BR", b"por"), ("", b"und"), ("x-y", b"und")] {
            assert_eq!(&three_letters(&Language(given.to_owned())), wanted, "{given}");
        }
    }

    #[test]
    fn every_entry_is_a_pair() {
        assert!(pairs().all(|(long, short)| long.len() == 3 && short.len() == 2));
    }
}
