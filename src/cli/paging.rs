//! A page of a list, as arguments.

/// Which page.
#[derive(clap::Args)]
pub struct Paging {
    /// Rows of a page, 1 to 100
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub limit: u8,
    /// From the page before
    #[arg(long)]
    pub cursor: Option<String>,
}

impl Paging {
    /// A path with these as its query.
    #[must_use]
    pub fn of(&self, path: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        if let Some(cursor) = &self.cursor {
            query.append_pair("cursor", cursor);
        }
        format!("{path}?{}", query.finish())
    }
}
