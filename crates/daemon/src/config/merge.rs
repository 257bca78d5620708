//! Flags and file together.

use super::error::FileProblem;
use super::options::{Effect, OPTIONS};
use super::{ConfigError, Invocation, Settings, file, value};
use serde_json::{Map, Value};

/// Reads the configuration file of an invocation and merges it with the flags.
pub(crate) fn load(invocation: &Invocation) -> Result<Settings, ConfigError> {
    let path = &invocation.config_file;
    let problem = |problem| ConfigError::File { path: path.clone(), problem };
    let file = file::read(path, invocation.config_file_required).map_err(problem)?;
    with_file(invocation, file)
}

/// Merges the content of a configuration file with the flags.
pub(super) fn with_file(invocation: &Invocation, file: Map<String, Value>) -> Result<Settings, ConfigError> {
    let problem = |problem| ConfigError::File { path: invocation.config_file.clone(), problem };
    let merged = merge(&invocation.flags, file).map_err(problem)?;
    refuse_unsupported(&merged)?;
    let settings: Settings = teu_api::json::from_value(&Value::Object(merged)).map_err(|e| problem(e.into()))?;
    settings.validate().map_err(|reason| problem(FileProblem::Merged(reason)))?;
    Ok(settings.with_defaults(invocation.personality))
}

/// Joins both; what is given in both is a conflict. Runtimes add up.
fn merge(flags: &Map<String, Value>, file: Map<String, Value>) -> Result<Map<String, Value>, FileProblem> {
    let conflicts: Vec<_> = file
        .iter()
        .filter(|(key, _)| *key != "runtimes")
        .filter_map(|(key, from_file)| {
            let from_flag = value::print(flags.get(key)?);
            Some(format!("{key}: (from flag: {from_flag}, from file: {})", value::print(from_file)))
        })
        .collect();
    if !conflicts.is_empty() {
        return Err(FileProblem::Conflict(conflicts));
    }
    let mut merged = file;
    for (key, from_flag) in flags {
        let value = match merged.remove(key) {
            Some(from_file) => value::join(from_file, from_flag.clone()),
            None => from_flag.clone(),
        };
        merged.insert(key.clone(), value);
    }
    Ok(merged)
}

/// Refuses values that ask for what is not built.
fn refuse_unsupported(merged: &Map<String, Value>) -> Result<(), ConfigError> {
    for opt in OPTIONS {
        let Some(found) = merged.get(opt.key) else { continue };
        if let Effect::Only(allowed) = opt.effect
            && !found.is_null()
            && !allowed.contains(&value::print(found).as_str())
        {
            return Err(ConfigError::Unsupported(if opt.flag.is_empty() { opt.key } else { opt.flag }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value}") };
        map
    }

    #[test]
    fn what_is_in_both_is_a_conflict() {
        let flags = object(json!({"labels": ["c=d"], "log-level": "info", "log-opts": {"max-file": "3"}}));
        let file = object(json!({"labels": ["a=b"], "log-level": "debug", "log-opts": {"max-size": "10m"}}));
        assert_eq!(
            merge(&flags, file).unwrap_err().to_string(),
            "the following directives are specified both as a flag and in the configuration file: \
             labels: (from flag: [c=d], from file: [a=b]), log-level: (from flag: info, from file: debug), \
             log-opts: (from flag: map[max-file:3], from file: map[max-size:10m])"
        );
    }

    #[test]
    fn runtimes_add_up() {
        let flags = object(json!({"runtimes": {"a": {"path": "/a"}}}));
        let file = object(json!({"runtimes": {"b": {"path": "/b"}}, "debug": true}));
        let merged = Value::Object(merge(&flags, file).unwrap());
        assert_eq!(merged, json!({"runtimes": {"a": {"path": "/a"}, "b": {"path": "/b"}}, "debug": true}));
    }

    #[test]
    fn only_what_changes_behaviour_is_refused() {
        let check = |value| refuse_unsupported(&object(value)).map_err(|error| error.to_string());
        assert_eq!(check(json!({"userns-remap": "x", "selinux-enabled": false, "storage-opts": []})), Ok(()));
        assert_eq!(check(json!({"selinux-enabled": true})), Err("--selinux-enabled is not supported yet".to_owned()));
    }
}
