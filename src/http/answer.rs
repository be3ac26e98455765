//! Answers as JSON, of types whose schemas the API description has.

use std::borrow::Cow;
use std::marker::PhantomData;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::TryIntoHeaderPair;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};

/// An answer that holds a `T` as JSON. It is written when it is made, so it borrows nothing of a view that borrows: an
/// answer of a `View<'a>` is one of a `View<'static>` too.
pub struct Answer<T> {
    response: HttpResponse,
    of: PhantomData<fn(T)>,
}

impl<T> Answer<T> {
    /// What is JSON already: the text of a `T`, which must not be written anew, as it was signed.
    #[must_use]
    pub fn written(text: String) -> Self {
        let mut answer = HttpResponse::Ok();
        answer.content_type("application/json");
        Self::other(answer.body(text))
    }

    /// The same in another form than JSON, or nothing of it.
    #[must_use]
    pub fn other(response: HttpResponse) -> Self {
        Self {
            response,
            of: PhantomData,
        }
    }

    /// With a header.
    ///
    /// # Errors
    /// [`Error::Internal`] for what is no header.
    pub fn with(mut self, header: impl TryIntoHeaderPair) -> Result<Self> {
        let (name, value) = header
            .try_into_pair()
            .map_err(|_| Error::Internal("a header that is none".to_owned()))?;
        self.response.headers_mut().insert(name, value);
        Ok(self)
    }
}

impl<T: Serialize> Answer<T> {
    /// With a status.
    #[must_use]
    pub fn new(status: StatusCode, view: T) -> Self {
        Self::other(HttpResponse::build(status).json(view))
    }

    /// 200.
    #[must_use]
    pub fn ok(view: T) -> Self {
        Self::new(StatusCode::OK, view)
    }

    /// 201.
    #[must_use]
    pub fn created(view: T) -> Self {
        Self::new(StatusCode::CREATED, view)
    }

    /// 202.
    #[must_use]
    pub fn accepted(view: T) -> Self {
        Self::new(StatusCode::ACCEPTED, view)
    }
}

impl<T> From<Answer<T>> for HttpResponse {
    fn from(answer: Answer<T>) -> Self {
        answer.response
    }
}

impl<T> Responder for Answer<T> {
    type Body = BoxBody;
    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        self.response
    }
}

/// What RPort's dialect, and credentials as the workers' SDK reads them, have around what is answered.
#[derive(Serialize)]
pub struct Data<T> {
    /// The answer.
    pub data: T,
}

impl<T: ToSchema> PartialSchema for Data<T> {
    fn schema() -> RefOr<Schema> {
        use utoipa::openapi::{ObjectBuilder, Ref};
        let data = ObjectBuilder::new().property("data", Ref::from_schema_name(T::name()));
        data.required("data").into()
    }
}

impl<T: ToSchema> ToSchema for Data<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Data", T::name()).into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// Something is gone.
#[derive(Serialize, ToSchema)]
pub struct Deleted {
    deleted: bool,
}

impl Deleted {
    /// It is.
    pub const DONE: Self = Self { deleted: true };
}

/// A site, or what is kept for one, is gone, or is to go.
#[derive(Serialize, ToSchema)]
pub struct Removed {
    /// Whether it was there and is gone; of this service's own calls, whether it is gone.
    deleted: bool,
    /// `true` where OpenBao is still to follow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    queued: bool,
    /// Why there was nothing to remove, in TrustedLogin's dialect.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Removed {
    /// It is gone.
    pub const DONE: Self = Self {
        deleted: true,
        queued: false,
        reason: None,
    };
    /// It is to go.
    pub const QUEUED: Self = Self {
        deleted: false,
        queued: true,
        reason: None,
    };

    /// There was nothing, for this reason.
    #[must_use]
    pub const fn nothing(reason: &'static str) -> Self {
        Self {
            deleted: false,
            queued: false,
            reason: Some(reason),
        }
    }
}

/// What was to be changed is.
#[derive(Serialize, ToSchema)]
pub struct Changed {
    changed: bool,
}

impl Changed {
    /// It was.
    pub const DONE: Self = Self { changed: true };
}
