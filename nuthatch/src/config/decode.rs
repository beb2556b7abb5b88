//! Bytes to text.
//!
//! What is not text (UTF-16, stray bytes of GBK or Latin-1, control characters) is reported and
//! replaced, so that the rest of the file still gets read and all its problems come in one go.

use super::place::Place;
use super::problem::{Fault, Problem};
use super::source::{Source, lines};

/// Text out of bytes. `Err` when nothing useful can be read on.
pub fn decode(file: &str, bytes: &[u8]) -> Result<(Source, String, Vec<Problem>), Vec<Problem>> {
    // Without a mark it shows by its zeros: our characters have one in two bytes, or three in four.
    let has_zero = bytes.iter().take(4).any(|&byte| byte == 0);
    if has_zero || bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let fault = Fault::new("this file is UTF-16, not UTF-8")
            .expected("UTF-8 text")
            .note("in the editor's \"Save as\", choose the encoding UTF-8");
        return Err(vec![Source::new(file, "").problem(Place::default(), fault)]);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lossy = String::from_utf8_lossy(bytes);
    let source = Source::new(file, &lossy);
    let mut problems = Vec::new();
    if let Err(error) = std::str::from_utf8(bytes) {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = lines(&good).count();
        let column = lines(&good).last().map_or(0, |last| last.chars().count()) + 1;
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let fault = Fault::new("this is not UTF-8 text")
            .found(format!("the byte 0x{byte:02x}"))
            .expected("UTF-8 text")
            .note(
                "the file may have been saved in GBK, Latin-1 or the like: save it again as UTF-8",
            );
        problems.push(source.problem(Place::new(line, column, 1), fault));
    }
    for (index, line) in source.lines().enumerate() {
        if let Some((column, c)) = line.chars().enumerate().find(|&(_, c)| is_forbidden(c)) {
            let place = Place::new(index + 1, column + 1, 1);
            problems.push(source.problem(place, forbidden(c)));
        }
    }
    let text = lossy.chars().map(|c| if is_forbidden(c) { ' ' } else { c }).collect();
    Ok((source, text, problems))
}

/// Characters that YAML does not allow, and those that end a line in YAML 1.1 (which nutcracker
/// reads) but not in 1.2 (which our parser reads): one file must not mean two things.
fn is_forbidden(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    control || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn forbidden(c: char) -> Fault {
    Fault::new("an invisible character that cannot stand here")
        .found(format!("U+{:04X}", c as u32))
        .note("delete it: it often comes along when text is copied from a web page or a slide")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        let (_, text, problems) = decode("f", b"a: b\nc: \xc4\xe3 d\n").unwrap();
        assert_eq!((problems[0].line, problems[0].column), (2, 4));
        assert!(text.contains('\u{fffd}'));
        let (_, text, problems) = decode("f", b"a:\x07 b\n").unwrap();
        assert_eq!((problems[0].line, problems[0].column), (1, 3));
        assert_eq!(text, "a:  b\n");
        assert!(decode("f", b"\xff\xfea\0").is_err());
        assert!(decode("f", b"a\0:\0").is_err() && decode("f", b"\0a\0:").is_err());
        let (_, text, problems) = decode("f", b"\xef\xbb\xbfa: b").unwrap();
        assert_eq!((text.as_str(), problems.len()), ("a: b", 0));
    }
}
