//! Writes memcached's protocol: the lines that we answer. Appends to the caller's buffer.

/// A line. Line ends in the text become blanks, so that a text of the client can be quoted.
pub fn line(out: &mut Vec<u8>, text: impl AsRef<[u8]>) {
    let bytes = text.as_ref().iter();
    out.extend(bytes.map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
    out.extend_from_slice(b"\r\n");
}

/// `STAT name value`.
pub fn stat(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    line(out, [b"STAT ", name, b" ", value].concat());
}
