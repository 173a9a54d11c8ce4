//! The JSON Schema of template files, by which an editor completes and checks them: made from the fields and [`about`].
//!
//! Fields may be spelt as the reader takes them; the names in IBM's files alone are offered. Invariant: what the reader
//! takes without a word is no error here, but for a template that is switched off.

use serde_json::{Map, Value, json};

use super::fields::{Fate, Field};
use super::requirements::{self, Takes};
use super::shapes::{Shape, about};
use super::volumes;
use crate::infrastructure::config::schema::{
    BLANK, Members, any_spelling, flag, head, in_any_case, in_any_dress, object, one_of, scalar, tags, text, whole,
};

const TYPE: &str = "[a-z0-9-]+[.][a-z0-9-]+";
/// A type, or a pattern such as `m5.*`.
const TYPES: &str = "[0-9A-Za-z.*-]{1,30}";

/// Returns the schema of template files: an object with `templates`, a bare list, or an object keyed by template id.
pub fn template_schema() -> Value {
    let mut definitions = Map::new();
    let (mut offered, mut spelt) = (Map::new(), object(&json!({ "^_": true })));
    for field in Field::all() {
        let name = field.name();
        let link = json!({ "$ref": format!("#/definitions/{name}") });
        definitions.insert(name.to_owned(), Value::Object(of_field(field)));
        offered.insert(name.to_owned(), link.clone());
        spelt.insert(spellings(field), link);
    }
    definitions.extend(requirement_parts());
    let template = json!({
        "type": "object",
        "properties": offered,
        "patternProperties": spelt,
        "additionalProperties": false,
        "allOf": [needs(Field::MaxNumber)],
    });
    definitions.insert("template".to_owned(), template);
    let listed = json!({ "allOf": [{ "$ref": "#/definitions/template" }, needs(Field::TemplateId)] });
    definitions.insert("listed".to_owned(), listed);
    let keyed = json!({ "if": { "type": "object" }, "then": { "$ref": "#/definitions/template" } });
    definitions.insert("keyed".to_owned(), keyed);
    let by_id = json!({
        "patternProperties": { "^_": true },
        "additionalProperties": { "$ref": "#/definitions/keyed" },
    });
    let mut templates = object(&by_id);
    templates.extend(object(&json!({
        "description": "The hosts on offer, in their order.",
        "type": ["array", "object"],
        "items": { "$ref": "#/definitions/listed" },
        "minItems": 1,
        "minProperties": 1,
    })));
    let root = object(&json!({
        "type": ["object", "array"],
        "items": { "$ref": "#/definitions/listed" },
        "minItems": 1,
        "properties": { "templates": templates },
        "if": { "type": "object", "required": ["templates"] },
        "else": by_id,
        "definitions": definitions,
    }));
    head(root, "hostfactory: a template file", "docs/templates.md says more of each field")
}

/// Every spelling of a field.
fn spellings(field: Field) -> String {
    let names = std::iter::once(&field.info().name).chain(field.info().aliases);
    let mut names: Vec<String> = names.map(|name| any_spelling(name)).collect();
    names.sort();
    names.dedup();
    format!("^({})$", names.join("|"))
}

/// A template in which a field is there, however it is spelt.
fn needs(field: Field) -> Value {
    json!({
        "not": { "propertyNames": { "not": { "pattern": spellings(field) } } },
        "errorMessage": format!("{} is missing.", field.name()),
    })
}

fn of_field(field: Field) -> Members {
    let (shape, meaning) = about(field);
    let info = field.info();
    let also = match info.aliases {
        [] => String::new(),
        names => format!(" Also: {}.", names.join(", ")),
    };
    let (mut schema, says) = match info.fate {
        Fate::Acts => (of_shape(&shape), format!("{meaning} Takes {}.", shape.takes())),
        Fate::Describes => (object(&json!({ "doNotSuggest": true })), "It describes; nothing acts on it.".to_owned()),
        Fate::SetAside(reason) => {
            let says = format!("No effect: {reason}.");
            (object(&json!({ "doNotSuggest": true, "deprecationMessage": says })), says)
        }
        Fate::Refused(reason) => {
            let says = format!("Refused: {reason}.");
            (object(&json!({ "doNotSuggest": true, "errorMessage": says, "enum": [null, "", [], {}] })), says)
        }
    };
    let says = if shape == Shape::Any && info.fate == Fate::Acts { meaning.to_owned() } else { says };
    schema.insert("description".to_owned(), json!(format!("{says}{also}")));
    if field == Field::IsActive {
        schema.insert("default".to_owned(), json!(true));
    }
    schema
}

/// A value with this schema, or one that says nothing.
fn or_unset(schema: &Value) -> Members {
    object(&json!({ "anyOf": [schema, { "type": ["string", "null"], "pattern": BLANK }] }))
}

fn listed(form: &str, takes: &str) -> Members {
    let item = format!(r"^\s*({form})?\s*(,\s*({form})?\s*)*$");
    or_unset(&json!({
        "type": ["array", "string"],
        "pattern": item,
        "patternErrorMessage": format!("It takes {takes}."),
        "items": text(&item, takes),
    }))
}

fn of_shape(shape: &Shape) -> Members {
    let takes = &shape.takes();
    match shape {
        Shape::Any => Members::new(),
        Shape::Text(longest) => scalar(&format!(r"^[^\u0000-\u001f\u007f-\u009f]{{0,{longest}}}$"), takes),
        Shape::Form(form, _) => scalar(&format!(r"^\s*({form})\s*$|{BLANK}"), takes),
        Shape::List(form, _) => listed(form, takes),
        Shape::Whole(least, most) => whole(*least, *most),
        Shape::Ratio => object(&json!({
            "type": ["number", "string", "null"],
            "minimum": 0,
            "maximum": 1,
            "pattern": format!(r"^\s*\+?(0?[.][0-9]+|0[.]?|1([.]0*)?)\s*$|{BLANK}"),
            "patternErrorMessage": format!("It takes {takes}."),
        })),
        Shape::Flag => flag(),
        Shape::Word(words) => one_of(words),
        Shape::Words(words) => listed(&in_any_dress(words), takes),
        Shape::Types => weighted(takes),
        Shape::Priorities => or_unset(&json!({
            "type": "object",
            "patternProperties": { "^_": true, format!(r"^\s*{TYPE}\s*$"): whole(0, u32::MAX) },
            "additionalProperties": false,
        })),
        Shape::Tags => tags(),
        Shape::Attributes => attributes(),
        Shape::Volumes => or_unset(&json!({ "type": "array", "items": volume() })),
        Shape::Metadata => or_unset(&metadata()),
        Shape::Requirements => or_unset(&requirements()),
        Shape::Script => object(&json!({ "type": ["string", "null"] })),
        Shape::Document => or_unset(&json!({ "type": "object" })),
    }
}

fn weighted(takes: &str) -> Members {
    let list = format!(r"^\s*({TYPE})?\s*(,\s*({TYPE})?\s*)*$");
    let weight = json!({
        "type": ["integer", "string"], "minimum": 1, "maximum": 1000, "pattern": r"^\s*\+?[0-9]+([.]0)?\s*$", "default": 1,
    });
    object(&json!({
        "type": ["object", "array", "string", "null"],
        "pattern": list,
        "patternErrorMessage": format!("It takes {takes}."),
        "items": text(&list, "an instance type such as m6i.xlarge"),
        "patternProperties": { "^_": true, format!(r"^\s*{TYPE}\s*$"): weight },
        "additionalProperties": false,
    }))
}

fn attributes() -> Members {
    let bare = json!(["string", "number", "boolean"]);
    let kind = format!(r"^\s*({})\s*$", in_any_case(&["Numeric", "String", "Boolean"]));
    let attribute = json!({ "anyOf": [
        { "type": "array", "items": [{ "type": "string", "pattern": kind }, { "type": bare }], "minItems": 2, "maxItems": 2 },
        { "type": bare },
    ]});
    let named = |meaning: &str, example: Value| {
        let mut schema = object(&attribute);
        schema.extend([("description".to_owned(), json!(meaning)), ("examples".to_owned(), json!([example]))]);
        Value::Object(schema)
    };
    or_unset(&json!({
        "type": "object",
        "properties": {
            "type": named("The host type that Symphony knows.", json!(["String", "X86_64"])),
            "ncpus": named("Physical cores, divided by ncores where that is written.", json!(["Numeric", "1"])),
            "ncores": named("1, as IBM counts.", json!(["Numeric", "1"])),
            "nram": named("Memory in MiB.", json!(["Numeric", "4096"])),
        },
        "patternProperties": { "^_": true },
        "additionalProperties": attribute,
        "maxProperties": 200,
    }))
}

fn volume() -> Value {
    let ((least, most), iops, throughput) = volumes::widest();
    let figure = |(least, most): (u32, u32), meaning: &str| {
        let mut schema = whole(least, most);
        schema.insert("description".to_owned(), json!(meaning));
        schema
    };
    let text = |form: &str, takes: &str| scalar(&format!(r"^\s*({form})\s*$|{BLANK}"), takes);
    let of_member = |member: &str| match member {
        "deviceName" => text("[0-9A-Za-z/]{2,32}", "a device name such as /dev/sdf"),
        "size" => figure((least, most), "GiB."),
        "volumeType" => one_of(&volumes::kinds(false)),
        "iops" => figure(iops, "I/O operations a second."),
        "throughput" => figure(throughput, "MiB a second."),
        "encrypted" => flag(),
        "snapshotId" => text("snap-.*", "snap-…"),
        _ => text(".{1,2048}", "a text"),
    };
    let members: Members =
        volumes::MEMBERS.into_iter().map(|member| (member.to_owned(), Value::Object(of_member(member)))).collect();
    json!({
        "type": "object",
        "properties": members,
        "patternProperties": { "^_": true },
        "additionalProperties": false,
        "required": ["deviceName"],
    })
}

fn metadata() -> Value {
    let mut tokens = one_of(&["required", "optional"]);
    tokens.insert("default".to_owned(), json!("required"));
    json!({
        "type": "object",
        "properties": {
            "httpTokens": tokens,
            "httpPutResponseHopLimit": whole(1, 64),
            "instanceMetadataTags": one_of(&["enabled", "disabled"]),
            "httpEndpoint": one_of(&["enabled", "disabled"]),
        },
        "patternProperties": { "^_": true },
        "additionalProperties": false,
    })
}

/// The name of what a member of `abisInstanceRequirements` takes; many take the same.
fn part(name: &str, takes: Takes) -> String {
    match takes {
        Takes::Span | Takes::Fractions | Takes::Percentage | Takes::Types => format!("abis.{takes:?}"),
        Takes::Word(_) | Takes::Words(_) | Takes::Names | Takes::Flag => format!("abis.{name}"),
    }
}

fn in_any_spelling(name: &str) -> String {
    format!("^{}$", in_any_dress(&[name]))
}

fn requirements() -> Value {
    let (mut offered, mut spelt) = (Map::new(), object(&json!({ "^_": true })));
    for (name, takes) in requirements::MEMBERS {
        let link = json!({ "$ref": format!("#/definitions/{}", part(name, takes)) });
        offered.insert(name.to_owned(), link.clone());
        spelt.insert(in_any_spelling(name), link);
    }
    json!({
        "type": "object",
        "properties": offered,
        "patternProperties": spelt,
        "additionalProperties": false,
    })
}

/// What members of `abisInstanceRequirements` take, each by the name that [`part`] gives it.
fn requirement_parts() -> Members {
    let most = i32::MAX;
    let span = |number: Members| {
        or_unset(&json!({
            "type": "object",
            "properties": { "Min": number, "Max": number },
            "patternProperties": { "^_": true, in_any_spelling("Min"): number, in_any_spelling("Max"): number },
            "additionalProperties": false,
        }))
    };
    let fraction = object(&json!({
        "type": ["number", "string", "null"], "minimum": 0, "pattern": r"^\s*[0-9]*[.]?[0-9]*\s*$",
    }));
    let of_member = |takes: Takes| match takes {
        Takes::Span => span(whole(0, most)),
        Takes::Fractions => span(fraction.clone()),
        Takes::Word(words) => one_of(words),
        Takes::Words(words) => listed(&in_any_dress(words), &words.join(", ")),
        Takes::Types => listed(TYPES, "instance types, or patterns such as m5.*"),
        Takes::Names => listed("[0-9A-Za-z-]{1,40}", "names such as a100"),
        Takes::Flag => flag(),
        Takes::Percentage => whole(0, most),
    };
    let members = requirements::MEMBERS.into_iter();
    members.map(|(name, takes)| (part(name, takes), Value::Object(of_member(takes)))).collect()
}

/// Returns the table of fields, for `docs/templates.md`.
#[cfg(test)]
pub(super) fn table() -> String {
    let mut table = String::from("| Field | Other names | Takes | What it does |\n|---|---|---|---|\n");
    for field in Field::all() {
        let (info, (shape, meaning)) = (field.info(), about(field));
        let aliases: Vec<String> = info.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let does = match info.fate {
            Fate::Acts => meaning.to_owned(),
            Fate::Describes => "nothing: it describes".to_owned(),
            Fate::SetAside(reason) => format!("set aside with a warning: {reason}"),
            Fate::Refused(reason) => format!("**refused**: {reason}"),
        };
        table.extend([format!("| `{}` | {} | {} | {does} |\n", info.name, aliases.join(", "), shape.takes())]);
    }
    table
}
