//! A server as a process of its own, on a database that is there.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use patient_logger::kernel::Clock;
use patient_logger::keys::KeyFile;

use crate::Result;

/// A server process, killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Kept open: the server may have more to say.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it on the database of this address, with its keys in this directory.
    pub(crate) fn start(directory: &Path, app_url: &str, stderr: Stdio, settings: &[(&str, &str)]) -> Result<Self> {
        let keys = directory.join("keys.json");
        KeyFile::new(&keys).read_or_init(Clock::system().now())?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_patient-logger"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--graphiql", "off", "--access-token-lifetime", "60"]);
        command.args(["--viewer-cost-rate", "0", "--hospital-cost-rate", "0"]);
        command.arg("--database-url").arg(app_url).arg("--keys-file").arg(keys);
        command.env_remove("DATABASE_OWNER_URL").envs(settings.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn()?;
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
