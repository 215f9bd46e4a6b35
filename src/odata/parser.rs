//! From the text of `$filter` and `$orderby` to expressions that fit the model.

use super::error::{Error, shorten};
use super::expression::{Comparison, Expression, From, Node, Operator, Property, Quantified};
use super::functions;
use super::lexer::{Token, Words};
use super::limits;
use super::literal;
use super::model::{EntityType, Kind};
use super::value::{Family, Value};

/// The expression of a `$filter` over entities of `entity`.
///
/// # Errors
/// [`Error`] that says where and what.
pub fn filter(text: &str, entity: &'static EntityType) -> Result<Expression, Error> {
    let mut words = Words::new("$filter", text)?;
    let (node, family) = Parser::new(&mut words, entity).expression(1)?;
    words.finish()?;
    match family {
        Family::Boolean | Family::Null => Ok(Expression(node)),
        other => Err(Error::WrongType {
            property: "$filter".to_owned(),
            expected: "a condition, for instance Name eq 'film.mp4'",
            found: other.word().to_owned(),
        }),
    }
}

/// An expression to sort by, from words that go on behind it.
pub(super) fn order_term(words: &mut Words, entity: &'static EntityType) -> Result<Expression, Error> {
    let (node, family) = Parser::new(words, entity).expression(1)?;
    if family == Family::Structure {
        return Err(words.problem("structures have no order"));
    }
    Ok(Expression(node))
}

struct Parser<'a> {
    words: &'a mut Words,
    /// The variables in scope: name and type; the first is the entity itself, whose name is `$it`.
    scope: Vec<(String, &'static EntityType)>,
    nodes: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(words: &'a mut Words, entity: &'static EntityType) -> Parser<'a> {
        Parser { words, scope: vec![("$it".to_owned(), entity)], nodes: 0, depth: 0 }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<(Node, Family), Error> {
        self.depth += 1;
        if self.depth > limits::EXPRESSION_DEPTH {
            return Err(self.too_large("levels", limits::EXPRESSION_DEPTH));
        }
        let mut left = self.unary()?;
        while let Some((operator, word, binding)) = self.operator()
            && binding >= least
        {
            self.words.take();
            self.node()?;
            let right = self.expression(binding + 1)?;
            left = combine(operator, word, left, right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&self) -> Option<(Operator, &'static str, u8)> {
        match self.words.peek() {
            Some(Token::Name(name)) => Operator::of(name),
            _ => None,
        }
    }

    fn unary(&mut self) -> Result<(Node, Family), Error> {
        self.node()?;
        if self.words.accept('-') {
            let (node, family) = self.nested(Self::unary)?;
            return match (&node, family) {
                (Node::Literal(value), _) if literal::negate(value).is_some() => {
                    Ok((Node::Literal(literal::negate(value).unwrap_or(Value::Null)), family))
                }
                (_, Family::Number | Family::Time | Family::Null) => Ok((Node::Negate(Box::new(node)), family)),
                _ => Err(self.words.problem(format!("{} has no negative", family.word()))),
            };
        }
        if self.words.peek() == Some(&Token::Name("not".to_owned())) {
            self.words.take();
            let (node, family) = self.nested(Self::unary)?;
            return match family {
                Family::Boolean | Family::Null => Ok((Node::Not(Box::new(node)), Family::Boolean)),
                _ => Err(self.words.problem("'not' wants a condition behind it; put it in parentheses")),
            };
        }
        self.primary()
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > limits::EXPRESSION_DEPTH {
            return Err(self.too_large("levels", limits::EXPRESSION_DEPTH));
        }
        let result = inner(self)?;
        self.depth -= 1;
        Ok(result)
    }

    fn primary(&mut self) -> Result<(Node, Family), Error> {
        if self.words.accept('(') {
            let inner = self.expression(1)?;
            self.words.expect(')')?;
            return Ok(inner);
        }
        match self.words.peek() {
            Some(Token::Literal(value)) => {
                let value = value.clone();
                self.words.take();
                let family = value.family();
                Ok((Node::Literal(value), family))
            }
            Some(Token::Name(name)) => {
                let name = name.clone();
                if let Some(value) = literal::word(&name) {
                    self.words.take();
                    let family = value.family();
                    return Ok((Node::Literal(value), family));
                }
                if self.words.peek_second() == Some(&Token::Sign('(')) {
                    return self.call(&name);
                }
                self.path()
            }
            _ => Err(self.words.problem("a property, a literal or a function is expected")),
        }
    }

    fn call(&mut self, name: &str) -> Result<(Node, Family), Error> {
        let Some((_, function, parameters, least, result)) = functions::named(name) else {
            return Err(self.words.problem(format!("there is no function '{}'", shorten(name))));
        };
        self.words.take();
        self.words.expect('(')?;
        let mut arguments = Vec::new();
        if !self.words.accept(')') {
            loop {
                let (node, family) = self.expression(1)?;
                let wanted = parameters.get(arguments.len()).copied();
                match wanted {
                    Some(wanted) if family == wanted || family == Family::Null => arguments.push(node),
                    Some(wanted) => {
                        return Err(self.words.problem(format!(
                            "{name} wants {} here, not {}",
                            wanted.word(),
                            family.word()
                        )));
                    }
                    None => return Err(self.words.problem(format!("{name} takes {} arguments", parameters.len()))),
                }
                if !self.words.accept(',') {
                    break;
                }
            }
            self.words.expect(')')?;
        }
        if arguments.len() < *least {
            return Err(self.words.problem(format!("{name} wants {least} arguments")));
        }
        Ok((Node::Call(*function, arguments), *result))
    }

    /// `Name`, `Cache/MaxAge`, `AccessPolicy/Name`, `f/Name`, `Files/any(f: …)`.
    fn path(&mut self) -> Result<(Node, Family), Error> {
        let mut name = self.name()?;
        let mut variable = 0;
        if let Some(found) = self.scope.iter().rposition(|(own, _)| *own == name) {
            variable = found;
            if !self.words.accept('/') {
                let from = From { variable, navigations: Vec::new() };
                return Ok((Node::Property(Property { from, name: None, fields: Vec::new() }), Family::Structure));
            }
            name = self.name()?;
        }
        let mut entity = self.scope[variable].1;
        let mut from = From { variable, navigations: Vec::new() };
        loop {
            self.node()?;
            if let Some(property) = entity.property(&name) {
                let (fields, kind) = self.fields(property.kind)?;
                let family = Family::of_kind(kind);
                return Ok((Node::Property(Property { from, name: Some(property.name), fields }), family));
            }
            let Some(navigation) = entity.navigation(&name) else {
                return Err(Error::UnknownProperty { entity: entity.name, property: shorten(&name) });
            };
            let target = (navigation.target)();
            if navigation.many {
                self.words.expect('/')?;
                return self.quantified(from, navigation.name, target);
            }
            from.navigations.push(navigation.name);
            if from.navigations.len() > limits::NAVIGATION_DEPTH {
                return Err(self.too_large("navigation properties in a row", limits::NAVIGATION_DEPTH));
            }
            entity = target;
            if !self.words.accept('/') {
                return Ok((Node::Property(Property { from, name: None, fields: Vec::new() }), Family::Structure));
            }
            name = self.name()?;
        }
    }

    fn fields(&mut self, mut kind: Kind) -> Result<(Vec<&'static str>, Kind), Error> {
        let mut fields = Vec::new();
        while let Kind::Complex(complex) = kind
            && self.words.accept('/')
        {
            self.node()?;
            let name = self.name()?;
            let Some(field) = complex.properties.iter().find(|field| field.name == name) else {
                return Err(Error::UnknownProperty { entity: complex.name, property: shorten(&name) });
            };
            fields.push(field.name);
            kind = field.kind;
        }
        Ok((fields, kind))
    }

    fn quantified(
        &mut self,
        from: From,
        collection: &'static str,
        target: &'static EntityType,
    ) -> Result<(Node, Family), Error> {
        if self.scope.len() > limits::NAVIGATION_DEPTH {
            return Err(self.too_large("'any' and 'all' within each other", limits::NAVIGATION_DEPTH));
        }
        let word = self.name()?;
        if word != "any" && word != "all" {
            return Err(self
                .words
                .problem(format!("{collection} leads to many; any(x: …) or all(x: …) is expected behind it")));
        }
        self.words.expect('(')?;
        let mut predicate = None;
        if !self.words.accept(')') {
            let variable = self.name()?;
            self.words.expect(':')?;
            self.scope.push((variable, target));
            let (node, family) = self.expression(1)?;
            self.scope.pop();
            if !matches!(family, Family::Boolean | Family::Null) {
                return Err(self.words.problem(format!("{word} wants a condition")));
            }
            self.words.expect(')')?;
            predicate = Some(Box::new(node));
        }
        if word == "all" && predicate.is_none() {
            return Err(self.words.problem("'all' wants a condition"));
        }
        let quantified = Quantified { from, collection, predicate };
        Ok((if word == "any" { Node::Any(quantified) } else { Node::All(quantified) }, Family::Boolean))
    }

    fn name(&mut self) -> Result<String, Error> {
        match self.words.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.words.take();
                Ok(name)
            }
            _ => Err(self.words.problem("a name is expected")),
        }
    }

    fn node(&mut self) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > limits::EXPRESSION_NODES {
            return Err(self.too_large("parts", limits::EXPRESSION_NODES));
        }
        Ok(())
    }

    fn too_large(&self, unit: &'static str, limit: usize) -> Error {
        Error::TooLarge { what: self.words.option, limit, unit }
    }
}

fn combine(
    operator: Operator,
    word: &'static str,
    (left, a): (Node, Family),
    (right, b): (Node, Family),
) -> Result<(Node, Family), Error> {
    let fits = |families: &[Family]| [a, b].iter().all(|f| *f == Family::Null || families.contains(f));
    let alike = a == b || a == Family::Null || b == Family::Null;
    let (left, right) = (Box::new(left), Box::new(right));
    let equality = matches!(operator, Operator::Compare(Comparison::Equal | Comparison::NotEqual));
    let structured = a == Family::Structure || b == Family::Structure;
    Ok(match operator {
        Operator::Logical(logical) if fits(&[Family::Boolean]) => {
            (Node::Logical(logical, left, right), Family::Boolean)
        }
        // A structure or an entity is there or is not; more cannot be asked.
        Operator::Compare(comparison)
            if alike && (!structured || (equality && (a == Family::Null || b == Family::Null))) =>
        {
            (Node::Compare(comparison, left, right), Family::Boolean)
        }
        Operator::Arithmetic(arithmetic) if fits(&[Family::Number]) => {
            (Node::Arithmetic(arithmetic, left, right), Family::Number)
        }
        _ => return Err(Error::Operands { operator: word, left: a.word(), right: b.word() }),
    })
}
