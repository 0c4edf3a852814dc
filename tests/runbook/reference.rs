//! The reference's tables are made of the schema and of the list of codes.

use pgcutover::runbook::{codes, schema_value};
use serde_json::Value;

use super::{matches_golden, root};

const REFERENCE: &str = "runbooks/README.md";

/// Each definition of the schema under the header that a runbook writes.
const TABLES: &[(&str, &str)] = &[
    ("", "The file"),
    ("Cutover", "`[cutover]`"),
    ("Connection", "`[connections.NAME]`"),
    ("Expect", "`expect` of a connection"),
    ("Standby", "`[connections.NAME.standbys.NAME]`"),
    ("Environment", "`[environments.NAME]`"),
    ("EnvironmentCutover", "`cutover` of an environment"),
    ("EnvironmentRole", "`roles.NAME` of an environment"),
    ("EnvironmentWindow", "`window` of an environment"),
    ("Var", "`[vars]`"),
    ("Role", "`[roles.NAME]`"),
    ("Journal", "`[journal]`"),
    ("Window", "`[window]`"),
    ("Freeze", "`freeze` of the window"),
    ("Ddl", "`[ddl]`"),
    ("Retry", "`retry` of `[ddl]`"),
    ("Guard", "`[[guard]]`"),
    ("SqlProbe", "`sql` of a guard"),
    ("Threshold", "`throttle` and `hold`"),
    ("StallAt", "`stall`"),
    ("NoData", "`no_data`"),
    ("Phase", "`[[phase]]`"),
    ("Step", "`[[phase.step]]` and `[[phase.rollback]]`"),
    ("Undo", "`[phase.step.undo]`"),
    ("Sql", "`[phase.step.sql]`"),
    ("SqlExpect", "`expect` of `sql`"),
    ("Backfill", "`[phase.step.backfill]`"),
    ("Target", "`into` of a backfill"),
    ("Vacuum", "`vacuum` of a backfill"),
    ("Chunk", "`chunk`"),
    ("Parity", "`[phase.step.parity]`"),
    ("SameRow", "`[phase.step.parity.same_row]`"),
    ("Exec", "`[phase.step.exec]`"),
    ("ExecExpect", "`expect` of `exec`"),
    ("Manual", "`[phase.step.manual]`"),
    ("Wait", "`[phase.step.wait]`"),
    ("Gate", "`[[phase.gate]]`"),
    ("SqlGate", "`sql` of a gate"),
    ("ParityGate", "`parity` of a gate"),
    ("Signoff", "`signoff` of a gate"),
    ("Soak", "`soak` of a gate"),
];

#[test]
fn the_reference_is_current() {
    let text = std::fs::read_to_string(root().join(REFERENCE)).unwrap();
    let text = replace(&text, "fields", &fields());
    let text = replace(&text, "codes", &code_table());
    assert!(
        matches_golden(REFERENCE, &text),
        "bless it: PGCUTOVER_BLESS=1 cargo test --test runbook"
    );
}

#[test]
fn every_table_of_the_format_is_in_the_reference() {
    let schema = schema_value();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let told = TABLES.iter().any(|(table, _)| table == name);
        assert!(told || definition["properties"].is_null(), "{name}");
    }
}

/// Replaces what stands between the two markers of a section.
fn replace(text: &str, section: &str, with: &str) -> String {
    let (begin, end) = (
        format!("<!-- {section}: made by a test -->\n"),
        format!("<!-- end of {section} -->"),
    );
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}\n{with}\n{end}{after}")
}

fn code_table() -> String {
    let rows = codes().map(|(code, meaning)| format!("| `{code}` | {meaning} |"));
    let rows: Vec<_> = rows.collect();
    format!("| code | meaning |\n|---|---|\n{}\n", rows.join("\n"))
}

fn fields() -> String {
    let schema = schema_value();
    let table = |(name, header): &(&str, &str)| {
        let definition = match *name {
            "" => &schema,
            name => &schema["$defs"][name],
        };
        let properties = definition["properties"]
            .as_object()
            .unwrap_or_else(|| panic!("{name}"));
        let required: Vec<&str> = definition["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let rows = properties.iter().map(|(field, property)| {
            let must = required.contains(&field.as_str());
            row(&schema, field, property, must)
        });
        let rows: Vec<_> = rows.collect();
        let said = text_of(definition);
        format!(
            "### {header}\n\n{said}\n\n| field | type | default | meaning |\n|---|---|---|---|\n{}\n",
            rows.join("\n")
        )
    };
    TABLES.iter().map(table).collect::<Vec<_>>().join("\n")
}

fn row(schema: &Value, field: &str, property: &Value, required: bool) -> String {
    let said = text_of(property);
    let (meaning, default) = match said.split_once(" Default: ") {
        Some((meaning, default)) => (meaning.to_owned(), default.trim_end_matches('.').to_owned()),
        None if required => (said, "**required**".into()),
        None => (said, String::new()),
    };
    format!(
        "| `{field}` | {} | {default} | {meaning} |",
        type_of(schema, property)
    )
}

fn text_of(property: &Value) -> String {
    property["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

/// A type as a reader of TOML would name it.
fn type_of(schema: &Value, property: &Value) -> String {
    if let Some(name) = property["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        let definition = &schema["$defs"][name];
        return match definition["properties"].is_null() {
            true => type_of(schema, definition),
            false => "table".into(),
        };
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(choices) = property[choice].as_array() {
            let choices: Vec<_> = choices
                .iter()
                .map(|choice| type_of(schema, choice))
                .collect();
            return choices.join(" or ");
        }
    }
    if let Some(word) = property["const"].as_str() {
        return format!("`\"{word}\"`");
    }
    match property["type"].as_str() {
        Some("array") => format!("list of {}", type_of(schema, &property["items"])),
        Some("object") => match property["additionalProperties"].is_object() {
            true => format!(
                "table of {}",
                type_of(schema, &property["additionalProperties"])
            ),
            false => "table".into(),
        },
        Some("string") if property["format"] == "date" => "date".into(),
        Some("string") => "text".into(),
        Some("number") => "number".into(),
        Some("integer") => "integer".into(),
        Some(other) => other.into(),
        None => panic!("no type in {property}"),
    }
}
