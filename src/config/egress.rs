//! The way out to addresses that vendors name.

use ipnet::IpNet;
use rustls::RootCertStore;

use super::env::invalid;
use super::{Env, Result};
use crate::egress::{Settings, authorities};

/// What `gatehouse dev` allows: this machine.
pub(super) const DEV_ALLOW: &str = "127.0.0.0/8,::1/128";

/// `GATEHOUSE_EGRESS_ALLOW`, networks in CIDR form, default none (in `dev` loopback), and `GATEHOUSE_EGRESS_CA_FILE`, a
/// PEM file, default none.
pub(super) fn egress_settings(env: &Env, allow: &str) -> Result<Settings> {
    let name = "GATEHOUSE_EGRESS_CA_FILE";
    let authorities = match env.file(name)? {
        Some(pem) => authorities(&pem).map_err(|problem| invalid(name, &problem))?,
        None => RootCertStore::empty(),
    };
    let allow = networks(env, "GATEHOUSE_EGRESS_ALLOW", allow)?;
    Ok(Settings::new(allow, authorities))
}

/// Networks separated by commas.
pub(super) fn networks(env: &Env, name: &str, default: &str) -> Result<Vec<IpNet>> {
    let text = env.text(name).unwrap_or_else(|| default.to_owned());
    let networks = text.split(',').map(str::trim).filter(|n| !n.is_empty());
    networks
        .map(|network| {
            network
                .parse()
                .map_err(|_| invalid(name, &"must be networks such as 10.0.0.0/8"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_unless_it_is_named() {
        let allowed = |text: &'static str, default: &str| {
            let read = |name: &str| (name == "GATEHOUSE_EGRESS_ALLOW").then(|| text.to_owned());
            let settings = egress_settings(&Env(&read), default).ok().unwrap();
            let networks: Vec<String> = settings.allow.iter().map(ToString::to_string).collect();
            networks.join(" ")
        };
        assert_eq!(allowed("", ""), "");
        assert_eq!(allowed("", DEV_ALLOW), "127.0.0.0/8 ::1/128");
        assert_eq!(
            allowed("10.0.0.0/8, fd00::/8,", DEV_ALLOW),
            "10.0.0.0/8 fd00::/8"
        );
    }
}
