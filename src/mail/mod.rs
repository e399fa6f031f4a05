//! Letters: what the program tells people by e-mail.
//!
//! A [`Mailer`] takes a [`Letter`] and answers at once. Whether it arrives is no part of any answer: who asks for a
//! password reset must not learn from a slow or failed delivery whether the address is known. There are three:
//! - [`Mailer::smtp`] hands letters to a mail server, from a bounded queue that one task empties;
//! - [`Mailer::terminal`] writes them to standard output: for development, because letters carry secrets;
//! - [`Mailer::none`] has no way to send; what needs letters asks [`Mailer::ready`] first and says so.

mod queue;
mod smtp;

use std::sync::Arc;

use tokio::sync::mpsc;
use url::Url;

pub use smtp::{SmtpError, SmtpSettings};

use crate::error::{AppError, ErrorCode};

/// A letter to one person. Plain text, short.
#[derive(Clone)]
pub struct Letter {
    /// The e-mail address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The text, lines of at most about 75 characters.
    pub text: String,
}

/// Sends letters.
#[derive(Clone)]
pub struct Mailer(Arc<Way>);

enum Way {
    Smtp { queue: mpsc::Sender<queue::Job>, links: Url },
    Terminal { links: Url },
    None,
}

impl Mailer {
    /// Sends through a mail server. `links` is the address of the frontend that the letters lead to.
    ///
    /// # Panics
    /// Outside of a runtime: the queue is emptied by a task.
    ///
    /// # Errors
    /// When the settings do not fit; the message says which.
    pub fn smtp(settings: &SmtpSettings, links: Url) -> Result<Self, SmtpError> {
        let postman = smtp::Postman::new(settings)?;
        Ok(Self(Arc::new(Way::Smtp { queue: queue::start(postman, settings.retry_after.clone()), links })))
    }

    /// Writes letters to the terminal instead of sending them.
    pub fn terminal(links: Url) -> Self {
        Self(Arc::new(Way::Terminal { links }))
    }

    /// Cannot send.
    pub fn none() -> Self {
        Self(Arc::new(Way::None))
    }

    /// Whether there is a way to send letters at all.
    ///
    /// # Errors
    /// Says what the operator has to set.
    pub fn ready(&self) -> Result<(), AppError> {
        match &*self.0 {
            Way::Smtp { .. } | Way::Terminal { .. } => Ok(()),
            Way::None => Err(AppError::public(
                ErrorCode::Unavailable,
                "This server cannot send e-mail. Its operator has to set SMTP_URL, MAIL_FROM and PUBLIC_URL.",
            )),
        }
    }

    /// Sends a letter, beside the request. What becomes of it is in the log.
    pub fn send(&self, letter: Letter) {
        match &*self.0 {
            Way::Smtp { queue, .. } => queue::put(queue, letter),
            Way::Terminal { .. } => {
                println!("\n  To         {}\n  Subject    {}\n", letter.to, letter.subject);
                letter.text.lines().for_each(|line| println!("    {line}"));
                println!();
            }
            Way::None => tracing::error!("a letter was written although there is no way to send it"),
        }
    }

    /// An address of the frontend with a token. The token stands behind `#`, so that it reaches no server's log and no
    /// other page's `Referer` (RFC 3986, 3.5).
    pub fn link(&self, page: &str, token: &str) -> String {
        match &*self.0 {
            Way::Smtp { links, .. } | Way::Terminal { links } => {
                format!("{}/{page}#token={token}", links.as_str().trim_end_matches('/'))
            }
            Way::None => String::new(),
        }
    }

    /// Waits until each letter that is in the queue now was tried once.
    pub async fn flush(&self) {
        if let Way::Smtp { queue, .. } = &*self.0 {
            queue::flush(queue).await;
        }
    }
}

impl Default for Mailer {
    fn default() -> Self {
        Self::none()
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the address nor the token in the text belongs into a log.
        f.write_str("Letter")
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_send_says_what_to_set() {
        let error = Mailer::none().ready().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(["SMTP_URL", "MAIL_FROM", "PUBLIC_URL"].iter().all(|setting| error.message().contains(setting)));
        for links in ["https://ward.example", "https://ward.example/", "https://ward.example/app"] {
            let mailer = Mailer::terminal(links.parse().unwrap());
            assert!(mailer.ready().is_ok());
            let expected = format!("{}/reset-password#token=plp_x", links.trim_end_matches('/'));
            assert_eq!(mailer.link("reset-password", "plp_x"), expected);
        }
    }
}
