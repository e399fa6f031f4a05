//! Which web pages may call the API.

use axum::http::{HeaderMap, HeaderValue, header};

/// Whether a request comes from a page that may not send it. A browser names the page's origin (RFC 6454) with each POST and
/// lets no page change that, so this keeps other people's pages from acting for somebody who is on the hospital's network
/// (OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "verifying origin"). Programs send no origin.
///
/// The server's own origin is known by `host`, with either scheme: a proxy may speak TLS for it.
pub(super) fn is_foreign(headers: &HeaderMap, listed: &[HeaderValue]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return false };
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let authority = [&b"https://"[..], b"http://"].iter().find_map(|scheme| origin.as_bytes().strip_prefix(*scheme));
    let is_own = authority.is_some_and(|authority| !authority.is_empty() && authority.eq_ignore_ascii_case(host));
    origins.next().is_some() || !(is_own || listed.contains(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_origin_and_the_listed_ones_are_not_foreign() {
        let listed = [HeaderValue::from_static("https://ward.example")];
        let foreign = |host: &str, origins: &[&str]| {
            let mut headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            for origin in origins {
                headers.append(header::ORIGIN, origin.parse().unwrap());
            }
            is_foreign(&headers, &listed)
        };
        let own = "log.example:8080";
        for origins in [&[][..], &["http://log.example:8080"], &["https://LOG.example:8080"], &["https://ward.example"]]
        {
            assert!(!foreign(own, origins), "{origins:?}");
        }
        for origin in [
            "null",
            "",
            "http://",
            "log.example:8080",
            "http://log.example",
            "http://log.example:8080.evil.example",
            "http://evil.example/log.example:8080",
            "https://ward.example.evil.example",
            "http://ward.example",
            "file://log.example:8080",
        ] {
            assert!(foreign(own, &[origin]), "{origin}");
        }
        assert!(foreign(own, &["https://ward.example", "https://evil.example"]));
        assert!(foreign("", &["http://"]));
    }
}
