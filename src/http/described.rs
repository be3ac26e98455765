//! What a handler takes and answers, for the API description: read from the types of its arguments and of its result.
//! Only what an [`Answer`] holds in another form than JSON, or was written elsewhere, is held against it by the tests alone.

use actix_web::{Handler, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{Answer, Confirmed, FileBody, Form, Json, NoQuery, PageRequest, RawBody};
use crate::error::Result;

/// A schema by its name.
pub type Named = (String, RefOr<Schema>);

/// A body.
pub struct Body {
    /// Of the request.
    pub media_type: &'static str,
    /// What it must be.
    pub schema: RefOr<Schema>,
}

/// A parameter of the query.
pub struct Parameter {
    /// In the query.
    pub name: &'static str,
    /// What it is for.
    pub says: &'static str,
    /// What it must be.
    pub schema: Value,
    /// Whether it must be there.
    pub is_required: bool,
}

/// What a handler takes.
#[derive(Default)]
pub struct Taken {
    /// Its body.
    pub body: Option<Body>,
    /// Its query.
    pub query: Vec<Parameter>,
    /// What these refer to.
    pub schemas: Vec<Named>,
}

/// An argument of a handler.
pub trait Described {
    /// Adds what it reads of a request; nothing where that is its caller, or its path.
    fn describe(_taken: &mut Taken) {}
}

/// What a handler takes.
pub fn taken_by<F, Args>(_handler: F) -> Taken
where
    F: Handler<Args>,
    Args: Described,
{
    let mut taken = Taken::default();
    Args::describe(&mut taken);
    taken
}

/// What a handler answers as JSON where all goes well.
#[derive(Default)]
pub struct Answered {
    /// The name of its schema; `None` where it answers with a page or a file, or with nothing.
    pub schema: Option<String>,
    /// That one, and those that it refers to.
    pub schemas: Vec<Named>,
}

/// The result of a handler.
pub trait Answers {
    /// What of it is JSON.
    #[must_use]
    fn describe() -> Answered {
        Answered::default()
    }
}

impl Answers for HttpResponse {}
impl Answers for Result<HttpResponse> {}

impl<T: ToSchema> Answers for Answer<T> {
    fn describe() -> Answered {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        Answered {
            schema: Some(name),
            schemas,
        }
    }
}

impl<T: ToSchema> Answers for Result<Answer<T>> {
    fn describe() -> Answered {
        Answer::<T>::describe()
    }
}

/// What a handler answers.
pub fn answered_by<F, Args>(_handler: F) -> Answered
where
    F: Handler<Args>,
    F::Output: Answers,
{
    F::Output::describe()
}

macro_rules! arguments {
    ($($name:ident)*) => {
        impl<$($name: Described),*> Described for ($($name,)*) {
            fn describe(_taken: &mut Taken) {
                $($name::describe(_taken);)*
            }
        }
    };
}

arguments!();
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);

impl<T> Described for web::Data<T> {}
impl<T> Described for web::Path<T> {}
impl Described for HttpRequest {}
impl Described for NoQuery {}

impl<T: ToSchema, const MOST: usize> Described for Json<T, MOST> {
    fn describe(taken: &mut Taken) {
        taken.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut taken.schemas);
        taken.body = Some(Body {
            media_type: "application/json",
            schema: Ref::from_schema_name(T::name()).into(),
        });
    }
}

impl<const MOST: usize> Described for RawBody<MOST> {
    fn describe(taken: &mut Taken) {
        taken.body = Some(Body {
            media_type: "application/json",
            schema: utoipa::openapi::Object::new().into(),
        });
    }
}

impl<const MOST: usize> Described for FileBody<MOST> {
    fn describe(taken: &mut Taken) {
        taken.body = Some(Body {
            media_type: "application/x-ndjson",
            schema: String::schema(),
        });
    }
}

impl Described for Form {
    fn describe(taken: &mut Taken) {
        let fields = utoipa::openapi::ObjectBuilder::new();
        let fields = fields.additional_properties(Some(String::schema()));
        taken.body = Some(Body {
            media_type: "application/x-www-form-urlencoded",
            schema: fields.into(),
        });
    }
}

impl Described for PageRequest {
    fn describe(taken: &mut Taken) {
        taken.query.extend([
            Parameter {
                name: "limit",
                says: "How many are wanted, 50 by itself",
                schema: json!({ "type": "integer", "minimum": 1, "maximum": 100 }),
                is_required: false,
            },
            Parameter {
                name: "cursor",
                says: "Where to go on: `nextCursor` of the page before",
                schema: json!({ "type": "string" }),
                is_required: false,
            },
        ]);
    }
}

impl Described for Confirmed {
    fn describe(taken: &mut Taken) {
        taken.query.push(Parameter {
            name: "confirm",
            says: "The namespace once more, as this cannot be undone",
            schema: json!({ "type": "string" }),
            is_required: true,
        });
    }
}
