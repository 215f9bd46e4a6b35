//! Secrets of services: from a file, the environment or a command.

use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use super::ConfigError;

/// Where a section says that its secret is.
#[derive(Clone, Copy, Debug)]
pub struct SecretPlaces<'a> {
    /// The section and key that errors name.
    pub key: &'static str,
    /// A file.
    pub file: Option<&'a Path>,
    /// A variable of the environment.
    pub env: Option<&'a str>,
    /// A program and its arguments, which writes it to standard output.
    pub command: Option<&'a [String]>,
}

/// The most bytes of a secret.
const MAX_SECRET: usize = 64 << 10;

impl SecretPlaces<'_> {
    /// The secret without white space around it; `None` where no place is named.
    ///
    /// # Errors
    /// [`ConfigError`], naming the place.
    pub fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, ConfigError> {
        let wrong = |place: &str, must| ConfigError::Value { key: self.key, value: place.to_owned(), line: None, must };
        let text = match (self.file, self.env, self.command) {
            (None, None, None) => return Ok(None),
            (Some(path), None, None) => {
                let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
                Zeroizing::new(std::fs::read(path).map_err(unreadable)?)
            }
            (None, Some(name), None) => {
                let text = std::env::var(name);
                let text = text.map_err(|_| wrong(name, "that variable of the environment has to be set"))?;
                Zeroizing::new(text.into_bytes())
            }
            (None, None, Some(words)) => {
                let (program, arguments) =
                    words.split_first().ok_or_else(|| wrong("[]", "it has to name a program"))?;
                let out = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
                let out = out.map_err(|_| wrong(program, "that program has to be there and run"))?;
                if !out.status.success() {
                    return Err(wrong(program, "that program has to end without an error"));
                }
                Zeroizing::new(out.stdout)
            }
            _ => return Err(wrong("…", "name one place of the secret: a file, a variable or a command")),
        };
        let secret = text.trim_ascii();
        if secret.is_empty() || secret.len() > MAX_SECRET {
            return Err(wrong("…", "there has to be a secret, of 64 KiB at the most"));
        }
        Ok(Some(Zeroizing::new(secret.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: SecretPlaces<'static> = SecretPlaces { key: "a.secret_file", file: None, env: None, command: None };

    #[test]
    fn a_secret_has_one_place() {
        assert!(NONE.read().unwrap().is_none());
        let words = |script: &str| ["sh", "-c", script].map(str::to_owned);
        let command = words("printf ' s3cret \\n'");
        assert_eq!(**SecretPlaces { command: Some(&command), ..NONE }.read().unwrap().unwrap(), *b"s3cret");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "of a file\n").unwrap();
        let of_file = SecretPlaces { file: Some(file.path()), ..NONE };
        assert_eq!(**of_file.read().unwrap().unwrap(), *b"of a file");
        for (places, expected) in [
            (SecretPlaces { command: Some(&command), ..of_file }, "one place"),
            (SecretPlaces { command: Some(&words("exit 3")), ..NONE }, "without an error"),
            (SecretPlaces { command: Some(&words("true")), ..NONE }, "has to be a secret"),
            (SecretPlaces { command: Some(&["/no/such/program".to_owned()]), ..NONE }, "/no/such/program"),
            (SecretPlaces { env: Some("HEADWATER_NO_SUCH_VARIABLE"), ..NONE }, "HEADWATER_NO_SUCH_VARIABLE"),
            (SecretPlaces { file: Some(Path::new("/no/such/file")), ..NONE }, "/no/such/file"),
        ] {
            let error = places.read().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }
}
