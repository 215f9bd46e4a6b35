//! `headwater verify`

use std::convert::Infallible;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;

use super::{Error, progress};
use crate::secrets::SecretBytes;
use crate::verify::{self, Address, Event, Options, Paint};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The film's URL, http://HOST/LOCATOR/NAME.ism, or that of any of its manifests
    ///
    /// Parameters of the manifest other than format= (filter=, encryption=) stay, and so does a query.
    #[arg(value_name = "URL")]
    url: String,
    /// Only this format, as in URLs: smooth, mpd-time-csf, m3u8-cmaf, …; may be given several times
    #[arg(long = "format", value_name = "TAG")]
    formats: Vec<String>,
    /// At most so many segments of each track, evenly spread; all if not given
    #[arg(long, value_name = "SEGMENTS", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// Requests under way at the same time
    #[arg(long, value_name = "REQUESTS", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    parallel: u8,
    /// Send this with every request; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A viewer's token, with which the keys of encrypted segments are asked for; or HEADWATER_TOKEN
    #[arg(long, value_name = "TOKEN")]
    token: Option<Token>,
    /// Accept any certificate, as of a server started with --tls-self-signed
    #[arg(long)]
    insecure: bool,
    /// Write the report as JSON
    #[arg(long)]
    json: bool,
}

/// A viewer's token, which is shown nowhere.
#[derive(Clone)]
struct Token(SecretBytes);

impl FromStr for Token {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Token, Infallible> {
        Ok(Token(SecretBytes::new(text.trim().as_bytes().to_vec())))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Runs it; 3 if something is wrong.
pub(super) async fn verify(arguments: Arguments) -> Result<ExitCode, Error> {
    let address = Address::parse(&arguments.url)?;
    // What stands on a command line others on the machine can read.
    let of_environment = || std::env::var("HEADWATER_TOKEN").ok()?.parse().ok();
    let token = arguments.token.or_else(of_environment).map(|Token(token)| token).filter(|token| !token.is_empty());
    let options = Options {
        formats: arguments.formats,
        sample: arguments.sample.map(|n| n as usize),
        parallel: usize::from(arguments.parallel),
        insecure: arguments.insecure,
        headers: arguments.headers,
        token,
    };
    let bar = progress::steps();
    let told = |event: Event<'_>| match event {
        Event::Format(name) => bar.set_message(name.to_owned()),
        Event::Expected(more) => bar.inc_length(more),
        Event::Fetched(_) => bar.inc(1),
    };
    let report = verify::film(&address, &options, &told).await?;
    bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let paint = if colour { Paint::Terminal } else { Paint::Plain };
        out.write_all(verify::text(&report, paint).as_bytes())?;
    }
    Ok(if report.has_errors() { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
