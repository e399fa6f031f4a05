use core::net::IpAddr;

use super::text;

/// Longest name of a device that is kept.
const DEVICE: usize = 200;

/// From where a request comes, as far as one can tell: for people who look at the list of their sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// What the client calls itself. It may say anything.
    pub device: Option<String>,
    /// Its address.
    pub address: Option<IpAddr>,
}

impl Client {
    /// A client that calls itself `device`; what cannot be shown of that is left out.
    pub fn new(device: Option<&str>, address: Option<IpAddr>) -> Self {
        let device = device.and_then(|name| {
            let shown: String = name.chars().filter(|c| text::line(&c.to_string(), 1).is_ok() || *c == ' ').collect();
            let short: String = shown.trim().chars().take(DEVICE).collect();
            text::line(&short, DEVICE).ok()
        });
        Self { device, address: address.map(|address| address.to_canonical()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_one_short_line_whatever_it_says() {
        let device = |name: &str| Client::new(Some(name), None).device;
        assert_eq!(device(" Mozilla/5.0 (X11)\t\u{202E}x ").as_deref(), Some("Mozilla/5.0 (X11)x"));
        assert_eq!(device(&"a".repeat(5_000)).map(|name| name.len()), Some(200));
        assert_eq!(device(" \n "), None);
        assert_eq!(Client::new(None, "::ffff:10.0.0.1".parse().ok()).address, "10.0.0.1".parse().ok());
    }
}
