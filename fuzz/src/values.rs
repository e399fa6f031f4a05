//! Values for arguments and variables: mostly of the wanted type, now and then of another, too deep or too long.

use async_graphql::parser::types::{BaseType, Type};
use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::hostile::TEXTS;
use crate::schema::{Kind, Schema};

/// Input objects inside input objects, at most.
const DEPTH: usize = 6;

/// A value for a variable or argument of this type.
pub(crate) fn value(chance: &mut Chance<'_>, schema: &Schema, ty: &Type) -> Value {
    if chance.once_in(24) { strange(chance) } else { of_type(chance, schema, ty, DEPTH) }
}

fn of_type(chance: &mut Chance<'_>, schema: &Schema, ty: &Type, depth: usize) -> Value {
    if ty.nullable && (depth == 0 || chance.once_in(12)) {
        return Value::Null;
    }
    let name = match &ty.base {
        BaseType::List(inner) => {
            let items = (0..chance.roll(4)).map(|_| of_type(chance, schema, inner, depth.saturating_sub(1)));
            return items.collect::<Vec<_>>().into();
        }
        BaseType::Named(name) => name.as_str(),
    };
    match schema.kind(name) {
        Kind::Enum(values) => chance.pick(values).cloned().into(),
        Kind::Input(fields) => {
            let mut object = Map::new();
            for field in fields {
                if (field.is_required() && depth > 0) || (!chance.is_spent() && chance.once_in(4)) {
                    let value = of_type(chance, schema, &field.ty, depth.saturating_sub(1));
                    object.insert(field.name.clone(), value);
                }
            }
            object.into()
        }
        _ => scalar(chance, name),
    }
}

fn scalar(chance: &mut Chance<'_>, name: &str) -> Value {
    match name {
        "Int" => [3, 1, 100, 101, 0, -1, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MIN][chance.roll(9)].into(),
        "Float" => json!(0.5),
        "Boolean" => (chance.roll(2) == 0).into(),
        "Date" => ["1980-02-29", "1981-02-29", "0000-00-00", ""][chance.roll(4)].into(),
        "DateTime" => ["2026-03-01T12:00:00Z", "2026-03-01T12:00:60+25:00", "now"][chance.roll(3)].into(),
        _ => TEXTS[chance.roll(TEXTS.len())].into(),
    }
}

/// A value of no type in particular.
fn strange(chance: &mut Chance<'_>) -> Value {
    let size = [0, 1, 8, 9, 32, 200, 201, 1_000][chance.roll(8)];
    match chance.roll(7) {
        0 => Value::Null,
        1 => vec![Value::from(1); size].into(),
        2 => (0..size.min(100)).fold(json!(1), |inner, _| json!([inner])),
        3 => (0..size.min(100)).fold(json!(1), |inner, _| json!({ "a": inner })),
        4 => "\u{202e}x".repeat(size).into(),
        5 => json!(1e300),
        _ => (0..size).map(|at| (format!("k{at}"), Value::from(at))).collect::<Map<_, _>>().into(),
    }
}

/// The value as a document writes it: strings in any of their forms, and enum values bare.
pub(crate) fn literal(chance: &mut Chance<'_>, schema: &Schema, ty: Option<&Type>, value: &Value) -> String {
    match value {
        Value::String(text) => {
            let named = ty.and_then(|ty| if let BaseType::Named(name) = &ty.base { Some(name) } else { None });
            match named.map(|name| schema.kind(name)) {
                Some(Kind::Enum(_)) if !text.is_empty() => text.clone(),
                _ => string(chance, text),
            }
        }
        Value::Array(items) => {
            let inner = ty.and_then(|ty| if let BaseType::List(inner) = &ty.base { Some(&**inner) } else { None });
            let items: Vec<String> = items.iter().map(|item| literal(chance, schema, inner, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let input = ty.map(crate::schema::base).map(|name| schema.kind(name));
            let fields = fields.iter().map(|(name, value)| {
                let field = match input {
                    Some(Kind::Input(fields)) => fields.iter().find(|field| field.name == *name),
                    _ => None,
                };
                format!("{name}: {}", literal(chance, schema, field.map(|field| &field.ty), value))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn string(chance: &mut Chance<'_>, text: &str) -> String {
    match chance.roll(8) {
        6 => {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            format!("\"{escaped}\"")
        }
        7 => format!("\"\"\"{}\"\"\"", text.replace("\"\"\"", "\\\"\"\"")),
        _ => Value::from(text).to_string(),
    }
}
