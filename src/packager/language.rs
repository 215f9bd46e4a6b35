//! Language tags as DASH and HLS want them.

use crate::media::Language;

/// ISO 639-2 codes (terminology and bibliographic) each followed by its ISO 639-1 code, sorted.
const SHORTER: &str = "\
    aaraa abkab afraf akaak albsq amham araar argan armhy asmas avaav aveae aymay azeaz bakba bambm \
    baqeu belbe benbn bisbi bodbo bosbs brebr bulbg burmy catca cescs chach chece chizh chucu chvcv \
    corkw cosco crecr cymcy czecs danda deude divdv dutnl dzodz ellel engen epoeo estet euseu eweee \
    faofo fasfa fijfj finfi frafr frefr fryfy fulff geoka gerde glagd glega glggl glvgv greel grngn \
    gujgu hatht hauha hebhe herhz hinhi hmoho hrvhr hunhu hyehy iboig iceis idoio iiiii ikuiu ileie \
    inaia indid ipkik islis itait javjv jpnja kalkl kankn kasks katka kaukr kazkk khmkm kikki kinrw \
    kirky komkv konkg korko kuakj kurku laolo latla lavlv limli linln litlt ltzlb lublu luglg macmk \
    mahmh malml maomi marmr mayms mkdmk mlgmg mltmt monmn mrimi msams myamy nauna navnv nblnr ndend \
    ndong nepne nldnl nnonn nobnb norno nyany ocioc ojioj orior ormom ossos panpa perfa plipi polpl \
    porpt pusps quequ rohrm ronro rumro runrn rusru sagsg sansa sinsi slksk slosk slvsl smese smosm \
    snasn sndsd somso sotst spaes sqisq srdsc srpsr sswss sunsu swasw swesv tahty tamta tattt telte \
    tgktg tgltl thath tibbo tirti tonto tsntn tsots tuktk turtr twitw uigug ukruk urdur uzbuz venve \
    vievi volvo welcy wlnwa wolwo xhoxh yidyi yoryo zhaza zhozh zulzu";

/// The tag of BCP 47, which wants the shortest code (RFC 5646 2.2.1): two letters where ISO 639-1 has a
/// language, else what was given. `None` when the language is not known.
pub(crate) fn tag(language: &Language) -> Option<String> {
    if language.is_undetermined() {
        return None;
    }
    let given = language.0.as_str();
    let (primary, rest) = given.split_at(given.find('-').unwrap_or(given.len()));
    let primary = primary.to_ascii_lowercase();
    let short = SHORTER.split(' ').find(|pair| pair.len() == 5 && pair.get(..3) == Some(primary.as_str()));
    Some(format!("{}{rest}", short.and_then(|pair| pair.get(3..)).unwrap_or(&primary)))
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
}
