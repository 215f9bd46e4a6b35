//! Drivers that put bytes from outside through every function that takes some, and hold what must
//! be true of any answer. The fuzz targets and the replay of their corpora share them.

mod boxes;
mod captions;
mod codec;
pub mod film;
mod fragments;
#[cfg(feature = "server")]
mod odata;
#[cfg(feature = "server")]
mod players;
mod protection;
mod text;
#[cfg(feature = "server")]
mod tokens;

/// The drivers: each has a fuzz target and a folder of `fixtures/corpus` of its name.
#[allow(dead_code)]
pub const TARGETS: &[&str] = &[
    "boxes",
    "index",
    "ism",
    "url",
    "range",
    "codec",
    "captions",
    "playready_header",
    "pssh",
    #[cfg(feature = "server")]
    "odata_filter",
    #[cfg(feature = "server")]
    "odata_path",
    #[cfg(feature = "server")]
    "odata_batch",
    #[cfg(feature = "server")]
    "cmcd",
    #[cfg(feature = "server")]
    "swt",
    #[cfg(feature = "server")]
    "jwt",
    #[cfg(feature = "server")]
    "token_template",
    #[cfg(feature = "server")]
    "licence_challenge",
    #[cfg(feature = "server")]
    "cpix",
    #[cfg(feature = "server")]
    "sas",
    #[cfg(feature = "server")]
    "verify",
];

/// The most memory that a driver may hold at once for `input` bytes.
pub fn memory_allowed(input: usize) -> usize {
    (64 << 20) + 4 * input
}

/// Runs the driver of that name.
///
/// # Panics
/// When something that must hold does not.
pub fn run(target: &str, data: &[u8]) {
    match target {
        "boxes" => boxes::run(data),
        "index" => film::run(data),
        "ism" => text::manifests(data),
        "url" => text::url(data),
        "range" => text::range(data),
        "codec" => codec::run(data),
        "captions" => captions::run(data),
        "playready_header" => protection::playready_header(data),
        "pssh" => protection::pssh(data),
        #[cfg(feature = "server")]
        "odata_filter" => odata::filter(data),
        #[cfg(feature = "server")]
        "odata_path" => odata::path(data),
        #[cfg(feature = "server")]
        "odata_batch" => odata::parts(data),
        #[cfg(feature = "server")]
        "cmcd" => players::cmcd(data),
        #[cfg(feature = "server")]
        "swt" => tokens::swt(data),
        #[cfg(feature = "server")]
        "jwt" => tokens::jwt(data),
        #[cfg(feature = "server")]
        "token_template" => tokens::template(data),
        #[cfg(feature = "server")]
        "licence_challenge" => tokens::challenge(data),
        #[cfg(feature = "server")]
        "cpix" => protection::cpix(data),
        #[cfg(feature = "server")]
        "sas" => protection::sas(data),
        #[cfg(feature = "server")]
        "verify" => protection::verify(data),
        other => panic!("there is no driver '{other}'"),
    }
}
