//! A short visit to a server from the control plane: connect, say something, listen, leave.

use super::resolve;
use nuthatch_engine::topology::Address;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// What is said, and when the answer is whole.
pub trait Visit {
    fn request(&self) -> &[u8];
    fn is_answered(&self, answer: &[u8]) -> bool;
}

/// The answer, or as much of it as came before the server closed. Not bounded in time.
pub async fn call(address: &Address, visit: impl Visit) -> io::Result<Vec<u8>> {
    match address {
        Address::Tcp { host, port } => {
            let Some(address) = resolve::first_address(host, *port).await else {
                return Err(io::Error::other(format!("the name {host} does not resolve")));
            };
            converse(visit, TcpStream::connect(address).await?).await
        }
        Address::Unix { path } => converse(visit, UnixStream::connect(&**path).await?).await,
    }
}

async fn converse(
    visit: impl Visit,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<Vec<u8>> {
    stream.write_all(visit.request()).await?;
    let mut answer = Vec::new();
    while !visit.is_answered(&answer) {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            Ok(0) => break,
            // It closed before it had read all that we said.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}
