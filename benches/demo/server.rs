//! The server with its private PostgreSQL and the demo data, as a process of its own.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The server; it ends with this.
pub(crate) struct Server {
    child: Child,
    /// Where its API is.
    pub(crate) url: String,
}

impl Server {
    /// Starts it for the bench of this name, without limits on cost and with these arguments.
    pub(crate) fn start(bench: &str, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patient-logger"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--graphiql", "off"]).env("LOG", "warn");
        command.args(["--viewer-cost-rate", "0", "--hospital-cost-rate", "0"]).args(arguments);
        command.arg("--data-dir").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(bench));
        for external in ["DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"] {
            command.env_remove(external);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let mut line = String::new();
        while stdout.read_line(&mut line)? > 0 {
            if let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                let url = url.trim_end_matches("/graphql").trim_end_matches("/graphiql").to_owned() + "/graphql";
                // Whoever writes to a closed pipe ends: let it say the rest.
                std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
                return Ok(Self { child, url });
            }
            line.clear();
        }
        Err(format!("the server did not start ({})", child.wait()?).into())
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to end and waited for, so that it stops its PostgreSQL too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
