//! The schema as introspection shows it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::Actor;

/// The types of the schema by name, as introspection shows them.
pub async fn schema(actor: &Actor) -> BTreeMap<String, Value> {
    let query = "{ __schema { types { name kind enumValues { name }
        fields { name args { name type { ...T } } type { ...T } } inputFields { name type { ...T } } } } }
        fragment T on __Type { name kind ofType { name kind ofType { name kind ofType { name } } } }";
    let answer = actor.ask(query).await;
    let types = answer.data()["__schema"]["types"].as_array().unwrap().clone();
    types.into_iter().map(|ty| (ty["name"].as_str().unwrap().to_owned(), ty)).collect()
}

/// The name of a type without its lists and exclamation marks.
pub fn named(ty: &Value) -> &str {
    if ty["ofType"].is_object() { named(&ty["ofType"]) } else { ty["name"].as_str().unwrap() }
}

pub fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub fn name(thing: &Value) -> &str {
    thing["name"].as_str().unwrap()
}
