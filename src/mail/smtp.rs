//! Handing letters to a mail server (RFC 5321).

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use url::{Host, Url};

use super::Letter;

/// How long one command of a delivery may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Which mail server, and how to use it. Without `Debug`: the address holds a password.
#[derive(Clone)]
pub struct SmtpSettings {
    /// `smtps://user:password@host` (TLS) or `smtp://user:password@host?tls=required` (STARTTLS).
    pub url: String,
    /// The sender, such as `Patient Logger <no-reply@hospital.example>`.
    pub from: String,
    /// How long to wait before each further try. Without a further one the letter is given up.
    pub retry_after: Vec<Duration>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// `SMTP_URL` is none. What is wrong is not shown in full, because a password is part of it.
    #[error(
        "SMTP_URL must be like smtps://user:password@host, or smtp://user:password@host?tls=required for STARTTLS: {0}"
    )]
    BadUrl(String),
    /// Letters and the password would cross the network in clear.
    #[error("SMTP_URL would send the password and the letters unencrypted: use smtps:// or add ?tls=required")]
    Unencrypted,
    /// `MAIL_FROM` is none.
    #[error("MAIL_FROM must be an e-mail address such as \"Patient Logger <no-reply@hospital.example>\"")]
    BadSender,
}

/// Why a letter was not delivered. `what` names neither the person nor the text: a mail server's own words might.
pub(super) struct Undelivered {
    pub(super) is_final: bool,
    pub(super) what: String,
}

/// Delivers letters.
pub(super) struct Postman {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Postman {
    pub(super) fn new(settings: &SmtpSettings) -> Result<Self, SmtpError> {
        let url = Url::parse(&settings.url).map_err(|error| SmtpError::BadUrl(error.to_string()))?;
        if !is_encrypted(&url) && !is_this_machine(&url) {
            return Err(SmtpError::Unencrypted);
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url)
            .map_err(|error| SmtpError::BadUrl(error.to_string()))?;
        let from = settings.from.parse().map_err(|_| SmtpError::BadSender)?;
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    pub(super) async fn deliver(&self, letter: &Letter) -> Result<(), Undelivered> {
        let message = self.message(letter).ok_or_else(|| Undelivered {
            is_final: true,
            what: "its address is none that a mail server understands".to_owned(),
        })?;
        self.transport.send(message).await.map(|_| ()).map_err(|error| Undelivered {
            is_final: error.is_permanent(),
            what: match error.status() {
                Some(code) => format!("the mail server answered {code}"),
                None => error.to_string(),
            },
        })
    }

    /// The types of `lettre` keep an address and a subject from becoming another header.
    fn message(&self, letter: &Letter) -> Option<Message> {
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, letter.to.parse().ok()?))
            .subject(letter.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .ok()
    }
}

/// Opportunistic encryption is none: who stands in between can decline it.
fn is_encrypted(url: &Url) -> bool {
    url.scheme() == "smtps" || url.query_pairs().any(|(name, value)| name == "tls" && value == "required")
}

fn is_this_machine(url: &Url) -> bool {
    // The scheme is not one that the library knows, so it reads numbers as a name.
    let host = url.host_str().and_then(|host| Host::parse(host).ok());
    match host {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postman(url: &str, from: &str) -> Result<Postman, String> {
        let settings = SmtpSettings { url: url.to_owned(), from: from.to_owned(), retry_after: Vec::new() };
        Postman::new(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn letters_leave_the_machine_only_encrypted() {
        let from = "Patient Logger <no-reply@hospital.example>";
        for good in [
            "smtps://user:secret@mail.example",
            "smtp://mail.example?tls=required",
            "smtp://127.0.0.1:2525",
            "smtp://localhost",
            "smtp://[::1]:25",
        ] {
            assert!(postman(good, from).is_ok(), "{good}");
        }
        for bad in
            ["smtp://user:secret@mail.example", "smtp://127.0.0.1.evil.example", "smtp://m.example?tls=opportunistic"]
        {
            assert!(postman(bad, from).is_err_and(|error| error.contains("unencrypted")), "{bad}");
        }
        for bad in ["", "mail.example", "https://mail.example", "smtps://"] {
            assert!(postman(bad, from).is_err_and(|error| error.contains("SMTP_URL")), "{bad}");
        }
        for bad in ["", "nobody", "a@x.example\r\nBcc: b@x.example"] {
            assert!(postman("smtp://localhost", bad).is_err_and(|error| error.contains("MAIL_FROM")), "{bad}");
        }
    }

    #[test]
    fn no_text_of_a_letter_becomes_a_header() {
        let postman = postman("smtp://localhost", "no-reply@hospital.example").unwrap();
        let letter = |to: &str, subject: &str, text: &str| {
            let letter = Letter { to: to.to_owned(), subject: subject.to_owned(), text: text.to_owned() };
            postman.message(&letter).map(|message| String::from_utf8(message.formatted()).unwrap())
        };
        for bad in ["a@x.example\r\nBcc: b@x.example", "a@x.example, b@x.example", "A <a@x.example>", ""] {
            assert_eq!(letter(bad, "s", "t"), None, "{bad:?}");
        }
        let written = letter("ann@x.example", "Über\r\nBcc: b@x.example", "one\r\n.\r\nBcc: c@x.example").unwrap();
        let (head, _) = written.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
    }
}
