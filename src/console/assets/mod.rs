//! The style sheet, the icon and the one script, in the binary. Their names hold a digest of their bytes, so browsers may
//! keep them for ever.
//!
//! The script is [htmx](https://htmx.org) 2.0.11 as its authors publish it, under the Zero-Clause BSD licence.

pub mod http;

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file.
pub struct Asset {
    name: &'static str,
    /// Its address.
    pub url: String,
    /// What it is.
    pub media_type: &'static str,
    /// All of it.
    pub bytes: &'static [u8],
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset(
            "console.css",
            "text/css; charset=utf-8",
            include_bytes!("console.css"),
        ),
        asset(
            "htmx.js",
            "text/javascript; charset=utf-8",
            include_bytes!("htmx.min.js"),
        ),
        asset("icon.svg", "image/svg+xml", include_bytes!("icon.svg")),
    ]
});

fn asset(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
    let digest = hex::encode(Sha256::digest(bytes));
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let short = digest.get(..16).unwrap_or_default();
    Asset {
        name,
        url: format!("/console/assets/{stem}-{short}.{extension}"),
        media_type,
        bytes,
    }
}

/// The address of a file; empty for one that is not there.
#[must_use]
pub fn url(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.map_or("", |asset| &asset.url)
}

/// The file at an address.
#[must_use]
pub fn at(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.url == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_a_digest_and_lead_to_the_file() {
        for name in ["console.css", "htmx.js", "icon.svg"] {
            let found = at(url(name));
            assert!(found.is_some_and(|asset| asset.name == name), "{name}");
            assert_eq!(
                url(name).len(),
                "/console/assets/-.".len() + name.len() + 15
            );
        }
        assert!(at("/console/assets/console.css").is_none());
        assert!(at("").is_none());
    }
}
