//! Where traces go: the variables of the OpenTelemetry specification.

use percent_encoding::percent_decode_str;
use url::Url;

use super::env::invalid;
use super::{Env, Result};
use crate::types::{Secret, is_private};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Where traces go, and which.
#[derive(Clone)]
pub struct TraceConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` behind it.
    pub endpoint: Url,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: what the collector wants to be sent beside, as `name=value,…`.
    pub headers: Vec<(String, Secret)>,
    /// `OTEL_EXPORTER_OTLP_CERTIFICATE`: PEM bundle of the authorities to trust instead of the platform's.
    pub ca_pem: Option<Vec<u8>>,
    /// `OTEL_TRACES_SAMPLER_ARG`: the part of all traces that is kept, 0 to 1, default all.
    pub ratio: f64,
    /// `OTEL_SERVICE_NAME`, default `gatehouse`.
    pub service: String,
}

impl TraceConfig {
    /// Without an endpoint there are no traces.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Option<Self>> {
        let Some(text) = env.text(ENDPOINT) else {
            return Ok(None);
        };
        let endpoint = endpoint(&text).map_err(|problem| invalid(ENDPOINT, &problem))?;
        let headers = match env.secret(HEADERS)? {
            Some(text) => headers(&text)
                .ok_or_else(|| invalid(HEADERS, &"must be name=value,…, values percent-encoded"))?,
            None => Vec::new(),
        };
        if !headers.is_empty() && !is_private(&endpoint) {
            return Err(invalid(ENDPOINT, &"must be https where headers are sent"));
        }
        let ratio: f64 = env.parsed(RATIO, 1.0)?;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(invalid(RATIO, &"must be 0 to 1"));
        }
        Ok(Some(Self {
            endpoint,
            headers,
            ca_pem: env.file(CERTIFICATE)?,
            ratio,
            service: env
                .text("OTEL_SERVICE_NAME")
                .unwrap_or_else(|| "gatehouse".to_owned()),
        }))
    }
}

fn endpoint(text: &str) -> std::result::Result<Url, &'static str> {
    let mut url = Url::parse(text).map_err(|_| "must be an http or https URL")?;
    let has_more = url.query().is_some() || url.fragment().is_some();
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || has_more || has_user {
        return Err("must be an http or https URL without user, query and fragment");
    }
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn headers(text: &Secret) -> Option<Vec<(String, Secret)>> {
    let pairs = text
        .expose()
        .split(',')
        .filter(|pair| !pair.trim().is_empty());
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = name.trim().to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_name = !name.is_empty() && name.bytes().all(plain);
        let is_value = value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        (is_name && is_value).then(|| (name, Secret::new(value.into_owned())))
    };
    pairs.map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(settings: &[(&'static str, &'static str)]) -> Result<Option<TraceConfig>> {
        let settings: HashMap<_, _> = settings.iter().copied().collect();
        let text = |name: &str| settings.get(name).map(|&text| text.to_owned());
        TraceConfig::from_env(&Env(&text))
    }

    #[test]
    fn the_variables_of_the_specification_are_read() {
        assert!(read(&[]).unwrap().is_none());
        let config = read(&[
            (ENDPOINT, "https://collector.example:4318/otlp/"),
            (HEADERS, "x-tenant=ours, Authorization=Bearer%20abc"),
            (RATIO, "0.25"),
        ]);
        let config = config.unwrap().unwrap();
        let endpoint = "https://collector.example:4318/otlp/v1/traces";
        assert_eq!(config.endpoint.as_str(), endpoint);
        let headers = config.headers.iter();
        let headers: Vec<_> = headers.map(|(n, v)| (n.as_str(), v.expose())).collect();
        let wanted = [("x-tenant", "ours"), ("authorization", "Bearer abc")];
        assert_eq!(headers, wanted);
        assert!((config.ratio - 0.25).abs() < f64::EPSILON);
        assert_eq!(config.service, "gatehouse");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (settings, named) in [
            (vec![(ENDPOINT, "collector:4318")], ENDPOINT),
            (vec![(ENDPOINT, "https://me:pw@collector")], ENDPOINT),
            (
                vec![(ENDPOINT, "http://collector:4318"), (HEADERS, "a=b")],
                ENDPOINT,
            ),
            (
                vec![(ENDPOINT, "http://localhost:4318"), (HEADERS, "ab")],
                HEADERS,
            ),
            (
                vec![(ENDPOINT, "http://localhost:4318"), (HEADERS, "a=%0d")],
                HEADERS,
            ),
            (vec![(ENDPOINT, "http://c:4318"), (RATIO, "2")], RATIO),
            (vec![(ENDPOINT, "http://c:4318"), (RATIO, "NaN")], RATIO),
            (
                vec![(ENDPOINT, "http://c:4318"), (CERTIFICATE, "/no/such/file")],
                CERTIFICATE,
            ),
        ] {
            let error = read(&settings).err().unwrap().to_string();
            assert!(error.starts_with(named), "{settings:?}: {error}");
        }
    }
}
