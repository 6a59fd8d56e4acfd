//! What starting any private server needs: free ports, waiting until it answers, the end of its log.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    DevError,
    child::{Guarded, Removal},
    install::Installed,
};

pub mod rabbitmq;
pub mod redis;

/// How often a start tries other ports.
const ATTEMPTS: usize = 5;
/// How often a starting server is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// What every server is started with.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The absolute path of the `sealpost` binary, whose subcommand is the guard.
    pub guard: PathBuf,
    /// The servers' programs.
    pub installed: Installed,
    /// Whether a server's folder is removed when the caller is gone, and up to which folder above what is empty then.
    /// A test wants that, a developer wants the logs.
    pub remove_up_to: Option<PathBuf>,
}

impl Launcher {
    fn removal<'a>(&'a self, folder: &'a Path) -> Option<Removal<'a>> {
        self.remove_up_to.as_deref().map(|up_to| Removal { folder, up_to })
    }
}

/// N different loopback ports that are free now. Below the kernel's range for outgoing connections, so that no client
/// takes the port of a server that is just being restarted.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N], DevError> {
    let doing = || DevError::io("looking for free loopback ports");
    let lowest_outgoing = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse::<u16>().ok())
        .filter(|lowest| *lowest > 12_000)
        .unwrap_or(32_768);
    // Held together until all are found, so that they differ.
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        for tries in 0.. {
            let random = getrandom::u32().map_err(|error| doing()(error.into()))? % 10_000;
            let candidate = lowest_outgoing - 1 - u16::try_from(random).unwrap_or_default();
            match TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)) {
                Ok(listener) => {
                    *port = candidate;
                    held.push(listener);
                    break;
                }
                Err(error) if tries == 1_000 => return Err(doing()(error)),
                Err(_) => {}
            }
        }
    }
    Ok(ports)
}

/// Waits until `probe` says yes. `from` is the length that the log had before the start, to tell a used address.
async fn ready<F: Future<Output = bool>>(
    server: &Guarded,
    from: u64,
    within: Duration,
    probe: impl Fn() -> F,
) -> Result<(), DevError> {
    let deadline = Instant::now() + within;
    let (name, log) = (server.name().to_owned(), server.log().to_owned());
    loop {
        if let Some(status) = server.has_exited() {
            let said = read_from(&log, from);
            let tail = tail(&log);
            let in_use = ["eaddrinuse", "Address already in use", "already a epmd running", "address in use"];
            if in_use.iter().any(|sign| said.contains(sign)) {
                return Err(DevError::AddressInUse { name, log, tail });
            }
            return Err(DevError::Ended { name, status, log, tail });
        }
        if timeout(Duration::from_secs(2), probe()).await.unwrap_or(false) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let tail = tail(&log);
            return Err(DevError::NotReady { name, within, log, tail });
        }
        sleep(ASK_EVERY).await;
    }
}

/// Sends `request` to a loopback port and reads until `complete` says that the answer is whole, or the other side
/// closes.
async fn ask(port: u16, request: &[u8], complete: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    while !complete(&answer) && stream.read_buf(&mut answer).await.ok()? > 0 {}
    Some(answer)
}

fn length(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

fn read_from(log: &Path, from: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("({} cannot be read: {error})", log.display()),
    }
}

/// The last lines of a log, for an error.
pub(super) fn tail(log: &Path) -> String {
    let text = read_from(log, length(log).saturating_sub(16_384));
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
