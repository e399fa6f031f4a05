//! A mail server that speaks as much SMTP (RFC 5321) as a letter needs, and keeps what it gets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use patient_logger::mail::{Mailer, SmtpSettings};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A letter as it arrived.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// What the envelope says.
    pub to: Vec<String>,
    /// Headers and body.
    pub text: String,
}

impl Delivered {
    /// The token in the address that the letter leads to.
    pub fn token(&self) -> String {
        let (_, rest) = self.text.split_once("#token=").unwrap_or_else(|| panic!("no token in {self:?}"));
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

#[derive(Default)]
struct Mailbox {
    letters: Vec<Delivered>,
    /// Answers to the next letters instead of taking them.
    refusals: Vec<&'static str>,
    refused: usize,
}

pub struct MailServer {
    mailbox: Arc<Mutex<Mailbox>>,
    port: u16,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mailbox = Arc::<Mutex<Mailbox>>::default();
        let kept = mailbox.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, kept.clone()));
            }
        });
        Self { mailbox, port }
    }

    /// A mailer that delivers here and tries three times.
    pub fn mailer(&self) -> Mailer {
        let settings = SmtpSettings {
            url: format!("smtp://127.0.0.1:{}", self.port),
            from: "Patient Logger <no-reply@logger.example>".to_owned(),
            retry_after: vec![Duration::from_millis(20), Duration::from_millis(20)],
        };
        Mailer::smtp(&settings, "https://ward.example/app/".parse().unwrap()).unwrap()
    }

    /// Answers the next letters like this instead of taking them.
    pub fn refuse(&self, answers: &[&'static str]) {
        self.mailbox.lock().unwrap().refusals = answers.iter().rev().copied().collect();
    }

    /// How many letters were refused.
    pub fn refused(&self) -> usize {
        self.mailbox.lock().unwrap().refused
    }

    /// The letters to this address so far.
    pub fn letters_to(&self, address: &str) -> Vec<Delivered> {
        let letters = &self.mailbox.lock().unwrap().letters;
        letters.iter().filter(|letter| letter.to == [address]).cloned().collect()
    }

    /// The letters to this address as soon as there are so many.
    pub async fn wait_for(&self, address: &str, count: usize) -> Vec<Delivered> {
        for _ in 0..1_000 {
            let letters = self.letters_to(address);
            if letters.len() >= count {
                return letters;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{address} did not get {count} letters")
    }

    /// The token in the newest of so many letters.
    pub async fn token(&self, address: &str, count: usize) -> String {
        self.wait_for(address, count).await.last().unwrap().token()
    }
}

async fn talk(stream: TcpStream, mailbox: Arc<Mutex<Mailbox>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test\r\n").await?;
    let mut to = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let answer = match line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => "250-test\r\n250 SMTPUTF8".to_owned(),
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                to.push(address.to_owned());
                "250 ok".to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    text.push_str(&line);
                }
                let mut mailbox = mailbox.lock().unwrap();
                match mailbox.refusals.pop() {
                    Some(refusal) => {
                        mailbox.refused += 1;
                        to.clear();
                        refusal.to_owned()
                    }
                    None => {
                        mailbox.letters.push(Delivered { to: std::mem::take(&mut to), text: decoded(&text) });
                        "250 ok".to_owned()
                    }
                }
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// What was quoted-printable (RFC 2045, 6.7), as far as letters in ASCII need it.
fn decoded(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut parts = joined.split('=');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => format!("{text}{}{}", char::from(byte), &part[2..]),
            None => format!("{text}={part}"),
        }
    })
}
