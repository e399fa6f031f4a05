use sea_orm::sqlx;

/// Why there is no new data, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The address cannot be read.
    #[error(
        "the address of the owner role is not a PostgreSQL address: {0}. Write it like postgres://patient_logger_owner@host/database"
    )]
    BadUrl(String),
    /// Tables or functions are missing.
    #[error("the database does not have this version's tables. Run `patient-logger migrate` first")]
    NotMigrated,
    /// The role lacks a right that the owner has.
    #[error(
        "{0}. Give the address of the role that owns the tables (DATABASE_OWNER_URL); src/database/roles.sql makes one that may do this"
    )]
    NotTheOwner(String),
    /// PostgreSQL cannot be reached, or answers with an error.
    #[error("the database cannot be used: {0}")]
    Database(sqlx::Error),
    /// The password of the demo could not be hashed.
    #[error("{0}")]
    Password(String),
    /// The numbers do not fit each other.
    #[error("{0}")]
    Plan(&'static str),
    /// The slug cannot be one.
    #[error(
        "\"{0}\" cannot be a hospital's slug. Use 1 to 40 lower-case letters, digits and hyphens, no hyphen at either end, such as riverside-north"
    )]
    BadSlug(String),
    /// Another hospital has the slug.
    #[error("the slug \"{0}\" is taken. Choose another one")]
    SlugTaken(String),
    /// Another hospital has a slug of the demo.
    #[error(
        "the slug \"{0}\" of the demo is taken by another hospital. Start without the demo, or with an empty database"
    )]
    DemoSlugTaken(String),
    /// The name of the hospital or of a person cannot be one.
    #[error("\"{0}\" cannot be a name. Use one line of 1 to 100 characters")]
    BadName(String),
    /// The time zone is unknown.
    #[error("\"{0}\" is not a time zone. Use a name of the IANA database, such as Europe/London or America/Chicago")]
    BadTimeZone(String),
    /// The address cannot be one.
    #[error(
        "\"{0}\" is not an e-mail address. Write it like name@hospital.org, with no more than 254 characters and no accents"
    )]
    BadEmail(String),
    /// The addresses that made-up people get are in use.
    #[error(
        "the e-mail address {0}, which the made-up data needs, belongs to an account already. Use an empty database for made-up data"
    )]
    EmailTaken(String),
    /// The administrator's account exists, but would not open the new hospital.
    #[error(
        "{0} has an account whose password another hospital chose, so it opens that hospital only. Let its owner choose a password first, or give the administrator another address"
    )]
    PasswordElsewhere(String),
}

impl From<sqlx::Error> for SeedError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|cause| cause.code());
        match code.as_deref() {
            // undefined_table, undefined_column, undefined_function
            Some("42P01" | "42703" | "42883") => Self::NotMigrated,
            // insufficient_privilege; its text names what was refused
            Some("42501") => {
                Self::NotTheOwner(error.as_database_error().map(|cause| cause.message().to_owned()).unwrap_or_default())
            }
            _ => Self::Database(error),
        }
    }
}
