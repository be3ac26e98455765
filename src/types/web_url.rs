//! URLs that the service is to call.

use url::{Host, Url};

const LONGEST: usize = 2048;

/// Whether nobody on the network reads along: TLS, or this machine.
#[must_use]
pub fn is_private(url: &Url) -> bool {
    let here = ["127.0.0.1", "localhost", "[::1]"];
    url.scheme() == "https" || url.host_str().is_some_and(|host| here.contains(&host))
}

/// Reads an http or https URL of at most 2,048 characters, without user name, password and fragment. One that somebody
/// could read another host out of than the parser does is none.
pub(super) fn strict(text: &str) -> Option<Url> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    // The parser would add slashes that are missing, and take away those that are too many.
    let (_, rest) = text.split_once("://")?;
    let said = rest.split(['/', '?', '#']).next()?;
    let url = Url::parse(text).ok()?;
    let right = !said.is_empty()
        && !said.contains('@')
        && text.chars().count() <= LONGEST
        && url.as_str().len() <= LONGEST
        && !text.contains(odd)
        && matches!(url.scheme(), "http" | "https")
        && url.fragment().is_none()
        && url.port() != Some(0)
        && url.host().is_some_and(|host| is_host(&host));
    right.then_some(url)
}

/// As long as the rules of names allow.
fn is_host(host: &Host<&str>) -> bool {
    let Host::Domain(name) = host else {
        return true;
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_urls_are_refused() {
        let long = format!("https://vendor.example/{}", "x".repeat(2049 - 23));
        let wide = format!("https://{}.example/", "x".repeat(64));
        let many = format!("https://{}example/", "xxxxxxx.".repeat(31));
        for bad in [
            "",
            "vendor.example/wp-json/",
            "//vendor.example/wp-json/",
            "https:vendor.example",
            "https:/vendor.example",
            "https:///vendor.example/",
            "https://",
            "https://?x",
            "ftp://vendor.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://user:word@vendor.example/",
            "https://user@vendor.example/",
            "https://@vendor.example/",
            "https://good.example@127.0.0.1/",
            "https://127.0.0.1#@good.example/",
            "https://good.example\\@127.0.0.1",
            "https://good.example/#part",
            " https://vendor.example/",
            "https://vendor.example/\n",
            "https://vendor\t.example/",
            "https://vendor.example/a b",
            "https://[fe80::1%25eth0]/",
            "https://vendor.example:0/",
            "https://vendor.example:65536/",
            "https://a..example/",
            "https://1.1.1.256/",
            &long,
            &wide,
            &many,
        ] {
            assert!(strict(bad).is_none(), "{bad}");
        }
    }
}
