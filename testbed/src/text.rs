//! Where a reply of memcached's text and meta protocols ends.
//!
//! Like the RESP parser, it shares no code with the engine. It reads replies as memcached 1.6
//! writes them. An unknown line counts as a whole reply, so that a test shows it instead of waiting
//! for more.

/// The whole reply at the front of `bytes`: how many bytes it has. `None`: not whole yet.
pub fn text_reply_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = at + bytes[at..].iter().position(|&byte| byte == b'\n')? + 1;
        let text = String::from_utf8_lossy(&bytes[at..line]);
        let words: Vec<&str> = text.trim_end_matches(['\r', '\n']).split(' ').collect();
        let block = |at: usize| words.get(at).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        at = match words.first().copied() {
            Some("VALUE") => line + block(3) + 2,
            Some("STAT" | "ITEM" | "PREFIX") => line,
            Some("VA") => return Some(line + block(1) + 2).filter(|end| *end <= bytes.len()),
            _ => return Some(line),
        };
        if at > bytes.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_end_where_they_end() {
        for reply in [
            "STORED\r\n",
            "12\r\n",
            "END\r\n",
            "VALUE k 0 5\r\nEND\r\n\r\nVALUE l 0 0 7\r\n\r\nEND\r\n",
            "VALUE tab\tkey 0 1\r\nx\r\nEND\r\n",
            "VA 3 f0\r\nMN\n\r\n",
            "HD\r\n",
            "STAT a b c\r\nSTAT d\r\nEND\r\n",
            "SERVER_ERROR no\r\n",
        ] {
            let more = format!("{reply}MN\r\n");
            assert_eq!(text_reply_len(more.as_bytes()), Some(reply.len()), "{reply:?}");
            for cut in 0..reply.len() {
                assert_eq!(text_reply_len(&reply.as_bytes()[..cut]), None, "{reply:?} {cut}");
            }
        }
    }
}
