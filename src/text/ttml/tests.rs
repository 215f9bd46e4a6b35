//! Documents read, written again and converted.

use super::*;

fn read(body: &str) -> Ttml {
    parse(document(body).as_bytes()).unwrap()
}

fn document(body: &str) -> String {
    format!(
        "<tt xmlns='{TT}' xmlns:tts='{STYLING}' xmlns:ttp='{PARAMETER}' ttp:timeBase='media' ttp:frameRate='25' xml:lang='fr'>\
         <head><styling><style xml:id='base' tts:color='yellow' tts:fontStyle='italic'/>\
         <style xml:id='loud' style='base' tts:fontWeight='bold'/></styling><layout>\
         <region xml:id='top' tts:origin='10% 5%' tts:extent='80% 20%' tts:textAlign='center'/>\
         <region xml:id='bottom'><style tts:origin='10% 75%'/><style tts:extent='80% 20%' tts:displayAlign='after' tts:textAlign='center'/></region>\
         </layout></head><body>{body}</body></tt>"
    )
}

fn cues(document: &Ttml) -> Vec<(u64, u64, String, String)> {
    let cues = document.cues(&mut BTreeSet::new()).unwrap();
    cues.into_iter().map(|c| (c.begin, c.end, c.settings, c.payload)).collect()
}

fn cue(begin: u64, end: u64, settings: &str, payload: &str) -> (u64, u64, String, String) {
    (begin, end, settings.to_owned(), payload.to_owned())
}

const WHOLE: Span = Span { begin: 0, end: u64::MAX, relative: false };

#[test]
fn styles_regions_and_white_space_become_cues() {
    let document = read(
        "<div begin='10s'><p begin='1s' end='00:00:02:05' region='top'>\n  One\n <span style='loud'>two</span>  <br/> three &lt;\n</p>\
         <p begin='3s' dur='1s' region='bottom' tts:color='#ff8800'>four</p><p begin='9s' end='9s'>never</p></div>",
    );
    let want = [
        cue(11_000, 12_200, "line:5% size:80%", "One <c.yellow><b><i>two</i></b></c>\nthree &lt;"),
        cue(13_000, 14_000, "size:80%", "<c.fg_ff8800>four</c>"),
    ];
    assert_eq!(cues(&document), want);
    let mut colors = BTreeSet::new();
    document.cues(&mut colors).unwrap();
    assert_eq!(Ttml::style_block(&colors).unwrap(), "STYLE\n::cue(.fg_ff8800) { color: #ff8800; }");
}

#[test]
fn spans_of_their_own_time_make_cues_of_their_own() {
    let document =
        read("<div><p begin='1s' end='5s'>a<span begin='1s' end='2s'> b</span><span begin='2s'> c</span></p></div>");
    let want = [cue(1000, 2000, "", "a"), cue(2000, 3000, "", "a b"), cue(3000, 5000, "", "a c")];
    assert_eq!(cues(&document), want);
}

#[test]
fn ruby_is_kept() {
    let document = read(
        "<div><p begin='1s' end='2s'><span tts:ruby='container'><span tts:ruby='base'>漢</span><span tts:ruby='text'>かん</span></span>字</p></div>",
    );
    assert_eq!(cues(&document), [cue(1000, 2000, "", "<ruby>漢<rt>かん</rt></ruby>字")]);
}

#[test]
fn what_is_written_says_the_same_at_the_same_time() {
    let body = "<div begin='10s' xml:id='d'><p xml:id='p1' begin='1s' end='2.04s' region='top'>One <span style='loud'>two</span><br/>x</p>\
                <p begin='3s' end='6s'>a<span begin='1s' end='2s'>b</span><metadata/></p><p timeContainer='seq' begin='7s'><span dur='1s'>s</span><span dur='1s'>t</span></p></div>";
    let document = read(body);
    let again = parse(document.write(WHOLE).as_bytes()).unwrap();
    assert_eq!(cues(&again), cues(&document));
    let text = document.write(WHOLE);
    assert!(text.contains("<p xml:id=\"p1\" region=\"top\" begin=\"00:00:11.000\" end=\"00:00:12.040\">One <span style=\"loud\">two</span><br/>x</p>"), "{text}");
    assert!(text.contains("<style xml:id=\"loud\" style=\"base\" tts:fontWeight=\"bold\"/>"), "{text}");
    assert!(!text.contains("frameRate") && text.contains("xml:lang=\"fr\""), "{text}");
    assert!(text.contains("a<span begin=\"00:00:01.000\" end=\"00:00:02.000\">b</span><metadata/>"), "{text}");
}

#[test]
fn a_span_of_time_has_what_is_shown_in_it() {
    let document =
        read("<div><p begin='1s' end='3s'>a</p><p begin='3s' end='5s'>b</p></div><div begin='9s'><p>c</p></div>");
    let text = document.write(Span { begin: 2000, end: 3000, relative: false });
    assert!(text.contains("<p begin=\"00:00:01.000\" end=\"00:00:03.000\">a</p></div></body>"), "{text}");
    let text = document.write(Span { begin: 2000, end: 4000, relative: true });
    assert!(text.contains("<p begin=\"00:00:00.000\" end=\"00:00:01.000\">a</p>"), "{text}");
    assert!(text.contains("<p begin=\"00:00:01.000\" end=\"00:00:02.000\">b</p>"), "{text}");
    let empty = document.write(Span { begin: 6000, end: 8000, relative: false });
    assert!(parse(empty.as_bytes()).unwrap().extent().is_none(), "{empty}");
    assert!(
        document.write(Span { begin: 9000, end: 10_000, relative: false }).contains("<p begin=\"00:00:09.000\">c</p>")
    );
}

#[test]
fn documents_of_drafts_are_brought_up_to_date() {
    let text = "<tt xmlns='http://www.w3.org/2006/10/ttaf1' xmlns:s='http://www.w3.org/2006/10/ttaf1#style'><body><div><p begin='1s' end='2s' s:fontStyle='italic'>a</p></div></body></tt>";
    let document = parse(text.as_bytes()).unwrap();
    assert_eq!(cues(&document), [cue(1000, 2000, "", "<i>a</i>")]);
    assert!(
        document
            .write(WHOLE)
            .contains("xmlns=\"http://www.w3.org/ns/ttml\" xmlns:s=\"http://www.w3.org/ns/ttml#styling\"")
    );
}

#[test]
fn web_vtt_becomes_ttml_and_the_same_web_vtt_again() {
    let settings = ["", "line:10%", "position:20% size:40% align:start", "line:0"];
    let payload = "<b>a</b> &amp; <c.yellow>b</c>\n<i><u>c</u></i> <ruby>漢<rt>かん</rt></ruby>";
    let source: Vec<Cue> = settings
        .iter()
        .enumerate()
        .map(|(index, settings)| {
            let begin = index as u64 * 1500 + 7;
            Cue {
                begin,
                end: begin + 1233,
                id: format!("c{index}"),
                settings: (*settings).to_owned(),
                payload: payload.to_owned(),
            }
        })
        .collect();
    let text = Converter::new("ja", &[]).write(WHOLE, source.iter());
    let document = parse(text.as_bytes()).unwrap();
    assert_eq!(document.language(), "ja");
    let back = document.cues(&mut BTreeSet::new()).unwrap();
    for (before, after) in source.iter().zip(&back) {
        assert_eq!(
            (before.begin, before.end, &before.id, &before.payload),
            (after.begin, after.end, &after.id, &after.payload)
        );
    }
    assert_eq!(back[1].settings, "line:10% size:90%");
    assert_eq!(back[2].settings, "position:20% size:40% align:start");
    assert_eq!(back[3].settings, "line:0% size:90%");
}

#[test]
fn what_is_no_ttml_is_said() {
    assert!(matches!(parse(b"<html/>"), Err(Error::NotTtml { .. })));
    assert!(matches!(parse(b"<tt xmlns='urn:x'/>"), Err(Error::NotTtml { .. })));
    assert!(matches!(parse(b"<!DOCTYPE tt []><tt/>"), Err(Error::Xml(_))));
    let deep = format!("<tt xmlns='{TT}'><body>{}", "<div>".repeat(100));
    assert!(matches!(parse(deep.as_bytes()), Err(Error::Xml(_))));
    let empty = parse(format!("<tt xmlns='{TT}'/>").as_bytes()).unwrap();
    assert!(empty.extent().is_none() && parse(empty.write(WHOLE).as_bytes()).is_ok());
}
