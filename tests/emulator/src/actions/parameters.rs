//! Systems Manager: `GetParameter` and `GetParameters`, for image aliases.

use serde_json::{Value, json};

use super::Context;
use crate::refusal::Refusal;

/// Returns a parameter; every parameter has one version, and no labels.
fn parameter(context: &Context<'_>, name: &str) -> Result<Value, Refusal> {
    let (plain, version) = name.split_once(':').unwrap_or((name, "1"));
    let value = context.world.catalogue.parameters.get(plain);
    let value = value.ok_or_else(|| Refusal::new("ParameterNotFound", format!("Parameter {plain} not found.")))?;
    if version != "1" {
        let text = format!("Systems Manager could not find version {version} of {plain}.");
        return Err(Refusal::new("ParameterVersionNotFound", text));
    }
    Ok(json!({"Name": plain, "Type": "String", "Value": value, "Version": 1, "DataType": "aws:ec2:image"}))
}

/// `GetParameter`: one, or `ParameterNotFound`.
pub(super) fn get(context: &mut Context<'_>) -> Result<String, Refusal> {
    let found = parameter(context, context.parameters.required("Name")?)?;
    Ok(json!({"Parameter": found}).to_string())
}

/// `GetParameters`: those that are there, and the names of those that are not.
pub(super) fn get_many(context: &mut Context<'_>) -> Result<String, Refusal> {
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in context.parameters.list("Names") {
        match parameter(context, name) {
            Ok(parameter) => found.push(parameter),
            Err(_) => invalid.push(name),
        }
    }
    if found.is_empty() && invalid.is_empty() {
        return Err(Refusal::new("ValidationException", "1 validation error detected: Names must not be empty"));
    }
    Ok(json!({"Parameters": found, "InvalidParameters": invalid}).to_string())
}
