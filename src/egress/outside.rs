//! What a URL must be whose host is in no network that the operator allows.

use url::{Host, Url};

use super::EgressError;

/// Whether HTTP may be spoken with it, as far as the URL tells.
///
/// # Errors
/// [`EgressError::Outside`] with the rule it breaks.
pub(super) fn check(url: &Url) -> Result<(), EgressError> {
    if url.scheme() != "https" {
        return Err(EgressError::Outside("must be https"));
    }
    if !matches!(url.port(), None | Some(8443)) {
        return Err(EgressError::Outside("must have the port 443 or 8443"));
    }
    match url.host() {
        Some(Host::Domain(name)) if is_inner(name) => Err(EgressError::Outside(
            "must name a host of the public internet",
        )),
        _ => Ok(()),
    }
}

/// Names that mean something else in each network: of one word, or below what is kept for that.
fn is_inner(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some((_, last)) = name.rsplit_once('.') else {
        return true;
    };
    [
        "local",
        "localhost",
        "internal",
        "intranet",
        "lan",
        "svc",
        "onion",
    ]
    .contains(&last)
        || name.ends_with(".home.arpa")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_only_https_at_usual_ports_of_public_names_is_asked() {
        let check = |text: &str| check(&Url::parse(text).unwrap()).is_ok();
        for good in [
            "https://vendor.example/",
            "https://vendor.example:8443/",
            "https://1.1.1.1/",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "http://vendor.example/",
            "https://vendor.example:22/",
            "https://vendor.example:80/",
            "https://vendor.example:8200/",
            "https://openbao/",
            "https://localhost/",
            "https://localhost./",
            "https://metadata.google.internal/",
            "https://vault.default.svc.cluster.local./",
            "https://router.home.arpa/",
            "https://METADATA.GOOGLE.INTERNAL/",
            "https://vault.default.svc/",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }
}
