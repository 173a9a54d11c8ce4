//! The schema of `config.json` against the reader, and the documents that are made from tables.

use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::ibm::{Fate, IBM_KEYS};
use super::keys::Kind;
use super::schema::config_schema;
use super::*;

/// Compares a file of the repository with what it has to be. With `RENEW_DOCUMENTS=1` it is written instead.
pub(super) fn assert_current(path: &str, wanted: &str) {
    let path = std::env::current_dir().unwrap().join(path);
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found == wanted {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, no part of the configuration")]
    if std::env::var("RENEW_DOCUMENTS").is_ok() {
        return std::fs::File::create(&path).unwrap().write_all(wanted.as_bytes()).unwrap();
    }
    let differing = found.lines().zip(wanted.lines()).position(|(one, other)| one != other);
    panic!(
        "{} is out of date from line {}; renew it with\n  RENEW_DOCUMENTS=1 cargo test --lib infrastructure::config",
        path.display(),
        differing.unwrap_or_else(|| found.lines().count().min(wanted.lines().count())) + 1,
    );
}

/// Puts tables into a document between their marks, and leaves all else as it is.
pub(super) fn assert_tables_current(path: &str, tables: &[(&str, String)]) {
    let mut text = std::fs::read_to_string(std::env::current_dir().unwrap().join(path)).unwrap();
    for (name, table) in tables {
        let (start, end) = (format!("<!-- table {name}: made from the code -->\n"), format!("<!-- end of {name} -->"));
        let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("{path} lacks the mark {start}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{path} lacks the mark {end}"));
        text = format!("{before}{start}{table}{end}{after}");
    }
    assert_current(path, &text);
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_code() {
    assert_current("config/schemas/config.schema.json", &format!("{:#}\n", config_schema()));
}

#[test]
fn the_tables_of_the_document_are_those_of_the_code() {
    let mut keys = "| Key | Variable | Default | Takes | Decides |\n|---|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let (variable, takes) = (key.variable(), key.takes());
        keys.extend([format!("| `{}` | `{variable}` | {default} | {takes} | {} |\n", key.name, key.meaning)]);
    }
    let mut variables = "| Variable | Decides |\n|---|---|\n".to_owned();
    for variable in VARIABLES {
        variables.extend([format!("| `{}` | {} |\n", variable.name, variable.meaning)]);
    }
    let mut ibm = "| Key | Here |\n|---|---|\n".to_owned();
    for (name, fate) in IBM_KEYS {
        let here = match fate {
            Fate::Sets(key) => format!("sets `{key}`"),
            Fate::SetAside(reason) => format!("set aside with a warning: {reason}"),
            Fate::OnlyOff(reason) => format!("`true` is **refused**: {reason}"),
        };
        ibm.extend([format!("| `{name}` | {here} |\n")]);
    }
    assert_tables_current("docs/configuration.md", &[("keys", keys), ("variables", variables), ("ibm", ibm)]);
}

fn schema() -> &'static Validator {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft7::new(&config_schema()).unwrap());
    &SCHEMA
}

/// A document in which one key has this value.
fn with(name: &str, value: Value) -> Value {
    name.rsplit('.').fold(value, |inner, part| json!({ part: inner }))
}

/// What the reader says to a file: what is wrong with it, or its warnings.
fn reading(document: &Value) -> Result<Vec<String>, String> {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let path = root.path().join(name);
        std::fs::create_dir(&path).unwrap();
        Some(path)
    };
    let folders = FolderOptions { config: folder("conf"), work: folder("work"), log: folder("log") };
    let overrides = Overrides { folders, settings: Vec::new() };
    let mut file = std::fs::File::create(root.path().join("conf/config.json")).unwrap();
    file.write_all(document.to_string().as_bytes()).unwrap();
    let read = Settings::load(&overrides, &Environment::default()).map_err(|error| error.to_string())?;
    Ok(read.warnings.into_iter().filter(|warning| !warning.contains("provider.aws.region is not set")).collect())
}

fn whole(document: &Value) -> bool {
    // A proxy's host is checked together with its port.
    reading(document).map_or_else(|error| error.contains("a proxy host needs its port"), |warnings| warnings.is_empty())
}

#[test]
fn what_the_schema_offers_the_reader_takes() {
    let schema = schema();
    for key in KEYS {
        let mut values: Vec<Value> = vec![json!(null), json!(" ")];
        match key.kind {
            Kind::Number(least, most) => values.extend([json!(least), json!(most), json!(most.to_string())]),
            Kind::Flag => values.extend([json!(true), json!("FALSE"), json!("yes"), json!(0)]),
            Kind::Word(words) => values.extend(words.iter().flat_map(|word| [json!(word), json!(word.to_uppercase())])),
            Kind::Level => values.extend([json!("trace"), json!("LOG_WARNING"), json!("Crit")]),
            Kind::Text | Kind::Path => values.push(json!("some text")),
            Kind::Url => values.extend([json!("https://host:8443/x"), json!("http://[::1]:80")]),
            Kind::SecretUrl => values.extend([json!("http://user:word@host:3128"), json!("http://host")]),
            Kind::SecretHeader => values.push(json!("Authorization: Bearer a.b-c")),
            Kind::Events => values.extend([json!("failures, LOST"), json!(["all", "RequestCreated"]), json!([])]),
            Kind::Name => values.extend([json!("grid_1-a"), json!(12)]),
            Kind::Tags => values.extend([json!("a=b; c=d"), json!({"_c": [1], "a": 1, "b": true, "c": null})]),
        }
        if !key.default.is_empty() {
            values.push(json!(key.default));
        }
        for value in values {
            let document = with(key.name, value);
            let complaints: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
            assert_eq!(complaints, [] as [String; 0], "{document}");
            assert!(whole(&document), "{document}: {:?}", reading(&document));
        }
    }
}

#[test]
fn what_the_reader_refuses_or_warns_of_is_an_error_of_the_schema() {
    let schema = schema();
    for key in KEYS {
        let wrong = match key.kind {
            Kind::Number(least, most) => {
                let below = i128::from(least) - 1;
                vec![json!(i64::try_from(below).unwrap()), json!(most + 1), json!("ten"), json!(1.5), json!([1])]
            }
            Kind::Flag => vec![json!("maybe"), json!(2), json!([true])],
            Kind::Word(_) | Kind::Level => vec![json!("anything"), json!(true), json!(["aws"])],
            Kind::Text | Kind::Path => vec![json!("two\nlines"), json!(5), json!({"a": 1})],
            Kind::Url => vec![json!("ftp://host"), json!("http://user:word@host"), json!("host:80")],
            Kind::SecretUrl => vec![json!("host:80"), json!("http://"), json!(8)],
            Kind::SecretHeader => vec![json!("no value"), json!("a b: c"), json!(1)],
            Kind::Events => vec![json!("RequestCreate"), json!(["nothing"]), json!([1]), json!(7)],
            Kind::Name => vec![json!("two words"), json!("x".repeat(65)), json!([1])],
            Kind::Tags => vec![json!("novalue"), json!({"AWS:x": "1"}), json!({"a": [1]}), json!([1]), json!(7)],
        };
        for value in wrong {
            let document = with(key.name, value);
            assert!(reading(&document).is_err(), "the reader takes {document}");
            assert!(!schema.is_valid(&document), "the schema takes {document}");
        }
    }
    for slip in [json!({"storage": {"stratgy": "json"}}), json!({"provder": {}}), json!({"logging": {"Level": "info"}})]
    {
        assert_eq!(reading(&slip).unwrap().len(), 1, "{slip}");
        assert!(!schema.is_valid(&slip), "{slip}");
    }
    let section = json!({"storage": "sqlite"});
    assert!(reading(&section).is_err() && !schema.is_valid(&section));
}

#[test]
fn comments_the_schemas_own_name_and_what_is_orbs_are_no_slips() {
    for document in [
        json!({"$schema": "./schemas/config.schema.json", "_comment": {"any": 1}, "storage": {"_why": []}}),
        json!({"version": "2.0", "scheduler": {"type": "hostfactory"}, "provider": {"providers": [
            {"name": "a", "type": "aws", "enabled": true, "config": {"region": "eu-west-1"}}]}}),
    ] {
        assert!(schema().is_valid(&document), "{document}");
        assert_eq!(reading(&document).unwrap(), [] as [String; 0], "{document}");
    }
}

#[test]
fn the_sample_is_valid_and_names_its_schema() {
    let text = std::fs::read_to_string("config/config.json").unwrap();
    let sample: Value = serde_json::from_str(&text).unwrap();
    let complaints: Vec<String> = schema().iter_errors(&sample).map(|error| error.to_string()).collect();
    assert_eq!(complaints, [] as [String; 0]);
    assert!(Path::new("config").join(sample["$schema"].as_str().unwrap()).is_file());
}
