//! One large value at a fixed rate, to or from a port: blocking, one at a time.

use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A GET of the key that [`set`] sets.
pub const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
/// Bytes that are written or read at a time.
const STEP: usize = 64 << 10;

/// Sends or receives a value of this many bytes, at most this many a second.
pub type Deed = fn(port: u16, bytes: usize, per_second: usize) -> Result<()>;

pub fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("cannot connect")?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Waits until `done` bytes are due.
fn wait_until_due(begun: Instant, done: usize, per_second: usize) {
    let due = Duration::from_secs_f64(done as f64 / per_second as f64);
    sleep(due.saturating_sub(begun.elapsed()));
}

pub fn read_paced(stream: &mut TcpStream, bytes: usize, per_second: usize) -> Result<()> {
    let mut buffer = vec![0; STEP];
    let begun = Instant::now();
    let mut taken = 0;
    while taken < bytes {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "closed after {taken} of {bytes} bytes");
        ensure!(taken > 0 || buffer[0] == b'$', "answered with an error");
        taken += read;
        wait_until_due(begun, taken, per_second);
    }
    Ok(())
}

pub fn set(port: u16, bytes: usize, per_second: usize) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${bytes}\r\n").as_bytes())?;
    let block = vec![b'x'; STEP];
    let begun = Instant::now();
    for step in 1..=bytes / STEP {
        stream.write_all(&block)?;
        wait_until_due(begun, step * STEP, per_second);
    }
    stream.write_all(b"\r\n")?;
    let mut reply = [0; 5];
    stream.read_exact(&mut reply)?;
    ensure!(&reply == b"+OK\r\n", "answered {:?}", String::from_utf8_lossy(&reply));
    Ok(())
}

pub fn get(port: u16, bytes: usize, per_second: usize) -> Result<()> {
    let mut stream = connect(port)?;
    stream.write_all(GET)?;
    read_paced(&mut stream, format!("${bytes}\r\n").len() + bytes + 2, per_second)
}
