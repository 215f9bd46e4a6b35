//! Captions inside of pictures: `EXT-X-MEDIA` of type `CLOSED-CAPTIONS` (RFC 8216 4.3.4.1).

use crate::media::{Presentation, TrackRef};
use crate::packager::Dialect;

use super::Flavor;
use super::multivariant::Writer;
use super::uri::push_quoted;

/// `GROUP-ID` of the renditions.
const GROUP_ID: &str = "cc";

/// `INSTREAM-ID` of what the pictures carry. CEA-708 goes without saying where CEA-608 is, which all players read;
/// naming its services needs version 7 (RFC 8216 7).
fn in_stream(flavor: Flavor, presentation: &Presentation, video: &[TrackRef]) -> Vec<String> {
    let Some(at) = video.first() else { return Vec::new() };
    let found = presentation.groups[at.group].closed_captions;
    let fields = [(found.first_field, "CC1"), (found.second_field, "CC3")];
    let mut names: Vec<String> =
        fields.iter().filter(|(there, _)| *there).map(|(_, name)| (*name).to_owned()).collect();
    if names.is_empty() && flavor == Flavor::Cmaf {
        names.extend(found.service_numbers().map(|number| format!("SERVICE{number}")));
    }
    names
}

impl Writer<'_> {
    /// A rendition for each; what each variant says of them.
    pub(super) fn closed_captions(
        &mut self,
        flavor: Flavor,
        presentation: &Presentation,
        video: &[TrackRef],
    ) -> String {
        let names = in_stream(flavor, presentation, video);
        for (index, name) in names.iter().enumerate() {
            self.out.push_str("#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=");
            push_quoted(&mut self.out, GROUP_ID);
            self.out.push_str(",NAME=");
            push_quoted(&mut self.out, name);
            self.out.push_str(if index == 0 { ",DEFAULT=NO,AUTOSELECT=YES" } else { ",DEFAULT=NO,AUTOSELECT=NO" });
            self.out.push_str(",INSTREAM-ID=");
            push_quoted(&mut self.out, name);
            self.out.push('\n');
        }
        match (names.is_empty(), self.context.dialect) {
            (false, _) => format!(",CLOSED-CAPTIONS=\"{GROUP_ID}\""),
            // So that players do not offer what is not there. Azure Media Services said nothing.
            (true, Dialect::Modern) if !video.is_empty() => ",CLOSED-CAPTIONS=NONE".to_owned(),
            _ => String::new(),
        }
    }
}
