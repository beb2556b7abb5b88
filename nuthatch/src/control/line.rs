//! A connection of the control plane that stays: to ask a Sentinel again and again, or to listen to it.

use super::resolve;
use super::value::Value;
use nuthatch_engine::protocol::resp::encode;
use nuthatch_engine::topology::Address;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// The most bytes of an answer that is not whole.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub struct Line {
    stream: Box<dyn Stream>,
    heard: Vec<u8>,
    limit: Duration,
}

/// The user and the password that a line begins with.
#[derive(Clone, Default)]
pub struct Login {
    pub user: Option<Box<str>>,
    pub password: Option<Box<str>>,
}

impl Line {
    /// `limit`: how long connecting may take, and each answer.
    pub async fn open(address: &Address, login: &Login, limit: Duration) -> io::Result<Line> {
        let connecting = connect(address);
        let stream = tokio::time::timeout(limit, connecting).await.map_err(|_| slow())??;
        let mut line = Line { stream, heard: Vec::new(), limit };
        if let Some(password) = &login.password {
            let words: Vec<&str> =
                ["AUTH"].into_iter().chain(login.user.as_deref()).chain([&**password]).collect();
            let answer = line.ask(&[&words]).await?;
            if let Some(Value::Error(said)) = answer.first() {
                // A server does not repeat what AUTH was given.
                return Err(io::Error::other(format!("it refuses the login: {said}")));
            }
        }
        Ok(line)
    }

    /// Sends these commands in one write, and reads a reply to each.
    pub async fn ask(&mut self, commands: &[&[&str]]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        for words in commands {
            encode::command(&mut bytes, words);
        }
        let limit = self.limit;
        let talk = async {
            self.stream.write_all(&bytes).await?;
            let mut answers = Vec::with_capacity(commands.len());
            while answers.len() < commands.len() {
                answers.push(self.next().await?);
            }
            Ok(answers)
        };
        tokio::time::timeout(limit, talk).await.map_err(|_| slow())?
    }

    /// The next reply or message.
    pub async fn next(&mut self) -> io::Result<Value> {
        loop {
            if let Some((value, len)) = Value::read(&self.heard) {
                self.heard.drain(..len);
                return Ok(value);
            }
            if self.heard.len() > ANSWER_BYTES_MAX {
                return Err(io::Error::other("its answer is too long"));
            }
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

/// A connection to a server.
pub async fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Tcp { host, port } => {
            let Some(address) = resolve::first_address(host, *port).await else {
                return Err(io::Error::other(format!("the name {host} does not resolve")));
            };
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Address::Unix { path } => Box::new(UnixStream::connect(&**path).await?),
    })
}
