//! What can go wrong between this service and PostgreSQL.

/// A failed use of PostgreSQL. Nothing of its words is shown to callers of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection within the time limit, or none at all.
    #[error("no connection to PostgreSQL")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement failed.
    #[error("a statement failed")]
    Statement(#[from] tokio_postgres::Error),
    /// No answer within our own time limit: whether the statement took effect is unknown.
    #[error("PostgreSQL did not answer in time")]
    TimedOut,
    /// A stored value that breaks the rules of its type.
    #[error("column {0} holds a value that breaks its rules")]
    Corrupt(&'static str),
    /// The configuration of the connection cannot be used.
    #[error("PostgreSQL settings: {0}")]
    Settings(String),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => Self::Statement(error),
            other => Self::Pool(Box::new(other)),
        }
    }
}

impl Error {
    /// The SQLSTATE, where PostgreSQL answered with one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Statement(error) => error.code().map(tokio_postgres::error::SqlState::code),
            _ => None,
        }
    }

    /// Whether PostgreSQL found the statement itself wrong: a bug of ours, and no trouble of its own.
    #[must_use]
    pub fn is_bug(&self) -> bool {
        let broken = |state: &str| {
            ["22", "23", "42"]
                .iter()
                .any(|class| state.starts_with(class))
        };
        matches!(self, Self::Corrupt(_)) || self.sqlstate().is_some_and(broken)
    }

    /// Whether a commit that failed with this may have happened: the connection broke before PostgreSQL answered.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Statement(error) => error
                .as_db_error()
                .is_none_or(|db| db.code().code().starts_with("57P")),
            Self::TimedOut => true,
            _ => false,
        }
    }
}
