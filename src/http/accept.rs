//! Which of the two media types of GraphQL over HTTP a client wants.

use axum::http::{HeaderMap, header};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the document could run.
    Response,
    /// `application/json`, as before that type existed: 200 whenever the answer is GraphQL.
    Json,
}

impl MediaType {
    /// The value of `content-type`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Response => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// What the `accept` header prefers; `None` when it takes neither. Without a header: the older type, as the
    /// specification asks for until every client sends one.
    pub(super) fn wanted(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::ACCEPT).iter().peekable();
        if values.peek().is_none() {
            return Some(Self::Json);
        }
        let mut best: Option<(Self, f32)> = None;
        for range in values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/graphql-response+json" => Self::Response,
                "application/json" | "application/*" | "*/*" => Self::Json,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            // The newer type wins a tie: it says more.
            let better = best.is_none_or(|(other, than)| quality > than || (quality == than && other == Self::Json));
            if quality > 0.0 && better {
                best = Some((media, quality));
            }
        }
        best.map(|(media, _)| media)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_media_type() {
        let wanted = |accept: &str| {
            MediaType::wanted(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a header value"))]))
        };
        assert_eq!(wanted("application/json"), Some(MediaType::Json));
        assert_eq!(wanted("application/graphql-response+json"), Some(MediaType::Response));
        assert_eq!(wanted("application/json, application/graphql-response+json"), Some(MediaType::Response));
        assert_eq!(wanted("application/graphql-response+json;q=0.5, application/json"), Some(MediaType::Json));
        assert_eq!(wanted("*/*"), Some(MediaType::Json));
        assert_eq!(wanted("text/html"), None);
        assert_eq!(wanted("application/json;q=0"), None);
        assert_eq!(MediaType::wanted(&HeaderMap::new()), Some(MediaType::Json));
    }
}
