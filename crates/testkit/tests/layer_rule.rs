//! Checks the layer rule of `deny.toml` against cargo's dependency data, also on machines without cargo-deny.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

#[test]
fn every_crate_is_used_only_by_those_that_deny_toml_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let deny: toml::Table = std::fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap();
    let rules: BTreeMap<&str, Vec<&str>> = deny["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            let wrappers = rule["wrappers"].as_array().unwrap();
            (rule["crate"].as_str().unwrap(), wrappers.iter().map(|w| w.as_str().unwrap()).collect())
        })
        .collect();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(&root)
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut checked = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let user = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let (name, kind) = (dependency["name"].as_str().unwrap(), &dependency["kind"]);
            // Tests may use any crate.
            if kind == "dev" {
                continue;
            }
            if let Some(allowed) = rules.get(name) {
                assert!(allowed.contains(&user), "{user} may not use {name}: see deny.toml");
                checked += 1;
            } else {
                assert!(!name.starts_with("bellwether"), "deny.toml has no rule for {name}");
            }
        }
    }
    assert!(checked > 30, "only {checked} dependencies checked");
}
