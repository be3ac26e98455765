//! Who calls is decided before anything else is looked at.

use std::pin::Pin;

use actix_web::{HttpMessage, HttpRequest};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::Result;

/// What is decided of a request's caller. Extractors of one handler run side by side; this puts those of bodies,
/// paths and queries behind the one of the caller, so that a stranger is told 401 whatever these say, and no body of a
/// stranger is kept.
#[derive(Clone)]
pub struct Decided(CancellationToken);

impl Decided {
    /// Begins: it is decided when the guard is dropped.
    #[must_use]
    pub fn begin(request: &HttpRequest) -> DropGuard {
        let decided = CancellationToken::new();
        request.extensions_mut().insert(Self(decided.clone()));
        decided.drop_guard()
    }

    /// Waits until it is decided; at once where the handler names no caller before its body.
    pub fn wait(request: &HttpRequest) -> impl Future<Output = ()> + use<> {
        let decided = request.extensions().get::<Self>().cloned();
        async move {
            if let Some(Self(decided)) = decided {
                decided.cancelled_owned().await;
            }
        }
    }
}

/// What an extractor gives.
pub type Extracted<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// Reads something of a request once it is decided who calls.
pub fn read_decided<T: 'static>(
    request: &HttpRequest,
    read: fn(&HttpRequest) -> Result<T>,
) -> Extracted<T> {
    let (decided, request) = (Decided::wait(request), request.clone());
    Box::pin(async move {
        decided.await;
        read(&request)
    })
}

/// An extractor of what stands in the head of a request.
macro_rules! after_caller {
    ($what:ty, $read:expr) => {
        crate::http::decided::head!($what, $read);
        impl $crate::http::Described for $what {}
    };
}

/// The same, of what the API description tells of.
macro_rules! head {
    ($what:ty, $read:expr) => {
        impl actix_web::FromRequest for $what {
            type Error = $crate::error::Error;
            type Future = $crate::http::decided::Extracted<Self>;
            fn from_request(
                request: &actix_web::HttpRequest,
                _: &mut actix_web::dev::Payload,
            ) -> Self::Future {
                $crate::http::decided::read_decided(request, $read)
            }
        }
    };
}

pub(super) use {after_caller, head};
