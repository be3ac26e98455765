//! The seeds of the fuzzing: each holds what `make fuzz` asks of any bytes.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod properties;

fn files(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let mut names: Vec<String> = entries.map(|entry| name(entry).unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_seed_holds_its_properties() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names: Vec<&str> = properties::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        files(&root.join("seeds")),
        names,
        "a folder for each target"
    );
    let sources: Vec<String> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(files(&root.join("targets")), sources);
    for (name, holds) in properties::TARGETS {
        let folder = root.join("seeds").join(name);
        let seeds = files(&folder);
        assert!(seeds.len() >= 5, "{name} has few seeds: {seeds:?}");
        for seed in seeds {
            let bytes = fs::read(folder.join(&seed)).unwrap();
            let held = std::panic::catch_unwind(|| holds(&bytes));
            assert!(held.is_ok(), "{name}/{seed}");
        }
    }
}
