//! The header that is committed is the one that the code makes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

/// In the order of the header.
const SOURCES: [&str; 7] = [
    "error.rs",
    "settings.rs",
    "client.rs",
    "credential.rs",
    "models.rs",
    "token.rs",
    "site.rs",
];

fn made(folder: &Path) -> String {
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(folder.join("src").join(source));
    }
    let mut bytes = Vec::new();
    builder.generate().unwrap().write(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    // C has no markup.
    text.replace('`', "")
}

#[test]
fn header_is_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("include/gatehouse.h");
    let made = made(folder);
    if std::env::var_os("GATEHOUSE_WRITE_HEADER").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).expect("include/gatehouse.h cannot be read");
    assert!(
        committed == made,
        "include/gatehouse.h is not current: GATEHOUSE_WRITE_HEADER=1 cargo test -p gatehouse-c writes it"
    );
}
