//! The values of expressions for an entity (OData URL Conventions, 5.1.1).

use std::cmp::Ordering;

use super::expression::{Arithmetic, Comparison, Expression, From, Logical, Node, Property, Quantified};
use super::functions;
use super::literal;
use super::record::Record;
use super::value::Value;

/// Whether the entity is what the filter wants. A condition whose value is null does not hold.
pub fn matches(filter: &Expression, record: &dyn Record) -> bool {
    value(&filter.0, &[record]) == Value::Boolean(true)
}

/// The value to sort by.
pub(super) fn order_value(by: &Expression, record: &dyn Record) -> Value {
    value(&by.0, &[record])
}

/// A total order of values, so that sorting is sound: null, then numbers that are none, then by value.
pub(super) fn order(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Double(number) if number.is_nan() => 1,
        _ => 2,
    };
    rank(left).cmp(&rank(right)).then_with(|| left.partial_compare(right).unwrap_or(Ordering::Equal))
}

/// `scope` is the entity itself and then the variables of `any` and `all` from outside to inside.
fn value(node: &Node, scope: &[&dyn Record]) -> Value {
    match node {
        Node::Literal(value) => value.clone(),
        Node::Property(property) => property_value(property, scope),
        Node::Any(quantified) => Value::Boolean(some(quantified, scope, true)),
        Node::All(quantified) => Value::Boolean(!some(quantified, scope, false)),
        Node::Not(inner) => match value(inner, scope) {
            Value::Boolean(truth) => Value::Boolean(!truth),
            _ => Value::Null,
        },
        Node::Negate(inner) => literal::negate(&value(inner, scope)).unwrap_or(Value::Null),
        Node::Logical(logical, left, right) => connect(*logical, value(left, scope), || value(right, scope)),
        Node::Compare(comparison, left, right) => {
            Value::Boolean(holds(*comparison, &value(left, scope), &value(right, scope)))
        }
        Node::Arithmetic(arithmetic, left, right) => {
            calculate(*arithmetic, &value(left, scope), &value(right, scope)).unwrap_or(Value::Null)
        }
        Node::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|argument| value(argument, scope)).collect();
            functions::call(*function, &arguments)
        }
    }
}

/// The entity that the path leads to, if there is one.
fn at<'a>(from: &From, scope: &[&'a dyn Record]) -> Option<&'a dyn Record> {
    let mut record = *scope.get(from.variable)?;
    for navigation in &from.navigations {
        record = record.related(navigation).into_iter().next()?;
    }
    Some(record)
}

fn property_value(property: &Property, scope: &[&dyn Record]) -> Value {
    let mut value = match (at(&property.from, scope), property.name) {
        (Some(record), Some(name)) => record.value(name),
        // That it is there is all that can be asked of an entity.
        (Some(_), None) => Value::Boolean(true),
        (None, _) => Value::Null,
    };
    for field in &property.fields {
        value = match value {
            Value::Complex(fields) => {
                fields.into_iter().find(|(name, _)| name == field).map_or(Value::Null, |(_, value)| value)
            }
            _ => Value::Null,
        };
    }
    value
}

/// Whether the predicate is `wanted` for some entity of the collection.
fn some(quantified: &Quantified, scope: &[&dyn Record], wanted: bool) -> bool {
    let related = at(&quantified.from, scope).map(|record| record.related(quantified.collection));
    related.into_iter().flatten().any(|entity| match &quantified.predicate {
        None => true,
        Some(predicate) => {
            let mut inner = scope.to_vec();
            inner.push(entity);
            (value(predicate, &inner) == Value::Boolean(true)) == wanted
        }
    })
}

fn connect(logical: Logical, left: Value, right: impl FnOnce() -> Value) -> Value {
    let decided = match logical {
        Logical::And => Value::Boolean(false),
        Logical::Or => Value::Boolean(true),
    };
    if left == decided {
        return decided;
    }
    match (left, right()) {
        (_, right) if right == decided => decided,
        (Value::Boolean(_), Value::Boolean(right)) => Value::Boolean(right),
        _ => Value::Null,
    }
}

/// Null equals null and nothing else, and is neither less nor greater than anything.
fn holds(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let equal = match (left, right) {
        (Value::Null, Value::Null) => true,
        _ => left.partial_compare(right) == Some(Ordering::Equal),
    };
    let ordering = left.partial_compare(right);
    match comparison {
        Comparison::Equal => equal,
        Comparison::NotEqual => !equal,
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessOrEqual => ordering.is_some_and(Ordering::is_le),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
    }
}

/// Whole numbers stay whole; what does not fit or divides by zero is null.
fn calculate(arithmetic: Arithmetic, left: &Value, right: &Value) -> Option<Value> {
    if let (Some(a), Some(b)) = (left.as_i64(), right.as_i64()) {
        return match arithmetic {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::Divide => a.checked_div(b),
            Arithmetic::Modulo => a.checked_rem(b),
        }
        .map(Value::Int64);
    }
    let (a, b) = (left.as_f64()?, right.as_f64()?);
    Some(Value::Double(match arithmetic {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::Modulo => a % b,
    }))
}
