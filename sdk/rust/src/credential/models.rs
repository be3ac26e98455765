//! From fields to the four types, by the contract's table.

use std::collections::BTreeMap;

use super::fields::{Field, Fields, wrong};
use super::{Credential, Ftp, Generic, Http, Method, S3};
use crate::error::{Error, Result};
use crate::secret::Secret;

impl TryFrom<Fields> for Credential {
    type Error = Error;

    fn try_from(mut fields: Fields) -> Result<Self> {
        let kind = fields.needed("type")?;
        match kind.expose() {
            "ftp" => ftp(fields).map(Self::Ftp),
            "s3" => s3(fields).map(Self::S3),
            "http" => http(fields).map(Self::Http),
            "generic" => generic(fields).map(Self::Generic),
            _ => Err(wrong("type", "is none that this client knows")),
        }
    }
}

fn plain(secret: &Secret) -> String {
    secret.expose().to_owned()
}

fn ftp(mut fields: Fields) -> Result<Ftp> {
    Ok(Ftp {
        hostname: plain(&fields.needed("hostname")?),
        port: fields.port("port")?.unwrap_or(21),
        secure: fields.boolean("secure")?.unwrap_or(false),
        username: fields.text("username")?.as_ref().map(plain),
        password: fields.text("password")?,
    })
}

fn s3(mut fields: Fields) -> Result<S3> {
    let region = fields.text("region")?;
    Ok(S3 {
        hostname: fields.text("hostname")?.as_ref().map(plain),
        access_key_id: plain(&fields.needed("access_key_id")?),
        secret_access_key: fields.needed("secret_access_key")?,
        region: region.map_or_else(|| "us-east-1".to_owned(), |region| plain(&region)),
    })
}

fn http(mut fields: Fields) -> Result<Http> {
    let method = match fields.text("method")? {
        None => Method::Get,
        Some(name) => Method::from_name(name.expose())
            .ok_or_else(|| wrong("method", "is none of the five"))?,
    };
    Ok(Http {
        endpoint: plain(&fields.needed("endpoint")?),
        method,
        headers: headers(fields.text("headers")?.as_ref())?,
        body: fields
            .text("body")?
            .unwrap_or_else(|| Secret::new(String::new())),
    })
}

fn headers(text: Option<&Secret>) -> Result<BTreeMap<String, Secret>> {
    let Some(text) = text else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_str(text.expose()).map_err(|_| wrong("headers", "is no JSON map of texts"))
}

fn generic(fields: Fields) -> Result<Generic> {
    let rest = fields.into_rest().into_iter();
    rest.map(|(name, field)| match field {
        Field::Null => Ok((name, None)),
        Field::Text(text) => Ok((name, Some(text))),
        _ => Err(wrong(&name, "is no text")),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use crate::credential::{Credential, Fields, Method};
    use crate::error::Result;

    fn read(json: &str) -> Result<Credential> {
        Credential::try_from(serde_json::from_str::<Fields>(json).unwrap())
    }

    #[test]
    fn ftp_is_read_with_its_defaults() {
        let Ok(Credential::Ftp(ftp)) = read(r#"{"type":"ftp","hostname":"h","password":null}"#)
        else {
            panic!("no ftp");
        };
        assert_eq!(
            (ftp.hostname.as_str(), ftp.port, ftp.secure),
            ("h", 21, false)
        );
        assert!(ftp.username.is_none() && ftp.password.is_none());
    }

    #[test]
    fn s3_is_read_with_its_defaults() {
        let json =
            r#"{"type":"s3","hostname":null,"access_key_id":"a","secret_access_key":"b\"\u00fc"}"#;
        let Ok(Credential::S3(s3)) = read(json) else {
            panic!("no s3");
        };
        assert_eq!(s3.region, "us-east-1");
        assert_eq!(s3.secret_access_key.expose(), "b\"ü");
    }

    #[test]
    fn headers_are_decoded() {
        let json = r#"{"type":"http","endpoint":"https://e","method":"PUT","headers":"{\"A\":\"b\"}","body":""}"#;
        let Ok(Credential::Http(http)) = read(json) else {
            panic!("no http");
        };
        assert_eq!(http.method, Method::Put);
        assert_eq!(http.headers["A"].expose(), "b");
    }

    #[test]
    fn generic_takes_texts_and_nulls() {
        let Ok(Credential::Generic(map)) = read(r#"{"type":"generic","a":"1","b":null}"#) else {
            panic!("no generic");
        };
        assert_eq!(map["a"].as_ref().unwrap().expose(), "1");
        assert!(map["b"].is_none());
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn wrong_fields_are_named_without_their_value() {
        for json in [
            r#"{"type":"ftp","hostname":"h","port":"s3cret"}"#,
            r#"{"type":"ftp","hostname":"h","port":70000}"#,
            r#"{"type":"ftp","hostname":"h","port":0}"#,
            r#"{"type":"ftp","hostname":"h","port":-1}"#,
            r#"{"type":"ftp","hostname":["s3cret"]}"#,
            r#"{"type":"ftp","hostname":"h","secure":"s3cret"}"#,
            r#"{"type":"s3","access_key_id":"s3cret"}"#,
            r#"{"type":"http","endpoint":"e","method":"s3cret"}"#,
            r#"{"type":"http","endpoint":"e","headers":"s3cret"}"#,
            r#"{"type":"generic","a":{"b":"s3cret"}}"#,
            r#"{"type":"s3cret"}"#,
            r#"{"hostname":"s3cret"}"#,
        ] {
            let error = read(json).unwrap_err();
            assert_eq!(error.code(), "malformed", "{json}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        for json in [
            r#"{"type":"ftp","hostname":"h","password":"s3cret"}"#,
            r#"{"type":"s3","access_key_id":"a","secret_access_key":"s3cret"}"#,
            r#"{"type":"http","endpoint":"https://e/?k=s3cret","headers":"{\"A\":\"s3cret\"}","body":"s3cret"}"#,
            r#"{"type":"generic","a":"s3cret"}"#,
        ] {
            assert!(!format!("{:?}", read(json).unwrap()).contains("s3cret"));
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for json in [
            r#"{"type":"ftp","hostname":"h","port":2121,"secure":true,"username":"u","password":"p"}"#,
            r#"{"type":"s3","hostname":null,"access_key_id":"a","secret_access_key":"b","region":"eu-west-3"}"#,
            r#"{"type":"http","endpoint":"https://e","method":"HEAD","headers":"{\"A\":\"\\\"\"}","body":"x"}"#,
            r#"{"type":"generic","a":"1","b":null}"#,
        ] {
            assert_eq!(read(json).unwrap().to_json().unwrap().expose(), json);
        }
    }
}
