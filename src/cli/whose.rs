//! Whose things a command is about.

use crate::types::Namespace;

/// What stands for the caller's own vendor in place of a namespace, which is never so short.
const OWN: &str = "own";

/// A vendor by its namespace, for operators; or the caller's own.
#[derive(Clone)]
pub enum Whose {
    /// By an operator.
    Vendor(Namespace),
    /// By whoever holds `GATEHOUSE_TOKEN`.
    Own,
}

impl Whose {
    /// Where `what` of theirs is. The path decides which token is sent there.
    #[must_use]
    pub fn path(&self, what: &str) -> String {
        match self {
            Self::Vendor(namespace) => format!("/api/admin/vendors/{namespace}/{what}"),
            Self::Own => format!("/api/{what}"),
        }
    }
}

/// A namespace, or `own`, as an argument.
///
/// # Errors
/// Says the rule it breaks.
pub fn whose(text: &str) -> Result<Whose, String> {
    if text == OWN {
        return Ok(Whose::Own);
    }
    let namespace = Namespace::parse(text).map_err(|error| format!("{error}, or {OWN}"))?;
    Ok(Whose::Vendor(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_namespace_is_called_own() {
        assert!(Namespace::parse(OWN).is_err());
        let path = |text| whose(text).map(|whose| whose.path("workers"));
        assert_eq!(path("own").as_deref(), Ok("/api/workers"));
        let vendor = path("media-vendor");
        assert_eq!(
            vendor.as_deref(),
            Ok("/api/admin/vendors/media-vendor/workers")
        );
        assert!(path("Own").is_err() && path("../admin").is_err());
    }
}
