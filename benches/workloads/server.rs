//! The server as users get it, as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Result;

/// A server process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Kept open: the server may have more to say.
    _stdout: BufReader<ChildStdout>,
}

/// Whether reads leave events in the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// They do, as users have it.
    Recorded,
    /// They do not.
    Unrecorded,
}

impl Reads {
    /// As the setting has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "on",
            Self::Unrecorded => "off",
        }
    }
}

impl Server {
    /// Starts it on a database, as its role. Without limits on cost, which would be what is measured.
    pub(crate) fn start(app_url: &str, keys: &Path, reads: Reads) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patient-logger"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--graphiql", "off", "--access-token-lifetime", "60"]);
        command.args(["--viewer-cost-rate", "0", "--hospital-cost-rate", "0"]);
        command.arg("--database-url").arg(app_url).arg("--keys-file").arg(keys);
        command.env_remove("DATABASE_OWNER_URL").env("AUDIT_READS", reads.name());
        // Its log lines are made and written; nobody reads them.
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let mut line = String::new();
        let address = loop {
            line.clear();
            if stdout.read_line(&mut line)? == 0 {
                return Err(format!("the server did not start ({})", child.wait()?).into());
            }
            if let Some((_, address)) = line.trim().split_once("serves http://") {
                break address.trim_end_matches("/graphql").parse()?;
            }
        };
        Ok(Self { child, address, _stdout: stdout })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to save, and may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
