//! `docs/database.md` is written from the migrations and from `crates/store/src/schema/descriptions.toml`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use toml::{Table, Value};

const INTRODUCTION: &str = "\
# The database

Written by a test from the migrations in `crates/store/src/schema/` and from `descriptions.toml` beside them;
`INSTA_UPDATE=always cargo test -p bellwether-testkit --test database` writes it anew.

The database is one SQLite file in WAL mode. Its schema is a public interface: other programs may read it while a sensor runs.

- **Open it read-only** (`mode=ro`). A writer beside the sensor delays rows; only the commands of Bellwether should write.
- **Check the version.** `PRAGMA application_id` is 0x42574442 (\"BWDB\"), `PRAGMA user_version` is the schema version. The program
  refuses a newer database and migrates an older one when it opens it for writing, or by `bellwether db migrate`.
- **A migration is never changed, only added.** Tables and columns keep their meaning; the column \"since\" names the first version that has them.
- **Times** are integers, nanoseconds since 1970-01-01 UTC (unit ns). Booleans are 0 and 1.
- **Identities** of calls, registrations, streams and inputs are 63-bit keyed hashes. They are the same in every run with the same key.
- **Parties** are keyed tokens (HMAC-SHA-256) of numbers, user parts and display names, unless `privacy = \"clear\"` keeps them readable.
- **Fits and reports are derived.** Clock fits, device classes of calls and stack names are not stored; `bellwether report` computes them.
";

#[test]
fn the_document_of_the_database_is_up_to_date() {
    let path = root().join("docs/database.md");
    let schema = Schema::of_migrations();
    let text = document(&schema, &descriptions());
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/database.md is old: INSTA_UPDATE=always cargo test -p bellwether-testkit --test database writes it anew"
    );
}

#[test]
fn the_last_migration_is_the_version_of_the_program() {
    assert_eq!(migrations().len() as i64, bellwether_store::VERSION);
}

#[test]
fn a_column_without_a_description_is_found() {
    let schema = Schema::of_migrations();
    let mut described = descriptions();
    let calls = described["tables"]["calls"]["columns"].as_table_mut().unwrap();
    assert!(calls.remove("origin").is_some());
    assert_eq!(
        faults(&schema, &described),
        ["calls.origin has no description", "calls_now.origin has no description"]
    );
}

#[test]
fn an_example_that_does_not_fit_the_schema_is_found() {
    let schema = Schema::of_migrations();
    let mut described = descriptions();
    described["examples"][0]["sql"] = Value::from("SELECT colour FROM calls_now");
    let faults = faults(&schema, &described);
    assert!(matches!(faults.as_slice(), [fault] if fault.contains("no such column: colour")), "{faults:?}");
}

#[test]
fn a_description_of_a_column_that_does_not_exist_is_found() {
    let schema = Schema::of_migrations();
    let mut described = descriptions();
    let calls = described["tables"]["calls"]["columns"].as_table_mut().unwrap();
    calls.insert("colour".to_owned(), Value::from("The colour of the telephone."));
    described["tables"].as_table_mut().unwrap().insert("telephones".to_owned(), Value::Table(Table::new()));
    assert_eq!(
        faults(&schema, &described),
        [
            "calls.colour is described and does not exist",
            "telephones is described and does not exist",
            "telephones stands in 0 groups"
        ]
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn descriptions() -> Table {
    let path = root().join("crates/store/src/schema/descriptions.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The migrations in order.
fn migrations() -> Vec<String> {
    let folder = root().join("crates/store/src/schema");
    let text = |number: usize| std::fs::read_to_string(folder.join(format!("{number}.sql"))).ok();
    (1..).map_while(text).collect()
}

#[derive(Clone, PartialEq)]
struct Column {
    name: String,
    kind: String,
    is_nullable: bool,
}

struct Relation {
    is_view: bool,
    columns: Vec<Column>,
    key: Vec<String>,
    /// Unique constraints and indexes as `(columns)`, with the condition of a partial index.
    indexes: Vec<String>,
    references: BTreeMap<String, String>,
}

struct Schema {
    relations: BTreeMap<String, Relation>,
    /// The version since which a relation, and a column of it, exist without a gap.
    since: BTreeMap<(String, String), usize>,
    /// An empty database of the last version.
    db: Connection,
}

impl Schema {
    fn of_migrations() -> Self {
        let db = Connection::open_in_memory().unwrap();
        let (mut relations, mut since) = (BTreeMap::new(), BTreeMap::new());
        for (version, sql) in (1..).zip(migrations()) {
            db.execute_batch(&sql).unwrap();
            relations = read_relations(&db);
            let mut now = BTreeMap::new();
            for (name, relation) in &relations {
                for column in relation.columns.iter().map(|c| c.name.as_str()).chain([""]) {
                    let key = (name.clone(), column.to_owned());
                    let first = since.get(&key).copied().unwrap_or(version);
                    now.insert(key, first);
                }
            }
            since = now;
        }
        Self { relations, since, db }
    }

    fn since(&self, relation: &str, column: &str) -> usize {
        self.since[&(relation.to_owned(), column.to_owned())]
    }
}

fn read_relations(db: &Connection) -> BTreeMap<String, Relation> {
    let mut select = db
        .prepare("SELECT name, type = 'view' FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let names: Vec<(String, bool)> =
        select.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap();
    names.into_iter().map(|(name, is_view)| (name.clone(), read_relation(db, &name, is_view))).collect()
}

fn read_relation(db: &Connection, name: &str, is_view: bool) -> Relation {
    let mut select = db.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1)").unwrap();
    let rows: Vec<(String, String, bool, u32)> = select
        .query_map([name], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut key: Vec<(u32, String)> = rows.iter().filter(|r| r.3 > 0).map(|r| (r.3, r.0.clone())).collect();
    key.sort();
    let columns = rows
        .into_iter()
        .map(|(name, kind, is_not_null, pk)| Column { name, kind, is_nullable: !is_not_null && pk == 0 })
        .collect();
    let mut select =
        db.prepare("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?1)").unwrap();
    let references = select
        .query_map([name], |r| {
            let (from, table, to): (String, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
            Ok((from, format!("{table}.{to}")))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    Relation {
        is_view,
        columns,
        key: key.into_iter().map(|k| k.1).collect(),
        indexes: indexes(db, name),
        references,
    }
}

fn indexes(db: &Connection, relation: &str) -> Vec<String> {
    let mut select =
        db.prepare("SELECT name, \"unique\", origin FROM pragma_index_list(?1) ORDER BY name").unwrap();
    let list: Vec<(String, bool, String)> = select
        .query_map([relation], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut found = Vec::new();
    for (index, is_unique, origin) in list {
        let body = match origin.as_str() {
            "pk" => continue,
            "u" => {
                let mut select = db.prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno").unwrap();
                let columns: Vec<String> =
                    select.query_map([&index], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
                format!("({})", columns.join(", "))
            }
            _ => {
                let sql: String = db
                    .query_row(
                        "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?1",
                        [&index],
                        |r| r.get(0),
                    )
                    .unwrap();
                sql[sql.find('(').unwrap()..].to_owned()
            }
        };
        found.push(if is_unique { format!("`{body}` unique") } else { format!("`{body}`") });
    }
    found
}

/// The unit and the meaning of a column. A view takes those of a table's column of the same name where it has none of its own.
fn described<'a>(descriptions: &'a Table, relation: &str, column: &str) -> Option<(&'a str, &'a str)> {
    let of = |relation: &str| descriptions["tables"].get(relation)?.get("columns")?.get(column);
    let found = of(relation).or_else(|| if relation == "calls_now" { of("calls") } else { None })?;
    match found {
        Value::String(meaning) => Some(("", meaning)),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(unit), Value::String(meaning)] => Some((unit, meaning)),
            _ => None,
        },
        _ => None,
    }
}

fn groups(descriptions: &Table) -> Vec<(&str, Vec<&str>)> {
    let group = |group| {
        let group: &Value = group;
        let tables = group["tables"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
        (group["name"].as_str().unwrap(), tables)
    };
    descriptions["groups"].as_array().unwrap().iter().map(group).collect()
}

/// Everything in which schema and descriptions differ.
fn faults(schema: &Schema, descriptions: &Table) -> Vec<String> {
    let mut faults = BTreeSet::new();
    for (name, relation) in &schema.relations {
        if descriptions["tables"].get(name).and_then(|t| t.get("about")).is_none() {
            faults.insert(format!("{name} has no description"));
        }
        for column in &relation.columns {
            if described(descriptions, name, &column.name).is_none() {
                faults.insert(format!("{name}.{} has no description", column.name));
            }
        }
    }
    for (name, table) in descriptions["tables"].as_table().unwrap() {
        let Some(relation) = schema.relations.get(name) else {
            faults.insert(format!("{name} is described and does not exist"));
            continue;
        };
        for column in table["columns"].as_table().unwrap().keys() {
            if !relation.columns.iter().any(|c| c.name == *column) {
                faults.insert(format!("{name}.{column} is described and does not exist"));
            }
        }
    }
    let groups = groups(descriptions);
    let described = descriptions["tables"].as_table().unwrap().keys();
    for name in schema.relations.keys().chain(described).collect::<BTreeSet<_>>() {
        let n = groups.iter().flat_map(|g| &g.1).filter(|t| *t == name).count();
        if n != 1 {
            faults.insert(format!("{name} stands in {n} groups"));
        }
    }
    let versions = descriptions["versions"].as_table().unwrap();
    if !(1..=migrations().len())
        .map(|v| v.to_string())
        .collect::<BTreeSet<_>>()
        .iter()
        .eq(versions.keys().collect::<BTreeSet<_>>())
    {
        faults.insert("[versions] does not name each migration once".to_owned());
    }
    for (title, sql) in examples(descriptions) {
        if let Err(e) = schema.db.prepare(sql) {
            faults.insert(format!("{title}: {e}"));
        }
    }
    faults.into_iter().collect()
}

fn examples(descriptions: &Table) -> Vec<(&str, &str)> {
    let example = |example| {
        let example: &Value = example;
        (example["title"].as_str().unwrap(), example["sql"].as_str().unwrap().trim())
    };
    descriptions["examples"].as_array().unwrap().iter().map(example).collect()
}

fn document(schema: &Schema, descriptions: &Table) -> String {
    let faults = faults(schema, descriptions);
    assert!(faults.is_empty(), "crates/store/src/schema/descriptions.toml: {}", faults.join("; "));
    let mut text = String::from(INTRODUCTION);
    text.push_str("\n## Versions\n\n| version | change |\n|---:|---|\n");
    for version in 1..=migrations().len() {
        let change = descriptions["versions"][version.to_string().as_str()].as_str().unwrap();
        writeln!(text, "| {version} | {change} |").unwrap();
    }
    text.push_str("\n## Examples\n");
    for (title, sql) in examples(descriptions) {
        writeln!(text, "\n{title}:\n\n```sql\n{sql};\n```").unwrap();
    }
    for (group, tables) in groups(descriptions) {
        writeln!(text, "\n## {group}").unwrap();
        for name in tables {
            write_relation(&mut text, schema, descriptions, name);
        }
    }
    text
}

fn write_relation(text: &mut String, schema: &Schema, descriptions: &Table, name: &str) {
    let relation = &schema.relations[name];
    let about = descriptions["tables"][name]["about"].as_str().unwrap();
    writeln!(text, "\n### `{name}`\n\n{about} Since version {}.", schema.since(name, "")).unwrap();
    if !relation.key.is_empty() {
        write!(text, "Key: `({})`.", relation.key.join(", ")).unwrap();
    }
    if !relation.indexes.is_empty() {
        write!(text, " Indexes: {}.", relation.indexes.join(", ")).unwrap();
    }
    if !relation.is_view {
        text.push('\n');
    }
    text.push_str("\n| column | type | null | unit | meaning | since |\n|---|---|---|---|---|---:|\n");
    for column in &relation.columns {
        let (unit, meaning) = described(descriptions, name, &column.name).unwrap();
        // A view's columns have no constraints.
        let null = if relation.is_view || column.is_nullable { "yes" } else { "" };
        let reference = relation
            .references
            .get(&column.name)
            .map(|to| format!(" References `{to}`."))
            .unwrap_or_default();
        let since = schema.since(name, &column.name);
        writeln!(
            text,
            "| `{}` | {} | {null} | {unit} | {meaning}{reference} | {since} |",
            column.name, column.kind
        )
        .unwrap();
    }
}
