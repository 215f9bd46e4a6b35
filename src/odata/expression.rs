//! Expressions of `$filter` and `$orderby` as values. Every name in them is one of the model's.

use super::functions::Function;
use super::record::Needs;
use super::value::Value;

/// An expression over entities of one type, checked against the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(pub(super) Node);

impl Expression {
    /// The value that `property` of the entity has to have for the condition to hold, where the condition
    /// says so outright: `Name eq 'x'`, alone or joined by `and`. A service can look such entities up.
    pub fn required(&self, property: &str) -> Option<&Value> {
        required(&self.0, property)
    }

    /// Adds the related entities that the expression looks at.
    pub(super) fn add_needs(&self, needs: &mut Needs) {
        visit(&self.0, &[Vec::new()], needs);
    }
}

fn required<'a>(node: &'a Node, property: &str) -> Option<&'a Value> {
    let is_property = |node: &Node| {
        matches!(node, Node::Property(p) if p.name == Some(property) && p.fields.is_empty()
            && p.from.variable == 0 && p.from.navigations.is_empty())
    };
    match node {
        Node::Logical(Logical::And, left, right) => required(left, property).or_else(|| required(right, property)),
        Node::Compare(Comparison::Equal, left, right) => match (&**left, &**right) {
            (path, Node::Literal(value)) | (Node::Literal(value), path) if is_property(path) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// `variables` are the navigations that lead to each variable in scope.
fn visit(node: &Node, variables: &[Vec<&'static str>], needs: &mut Needs) {
    let path = |from: &From| -> Vec<&'static str> {
        variables.get(from.variable).into_iter().flatten().chain(&from.navigations).copied().collect()
    };
    let mut walk = |path: &[&'static str]| {
        path.iter().fold(&mut *needs, |needs, navigation| needs.add(navigation));
    };
    match node {
        Node::Literal(_) => {}
        Node::Property(property) => walk(&path(&property.from)),
        Node::Any(quantified) | Node::All(quantified) => {
            let mut path = path(&quantified.from);
            path.push(quantified.collection);
            walk(&path);
            if let Some(predicate) = &quantified.predicate {
                let mut inner = variables.to_vec();
                inner.push(path);
                visit(predicate, &inner, needs);
            }
        }
        Node::Not(inner) | Node::Negate(inner) => visit(inner, variables, needs),
        Node::Logical(_, left, right) | Node::Compare(_, left, right) | Node::Arithmetic(_, left, right) => {
            visit(left, variables, needs);
            visit(right, variables, needs);
        }
        Node::Call(_, arguments) => arguments.iter().for_each(|argument| visit(argument, variables, needs)),
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Value),
    Property(Property),
    Any(Quantified),
    All(Quantified),
    Not(Box<Node>),
    Negate(Box<Node>),
    Logical(Logical, Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

/// A property, maybe of an entity that navigation properties lead to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Property {
    pub(super) from: From,
    /// The property; without one the entity itself, which may be compared with null.
    pub(super) name: Option<&'static str>,
    /// Fields within structured properties.
    pub(super) fields: Vec<&'static str>,
}

/// Where a path begins, and the navigation properties to one that it follows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct From {
    /// 0 for the entity that is looked at, then the variables of `any` and `all` from outside to inside.
    pub(super) variable: usize,
    pub(super) navigations: Vec<&'static str>,
}

/// `Files/any(f: …)`, `Files/all(f: …)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantified {
    pub(super) from: From,
    pub(super) collection: &'static str,
    /// Without one any entity will do.
    pub(super) predicate: Option<Box<Node>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Logical(Logical),
    Compare(Comparison),
    Arithmetic(Arithmetic),
}

impl Operator {
    /// The operator, its word, and how tightly it binds (OData URL Conventions, 5.1.1.1.14).
    pub(super) fn of(word: &str) -> Option<(Operator, &'static str, u8)> {
        use {Arithmetic as A, Comparison as C, Logical as L, Operator as O};
        Some(match word {
            "or" => (O::Logical(L::Or), "or", 1),
            "and" => (O::Logical(L::And), "and", 2),
            "eq" => (O::Compare(C::Equal), "eq", 3),
            "ne" => (O::Compare(C::NotEqual), "ne", 3),
            "lt" => (O::Compare(C::Less), "lt", 4),
            "le" => (O::Compare(C::LessOrEqual), "le", 4),
            "gt" => (O::Compare(C::Greater), "gt", 4),
            "ge" => (O::Compare(C::GreaterOrEqual), "ge", 4),
            "add" => (O::Arithmetic(A::Add), "add", 5),
            "sub" => (O::Arithmetic(A::Subtract), "sub", 5),
            "mul" => (O::Arithmetic(A::Multiply), "mul", 6),
            "div" => (O::Arithmetic(A::Divide), "div", 6),
            "mod" => (O::Arithmetic(A::Modulo), "mod", 6),
            _ => return None,
        })
    }
}
