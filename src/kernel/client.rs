use core::net::{IpAddr, Ipv6Addr};

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

    /// The name of the network whose requests are counted together: an IPv4 address, or 64 bits of IPv6, within which one
    /// machine can have as many addresses as it likes (RFC 6177). Requests without an address are counted as one.
    pub fn network(&self) -> String {
        match self.address {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
            None => String::new(),
        }
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
    #[test]
    fn a_network_is_what_one_machine_can_have() {
        let network = |address: &str| Client::new(None, address.parse().ok()).network();
        assert_eq!(network("2001:db8:1:2:aaaa::1"), network("2001:db8:1:2:bbbb::2"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        assert_eq!(network(""), "");
    }
}
