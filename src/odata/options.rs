//! Query options (OData URL Conventions, 5.1).

use super::error::{Error, shorten};
use super::expression::Expression;
use super::lexer::{Token, Words};
use super::limits;
use super::model::EntityType;
use super::parser;
use super::percent;
use super::record::Needs;

/// What a request wants of a set. Names in it are the model's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// Which entities.
    pub filter: Option<Expression>,
    /// In which order.
    pub order_by: Vec<(Expression, Direction)>,
    /// How many to pass over.
    pub skip: u64,
    /// How many at the most.
    pub top: Option<u64>,
    /// Whether to say how many there are without `$skip` and `$top`.
    pub inline_count: InlineCount,
    /// Which properties.
    pub select: Option<Selection>,
    /// Which related entities to put into the answer.
    pub expand: Expand,
    /// `$format`
    pub format: Option<String>,
}

/// Related entities to put into an answer: navigation properties, and what to expand behind them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expand(pub Vec<(&'static str, Expand)>);

/// Of one term of `$orderby`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// `$inlinecount`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InlineCount {
    /// No count.
    #[default]
    None,
    /// A count of all pages.
    AllPages,
}

/// `$select`: the properties and links that are wanted, in the order of the text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// All properties, and no link.
    pub all: bool,
    /// Names of properties.
    pub properties: Vec<&'static str>,
    /// Names of navigation properties.
    pub navigations: Vec<&'static str>,
}

impl Options {
    /// Reads the query of a URL (without `?`) over entities of `entity`. Parameters without `$` are the
    /// service's own and passed over.
    ///
    /// # Errors
    /// [`Error`] for options that do not exist, come twice or cannot be read.
    pub fn parse(query: &str, entity: &'static EntityType) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in pairs(query)? {
            if !name.starts_with('$') {
                continue;
            }
            if seen.contains(&name) {
                return Err(Error::option(&name, "stands there twice"));
            }
            match name.as_str() {
                "$filter" => options.filter = Some(parser::filter(&value, entity)?),
                "$orderby" => options.order_by = order_by(&value, entity)?,
                "$skip" => options.skip = number(&name, &value)?,
                "$top" => options.top = Some(number(&name, &value)?),
                "$inlinecount" => {
                    options.inline_count = match value.as_str() {
                        "allpages" => InlineCount::AllPages,
                        "none" => InlineCount::None,
                        _ => return Err(Error::option(&name, "has to be 'allpages' or 'none'")),
                    };
                }
                "$select" => options.select = select(&value, entity)?,
                "$expand" => expand(&value, entity, &mut options.expand)?,
                "$format" => options.format = Some(value),
                _ => return Err(Error::option(&name, "does not exist")),
            }
            seen.push(name);
        }
        Ok(options)
    }

    /// The related entities that are put into the answer.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.expand.add_needs(&mut needs);
        needs
    }

    /// The related entities by which is chosen and ordered.
    pub fn condition_needs(&self) -> Needs {
        let mut needs = Needs::default();
        for expression in self.filter.iter().chain(self.order_by.iter().map(|(expression, _)| expression)) {
            expression.add_needs(&mut needs);
        }
        needs
    }
}

impl Expand {
    /// What to expand behind `navigation`, if that is expanded.
    pub fn behind(&self, navigation: &str) -> Option<&Expand> {
        self.0.iter().find(|(name, _)| *name == navigation).map(|(_, expand)| expand)
    }

    fn add_needs(&self, needs: &mut Needs) {
        for (navigation, behind) in &self.0 {
            behind.add_needs(needs.add(navigation));
        }
    }
}

/// Names and values of a query, decoded. `+` is a space, as browsers and most clients write it.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() >= limits::NAMES {
            return Err(Error::TooLarge { what: "the query", limit: limits::NAMES, unit: "parameters" });
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| percent::decode("the query", &text.replace('+', " "));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

fn number(option: &str, value: &str) -> Result<u64, Error> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let number = if digits { value.parse().ok() } else { None };
    number.ok_or_else(|| Error::option(option, "has to be a whole number, 0 or more"))
}

fn order_by(value: &str, entity: &'static EntityType) -> Result<Vec<(Expression, Direction)>, Error> {
    let mut words = Words::new("$orderby", value)?;
    let mut terms = Vec::new();
    loop {
        if terms.len() >= limits::ORDER_TERMS {
            return Err(Error::TooLarge { what: "$orderby", limit: limits::ORDER_TERMS, unit: "terms" });
        }
        let expression = parser::order_term(&mut words, entity)?;
        let direction = match words.peek() {
            Some(Token::Name(name)) if name == "asc" || name == "desc" => {
                let down = name == "desc";
                words.take();
                if down { Direction::Descending } else { Direction::Ascending }
            }
            _ => Direction::Ascending,
        };
        terms.push((expression, direction));
        if !words.accept(',') {
            break;
        }
    }
    words.finish()?;
    Ok(terms)
}

/// Names of a list with commas, trimmed.
fn names<'a>(option: &'static str, value: &'a str) -> Result<Vec<&'a str>, Error> {
    let names: Vec<&str> = value.split(',').map(str::trim).collect();
    if names.len() > limits::NAMES {
        return Err(Error::TooLarge { what: option, limit: limits::NAMES, unit: "names" });
    }
    Ok(names)
}

fn select(value: &str, entity: &'static EntityType) -> Result<Option<Selection>, Error> {
    let mut selection = Selection::default();
    for name in names("$select", value)? {
        // What is selected of related entities is said by naming the link.
        let first = name.split('/').next().unwrap_or_default();
        if name == "*" {
            selection.all = true;
        } else if let Some(property) = entity.property(name) {
            if !selection.properties.contains(&property.name) {
                selection.properties.push(property.name);
            }
        } else if let Some(navigation) = entity.navigation(first) {
            if !selection.navigations.contains(&navigation.name) {
                selection.navigations.push(navigation.name);
            }
        } else {
            return Err(Error::UnknownProperty { entity: entity.name, property: shorten(name) });
        }
    }
    Ok(Some(selection))
}

fn expand(value: &str, entity: &'static EntityType, into: &mut Expand) -> Result<(), Error> {
    for path in names("$expand", value)? {
        let (mut entity, mut level) = (entity, &mut *into);
        for (depth, name) in path.split('/').enumerate() {
            if depth >= limits::NAVIGATION_DEPTH {
                return Err(Error::TooLarge { what: "$expand", limit: limits::NAVIGATION_DEPTH, unit: "levels" });
            }
            let Some(navigation) = entity.navigation(name) else {
                return Err(Error::UnknownProperty { entity: entity.name, property: shorten(name) });
            };
            let at = level.0.iter().position(|(own, _)| *own == navigation.name).unwrap_or_else(|| {
                level.0.push((navigation.name, Expand::default()));
                level.0.len() - 1
            });
            level = &mut level.0[at].1;
            entity = (navigation.target)();
        }
    }
    Ok(())
}
