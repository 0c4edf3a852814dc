//! Owns the SQL that prepares a database for pgcutover, to be run by whoever
//! administers it; never runs it.
//!
//! A lead may install the schema by itself, and then owns it. Prepared this way
//! nobody's login does, and each of three groups has the least that it needs.

use super::migrate;

/// The group roles.
const ROLES: &str = include_str!("sql/grants/roles.sql");
/// What each may do.
const GRANTS: &str = include_str!("sql/grants/grants.sql");

/// Who leads.
pub const LEAD: &str = "pgcutover_lead";
/// Who asks the lead.
pub const OPERATOR: &str = "pgcutover_operator";

/// The roles, the schema (unless it is there already) and the grants, as
/// statements of one transaction that the caller begins and ends.
pub fn script(installed: bool) -> String {
    let schema = match installed {
        true => String::new(),
        false => format!(
            "SET LOCAL ROLE pgcutover_owner;\n{}RESET ROLE;\n\n",
            migrate::script()
        ),
    };
    format!("{ROLES}\n{schema}{GRANTS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table that is forgotten here works for whoever owns the schema, and
    /// fails for everybody else.
    #[test]
    fn every_table_of_the_schema_has_been_thought_of() {
        // Written and read by functions alone.
        const NOBODYS: &str = "presence";
        let schema = migrate::script();
        let tables = schema.split("CREATE TABLE pgcutover.").skip(1);
        for table in tables.filter_map(|rest| rest.split_whitespace().next()) {
            let named = GRANTS.contains(&format!("pgcutover.{table}"));
            assert!(named != (table == NOBODYS), "{table}");
        }
    }
}
