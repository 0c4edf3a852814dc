//! Owns the JSON schema of the format, for editors; generated from the raw
//! shapes, so it never says anything that the loader does not.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::Document;

/// The JSON schema (draft 2020-12) as text, with a newline at its end.
/// `assets/runbook.schema.json` is this; a test keeps it so.
pub fn schema() -> String {
    let mut schema = schema_value();
    schema["$id"] = "runbook.schema.json".into();
    let mut text = serde_json::to_string_pretty(&schema).expect("a JSON value is JSON text");
    text.push('\n');
    text
}

/// The same as a value, which the reference in `runbooks/README.md` is made of.
pub fn schema_value() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: an optional field is left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = &types[..] {
                    fields["type"] = only.clone();
                }
            }
            if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    fields.remove("anyOf");
                    fields.extend(only);
                }
            }
            fields.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}
