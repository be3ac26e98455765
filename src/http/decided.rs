//! Who calls is decided before the body is read.

use actix_web::{HttpMessage, HttpRequest};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What is decided of a request's caller. Extractors of one handler run side by side; this puts those of bodies behind
/// the one of the caller, so that a stranger is told 401 whatever the body says, and no body of a stranger is kept.
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
