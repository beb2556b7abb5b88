//! Is a server that was out ready again? Asked as a client would ask: connect, AUTH, PING; of
//! memcached its `version`, which every version of it answers.

use super::resolve;
use nuthatch_engine::protocol::resp::encode;
use nuthatch_engine::topology::{Address, PoolSpec, Protocol};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Bytes of answers looked at; PONG needs seven.
const ANSWER_BYTES_MAX: usize = 4096;

/// Whether the server answers PING, within the time a connection may take twice over. A server
/// that is loading its data or busy with a script is not ready; one that only refuses our
/// password is, since keeping it out would not help.
pub async fn is_ready(spec: &PoolSpec, address: &Address) -> bool {
    let patience = Duration::from_millis(2 * u64::from(spec.connect_timeout_ms.max(100)));
    matches!(tokio::time::timeout(patience, ask(spec, address)).await, Ok(Ok(true)))
}

async fn ask(spec: &PoolSpec, address: &Address) -> io::Result<bool> {
    match address {
        Address::Tcp { host, port } => {
            let Some(address) = resolve::first_address(host, *port).await else {
                return Ok(false);
            };
            converse(spec, TcpStream::connect(address).await?).await
        }
        Address::Unix { path } => converse(spec, UnixStream::connect(&**path).await?).await,
    }
}

async fn converse(
    spec: &PoolSpec,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<bool> {
    let mut request = Vec::new();
    let mut answers = 1;
    if let Some(password) = &spec.redis_auth {
        encode::array(&mut request, 2);
        encode::bulk(&mut request, b"AUTH");
        encode::bulk(&mut request, password.as_bytes());
        answers += 1;
    }
    match spec.protocol {
        Protocol::Redis => {
            encode::array(&mut request, 1);
            encode::bulk(&mut request, b"PING");
        }
        Protocol::Memcache => request.extend_from_slice(b"version\r\n"),
    }
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    while answer.split(|&b| b == b'\n').count() <= answers {
        if answer.len() > ANSWER_BYTES_MAX || stream.read_buf(&mut answer).await? == 0 {
            return Ok(false);
        }
    }
    Ok(is_well(&answer))
}

/// Reads the last line: the answer to PING, or to `version`.
fn is_well(answer: &[u8]) -> bool {
    let last = answer.trim_ascii_end().rsplit(|&b| b == b'\n').next().unwrap_or_default();
    [&b"+PONG"[..], b"-NOAUTH", b"VERSION "].iter().any(|well| last.starts_with(well))
}

#[cfg(test)]
mod tests {
    use super::is_well;

    #[test]
    fn only_pong_and_a_missing_password_are_well() {
        assert!(is_well(b"+PONG\r\n"));
        assert!(is_well(b"+OK\r\n+PONG\r\n"));
        assert!(is_well(b"VERSION 1.6.18\r\n"));
        assert!(!is_well(b"ERROR Too many open connections\r\n"));
        assert!(is_well(b"-WRONGPASS x\r\n-NOAUTH Authentication required.\r\n"));
        assert!(!is_well(b"-LOADING Redis is loading the dataset in memory\r\n"));
        assert!(!is_well(b"+OK\r\n-BUSY Redis is busy running a script\r\n"));
        assert!(!is_well(b""));
    }
}
