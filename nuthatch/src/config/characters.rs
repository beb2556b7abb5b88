//! Characters that look like a blank or a colon, and are none to YAML.

pub fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

pub fn is_colon(c: char) -> bool {
    matches!(c, '：' | '﹕' | '︓' | '︰')
}
