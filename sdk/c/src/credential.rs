//! Credentials: read, told apart, freed.

use std::ffi::c_char;

use gatehouse_client::{Credential, Method, Result, Secret};

use crate::client::GatehouseClient;
use crate::error::{GatehouseError, GatehouseStatus};
use crate::guard;
use crate::text::{self, Text};

/// Which type a credential is of.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatehouseCredentialType {
    /// None: what was asked about was NULL.
    None = 0,
    /// FTP: `gatehouse_ftp`_…
    Ftp = 1,
    /// S3: `gatehouse_s3`_…
    S3 = 2,
    /// HTTP: `gatehouse_http`_…
    Http = 3,
    /// Anything else: `gatehouse_generic`_…
    Generic = 4,
}

/// A credential. It does not change, so any thread may read it. Free it with `gatehouse_credential_free`, which wipes
/// it.
pub struct GatehouseCredential {
    pub(crate) model: Model,
    json: Text,
}

/// The fields as C reads them.
pub(crate) enum Model {
    Ftp {
        hostname: Text,
        port: u16,
        secure: bool,
        username: Option<Text>,
        password: Option<Text>,
    },
    S3 {
        hostname: Option<Text>,
        access_key_id: Text,
        secret_access_key: Text,
        region: Text,
    },
    Http {
        endpoint: Text,
        method: &'static std::ffi::CStr,
        headers: Vec<(Text, Option<Text>)>,
        body: Text,
    },
    Generic(Vec<(Text, Option<Text>)>),
}

impl GatehouseCredential {
    fn new(credential: &Credential) -> Result<Self> {
        Ok(Self {
            json: Text::new(credential.to_json()?.expose())?,
            model: Model::new(credential)?,
        })
    }
}

impl Model {
    fn new(credential: &Credential) -> Result<Self> {
        Ok(match credential {
            Credential::Ftp(ftp) => Self::Ftp {
                hostname: Text::new(&ftp.hostname)?,
                port: ftp.port,
                secure: ftp.secure,
                username: Text::optional(ftp.username.as_deref())?,
                password: Text::optional(ftp.password.as_ref().map(Secret::expose))?,
            },
            Credential::S3(s3) => Self::S3 {
                hostname: Text::optional(s3.hostname.as_deref())?,
                access_key_id: Text::new(&s3.access_key_id)?,
                secret_access_key: Text::new(s3.secret_access_key.expose())?,
                region: Text::new(&s3.region)?,
            },
            Credential::Http(http) => Self::Http {
                endpoint: Text::new(&http.endpoint)?,
                method: method(http.method),
                headers: pairs(http.headers.iter().map(|(name, value)| (name, Some(value))))?,
                body: Text::new(http.body.expose())?,
            },
            Credential::Generic(fields) => Self::Generic(pairs(
                fields.iter().map(|(name, value)| (name, value.as_ref())),
            )?),
        })
    }
}

fn method(method: Method) -> &'static std::ffi::CStr {
    match method {
        Method::Get => c"GET",
        Method::Put => c"PUT",
        Method::Post => c"POST",
        Method::Head => c"HEAD",
        Method::Options => c"OPTIONS",
    }
}

fn pairs<'a>(
    fields: impl Iterator<Item = (&'a String, Option<&'a Secret>)>,
) -> Result<Vec<(Text, Option<Text>)>> {
    fields
        .map(|(name, value)| Ok((Text::new(name)?, Text::optional(value.map(Secret::expose))?)))
        .collect()
}

/// Reads a credential by its key: from Gatehouse or from OpenBao, whichever the client is of.
///
/// On success `*out` is the credential, which the caller owns; else it is NULL, and `*error`, if `error` is not NULL,
/// an error which the caller owns.
///
/// # Safety
/// `client` is NULL or alive, `key` ends with a zero; `out` and `error` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_credential_read(
    client: *const GatehouseClient,
    key: *const c_char,
    out: *mut *mut GatehouseCredential,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let make = || {
        // SAFETY: The caller promises that both are NULL or can be read.
        let (client, key) =
            unsafe { (guard::needed(client, "client")?, text::needed(key, "key")?) };
        GatehouseCredential::new(&client.read_credential(key)?)
    };
    // SAFETY: The caller promises that both are NULL or can be written to.
    unsafe { guard::guard(error, || guard::hand_out(out, make)) }
}

/// The type of a credential.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_credential_type(
    credential: *const GatehouseCredential,
) -> GatehouseCredentialType {
    guard::get(GatehouseCredentialType::None, || {
        // SAFETY: The caller promises that it is NULL or alive.
        let credential = unsafe { credential.as_ref() }?;
        Some(match credential.model {
            Model::Ftp { .. } => GatehouseCredentialType::Ftp,
            Model::S3 { .. } => GatehouseCredentialType::S3,
            Model::Http { .. } => GatehouseCredentialType::Http,
            Model::Generic(_) => GatehouseCredentialType::Generic,
        })
    })
}

/// The credential as JSON, with its secrets. Belongs to the credential; NULL for NULL.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_credential_json(
    credential: *const GatehouseCredential,
) -> *const c_char {
    guard::get(std::ptr::null(), || {
        // SAFETY: The caller promises that it is NULL or alive.
        Some(unsafe { credential.as_ref() }?.json.as_ptr())
    })
}

/// Wipes and frees a credential, and all texts that came from it. NULL is nothing.
///
/// # Safety
/// `credential` is NULL or alive. It is gone after this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_credential_free(credential: *mut GatehouseCredential) {
    // SAFETY: The caller promises the same.
    unsafe { guard::free(credential) };
}
