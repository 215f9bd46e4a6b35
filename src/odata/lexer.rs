//! Words of expressions, keys and parameters (OData URL Conventions, Appendix A).

use super::error::{Error, shorten};
use super::limits;
use super::literal;
use super::value::Value;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, an operator or a word like `true`.
    Name(String),
    /// A text, number or typed literal.
    Literal(Value),
    /// One of `( ) , / : - * =`.
    Sign(char),
}

/// The words of `text` with the characters before each, and those before the end.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) option: &'static str,
    words: Vec<(usize, Token)>,
    next: usize,
    end: usize,
}

impl Words {
    /// Takes `text` apart. `option` is what messages call it.
    pub(super) fn new(option: &'static str, text: &str) -> Result<Words, Error> {
        if text.len() > limits::EXPRESSION_BYTES {
            return Err(Error::TooLarge { what: option, limit: limits::EXPRESSION_BYTES, unit: "bytes" });
        }
        let chars: Vec<char> = text.chars().collect();
        let (mut words, mut at) = (Vec::new(), 0);
        while at < chars.len() {
            let start = at;
            let token = match chars[at] {
                c if c.is_whitespace() => {
                    at += 1;
                    continue;
                }
                '\'' => Token::Literal(Value::String(quoted(option, &chars, &mut at)?)),
                c if c.is_ascii_digit() || (c == '.' && chars.get(at + 1).is_some_and(char::is_ascii_digit)) => {
                    Token::Literal(number(option, &chars, &mut at)?)
                }
                c if c.is_alphabetic() || c == '_' || c == '$' => {
                    while chars.get(at).is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$')) {
                        at += 1;
                    }
                    let name: String = chars[start..at].iter().collect();
                    if chars.get(at) == Some(&'\'') {
                        let inner = quoted(option, &chars, &mut at)?;
                        let value = literal::typed(&name, &inner).ok_or_else(|| {
                            Error::syntax(option, start, format!("{name}'{}' is no literal", shorten(&inner)))
                        })?;
                        Token::Literal(value)
                    } else {
                        Token::Name(name)
                    }
                }
                c @ ('(' | ')' | ',' | '/' | ':' | '-' | '*' | '=') => {
                    at += 1;
                    Token::Sign(c)
                }
                c => return Err(Error::syntax(option, at, format!("{c:?} has no meaning here"))),
            };
            words.push((start, token));
        }
        Ok(Words { option, words, next: 0, end: chars.len() })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.words.get(self.next).map(|(_, token)| token)
    }

    /// The word after the next one.
    pub(super) fn peek_second(&self) -> Option<&Token> {
        self.words.get(self.next + 1).map(|(_, token)| token)
    }

    pub(super) fn take(&mut self) -> Option<Token> {
        let token = self.words.get(self.next).map(|(_, token)| token.clone());
        self.next += usize::from(token.is_some());
        token
    }

    /// Takes the sign if it comes next.
    pub(super) fn accept(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(&Token::Sign(sign));
        self.next += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, sign: char) -> Result<(), Error> {
        if self.accept(sign) { Ok(()) } else { Err(self.problem(format!("'{sign}' is missing"))) }
    }

    /// Nothing may follow.
    pub(super) fn finish(&self) -> Result<(), Error> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.problem("the end is expected; 'and' or 'or' may be missing"))
        }
    }

    /// An error at the next word.
    pub(super) fn problem(&self, problem: impl Into<String>) -> Error {
        let at = self.words.get(self.next).map_or(self.end, |(at, _)| *at);
        Error::syntax(self.option, at, problem)
    }
}

/// A text in quotes; two quotes stand for one.
fn quoted(option: &'static str, chars: &[char], at: &mut usize) -> Result<String, Error> {
    let start = *at;
    let mut text = String::new();
    *at += 1;
    loop {
        match chars.get(*at) {
            None => {
                return Err(Error::syntax(
                    option,
                    start,
                    "the quote is not closed; a quote in a text is written twice",
                ));
            }
            Some('\'') if chars.get(*at + 1) == Some(&'\'') => {
                text.push('\'');
                *at += 2;
            }
            Some('\'') => {
                *at += 1;
                return Ok(text);
            }
            Some(c) => {
                text.push(*c);
                *at += 1;
            }
        }
    }
}

fn number(option: &'static str, chars: &[char], at: &mut usize) -> Result<Value, Error> {
    let start = *at;
    let is_part = |i: usize| match chars.get(i) {
        Some('+' | '-') => i > start && matches!(chars[i - 1], 'e' | 'E'),
        Some(c) => c.is_ascii_alphanumeric() || *c == '.',
        None => false,
    };
    while is_part(*at) {
        *at += 1;
    }
    let text: String = chars[start..*at].iter().collect();
    literal::number(&text).ok_or_else(|| Error::syntax(option, start, format!("'{}' is no number", shorten(&text))))
}
