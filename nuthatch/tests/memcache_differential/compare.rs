//! Are two streams of replies the same? They are walked line by line, blocks of data are left as
//! they are, and of the rest is masked what `differences.rs` says.

use crate::differences::{MASKED_FLAGS, MASKED_NAMES};

/// The replies with what may differ replaced by `*`.
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let line = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| at + n + 1);
        let words: Vec<&[u8]> = bytes[at..line].trim_ascii_end().split(|&b| b == b' ').collect();
        let block = match words[0] {
            b"VALUE" => len_of(words.get(3)),
            b"VA" => len_of(words.get(1)),
            _ => None,
        };
        for (nth, word) in words.iter().enumerate() {
            if nth > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(&masked_word(words[0], nth, word));
        }
        let text_len = words.iter().map(|word| word.len() + 1).sum::<usize>() - 1;
        out.extend_from_slice(&bytes[at + text_len..line]);
        at = line;
        if let Some(len) = block {
            let end = (at + len + 2).min(bytes.len());
            out.extend_from_slice(&bytes[at..end]);
            at = end;
        }
    }
    out
}

fn len_of(word: Option<&&[u8]>) -> Option<usize> {
    std::str::from_utf8(word?).ok()?.parse().ok()
}

fn masked_word(line: &[u8], nth: usize, word: &[u8]) -> Vec<u8> {
    let flags_from = match line {
        b"VA" => 2,
        b"HD" | b"EN" | b"NF" | b"NS" | b"EX" => 1,
        b"VALUE" if nth == 4 => return b"*".to_vec(),
        b"ME" => {
            let name = MASKED_NAMES.iter().find(|(name, _)| word.starts_with(name.as_bytes()));
            return name.map_or_else(|| word.to_vec(), |(name, _)| format!("{name}*").into());
        }
        _ => return word.to_vec(),
    };
    let is_number = word.len() > 1 && word[1..].iter().all(|b| b.is_ascii_digit() || *b == b'-');
    match word.first() {
        Some(&flag) if nth >= flags_from && is_number => {
            if MASKED_FLAGS.iter().any(|(masked, _)| *masked == flag) {
                return vec![flag, b'*'];
            }
            word.to_vec()
        }
        _ => word.to_vec(),
    }
}

#[test]
fn uniques_and_clocks_are_masked_and_nothing_else() {
    for (reply, want) in [
        ("VALUE k 0 2 17\r\nc1\r\nEND\r\n", "VALUE k 0 2 *\r\nc1\r\nEND\r\n"),
        ("VALUE k 0 2\r\nc1\r\nEND\r\n", "VALUE k 0 2\r\nc1\r\nEND\r\n"),
        ("VA 4 c99 t-1 f5 Oc1\r\nVALU\r\nMN\r\n", "VA 4 c* t* f5 Oc1\r\nVALU\r\nMN\r\n"),
        ("HD c12 kc12x\r\n", "HD c* kc12x\r\n"),
        ("CLIENT_ERROR c1\r\nVALUE", "CLIENT_ERROR c1\r\nVALUE"),
    ] {
        assert_eq!(
            masked(reply.as_bytes()).escape_ascii().to_string(),
            want.as_bytes().escape_ascii().to_string()
        );
    }
}
