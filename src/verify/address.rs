//! Where a film is: its URL as people paste it, and the URL of its manifest in each format.

use url::Url;

use super::Error;

/// The address of a film: `http://host/locator/film.ism/`, and what of the pasted URL goes into each manifest's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// Up to the film's name, which is the last part of the path.
    film: Url,
    /// Parameters of the manifest other than `format`, as they stood: `filter=de`, `encryption=cenc`.
    parameters: Vec<String>,
}

impl Address {
    /// Reads a film's URL, `…/film.ism`, or that of one of its manifests, `…/film.ism/Manifest(format=…)`. A
    /// query (`?token=…`) is sent with each manifest, as players do.
    ///
    /// # Errors
    /// [`Error::NoUrl`] when it is not an HTTP URL, [`Error::NoFilm`] when it leads to no `.ism`.
    pub fn parse(text: &str) -> Result<Address, Error> {
        let no_url = |problem: String| Error::NoUrl { url: shortened(text), problem };
        let mut film = Url::parse(text).map_err(|error| no_url(error.to_string()))?;
        if !matches!(film.scheme(), "http" | "https") || film.host().is_none() {
            return Err(no_url("it does not begin with http:// or https:// and a host".to_owned()));
        }
        film.set_fragment(None);
        let parts: Vec<String> = film.path_segments().map(|p| p.map(str::to_owned).collect()).unwrap_or_default();
        let is_film = |part: &String| {
            let name = part.to_ascii_lowercase();
            name.ends_with(".ism") || name.ends_with(".isml")
        };
        let at = parts.iter().position(is_film).ok_or_else(|| Error::NoFilm { url: shortened(text) })?;
        let parameters = parts.get(at + 1).map(|manifest| parameters(manifest)).unwrap_or_default();
        if let Ok(mut path) = film.path_segments_mut() {
            (at + 1..parts.len()).for_each(|_| {
                path.pop();
            });
        }
        Ok(Address { film, parameters })
    }

    /// The film's own URL, without a query: it may be a secret.
    pub fn film(&self) -> String {
        let mut film = self.film.clone();
        film.set_query(None);
        film.into()
    }

    /// The URL of the manifest in a format, by the tag of `format=`; that of Smooth is empty.
    pub(super) fn manifest(&self, tag: &str) -> Url {
        let format = (!tag.is_empty()).then(|| format!("format={tag}"));
        let parameters: Vec<String> = format.into_iter().chain(self.parameters.iter().cloned()).collect();
        let manifest = match parameters.is_empty() {
            true => "Manifest".to_owned(),
            false => format!("Manifest({})", parameters.join(",")),
        };
        let mut url = self.film.clone();
        let path = format!("{}/{manifest}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

/// What stands in the parentheses of `Manifest(…)`, but for the format.
fn parameters(manifest: &str) -> Vec<String> {
    let decoded = percent_encoding::percent_decode_str(manifest).decode_utf8_lossy().into_owned();
    let inside = decoded.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map(|(inside, _)| inside);
    let of_format = |parameter: &&str| parameter.trim().to_ascii_lowercase().starts_with("format=");
    let all = inside.unwrap_or_default().split(',').map(str::trim).filter(|p| !p.is_empty());
    all.filter(|p| !of_format(p)).map(str::to_owned).collect()
}

fn shortened(text: &str) -> String {
    // A query may be a signature.
    let end = text.find('?').unwrap_or(text.len());
    text[..end].chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str, tag: &str) -> String {
        Address::parse(text).unwrap().manifest(tag).into()
    }

    #[test]
    fn every_way_to_write_it_leads_to_the_film() {
        let film = "http://host:81/0f/my%20film.ism";
        for end in ["", "/", "/manifest", "/Manifest(format=m3u8-aapl)", "/manifest(format=mpd-time-csf).mpd"] {
            assert_eq!(manifest(&format!("{film}{end}"), ""), format!("{film}/Manifest"), "{end}");
        }
        assert_eq!(manifest(film, "m3u8-cmaf"), format!("{film}/Manifest(format=m3u8-cmaf)"));
    }

    #[test]
    fn parameters_and_query_stay() {
        let text = "https://host/0f/f.ism/Manifest(filter=a;b,format=m3u8-aapl,encryption=cenc)?token=1#x";
        let expected = "https://host/0f/f.ism/Manifest(format=mpd-time-csf,filter=a;b,encryption=cenc)?token=1";
        assert_eq!(manifest(text, "mpd-time-csf"), expected);
        let encoded = "https://host/0f/f.ism/Manifest%28format%3Dm3u8-aapl%2Cfilter%3Da%29";
        assert_eq!(manifest(encoded, ""), "https://host/0f/f.ism/Manifest(filter=a)");
        assert_eq!(Address::parse(text).unwrap().film(), "https://host/0f/f.ism");
    }

    #[test]
    fn what_is_no_film_is_refused() {
        for text in ["film.ism", "ftp://host/0f/f.ism", "", "http://"] {
            assert!(matches!(Address::parse(text), Err(Error::NoUrl { .. })), "{text}");
        }
        for text in ["http://host/", "http://host/0f/film.mp4", "http://host/0f?sig=secret"] {
            let error = Address::parse(text).unwrap_err();
            assert!(matches!(error, Error::NoFilm { .. }) && !error.to_string().contains("secret"), "{text}");
        }
    }
}
