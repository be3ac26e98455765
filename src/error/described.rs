//! How errors look, for the API description.

use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::Dialect;
use super::dialect::{Faults, OAuthRefusal, Refusal};
use super::problem::Problem;

/// The media type of errors, and their schema with those that it refers to.
pub struct Described {
    /// Of the body.
    pub media_type: &'static str,
    /// The first is of the body.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

fn of<T: ToSchema>(media_type: &'static str) -> Described {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    Described {
        media_type,
        schemas,
    }
}

impl Dialect {
    /// Those that answer as JSON.
    pub const OF_API: [Self; 4] = [Self::Own, Self::TrustedLogin, Self::OAuth, Self::RPort];

    /// How its errors look.
    #[must_use]
    pub fn described(self) -> Described {
        match self {
            Self::Own | Self::Console => of::<Problem<'_>>("application/problem+json"),
            Self::TrustedLogin => of::<Refusal<'_>>("application/json"),
            Self::OAuth => of::<OAuthRefusal<'_>>("application/json"),
            Self::RPort => of::<Faults>("application/json"),
        }
    }
}
