//! The maximum width of a text, and how a text is cut to fit.
//!
//! A picture uses the reader's own font, so its widths are not known. These are the widths of DejaVu
//! Sans, the widest of the common fonts, and a little more. A text that fits with these widths fits.

/// Widths of the ASCII characters from the space on, in thousandths of the font's size.
#[rustfmt::skip]
static REGULAR: [u16; 95] = [
    318, 401, 460, 838, 637, 951, 780, 275, 391, 391, 500, 838, 318, 361, 318, 337,
    637, 637, 637, 637, 637, 637, 637, 637, 637, 637, 337, 337, 838, 838, 838, 531,
    1000, 685, 687, 699, 771, 632, 576, 775, 752, 295, 295, 656, 558, 863, 749, 788,
    604, 788, 695, 635, 611, 732, 685, 989, 686, 611, 686, 391, 337, 391, 838, 500,
    500, 613, 635, 550, 635, 616, 353, 635, 634, 278, 278, 580, 278, 975, 634, 612,
    635, 635, 412, 521, 393, 634, 592, 818, 592, 592, 525, 637, 337, 637, 838,
];

/// The same of bold characters.
#[rustfmt::skip]
static BOLD: [u16; 95] = [
    349, 457, 521, 838, 696, 1002, 873, 307, 458, 458, 523, 838, 380, 416, 380, 366,
    696, 696, 696, 696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 581,
    1000, 774, 763, 734, 831, 684, 684, 821, 837, 373, 373, 775, 638, 996, 837, 851,
    733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458, 366, 458, 838, 500,
    500, 675, 716, 593, 716, 679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688,
    716, 716, 494, 596, 479, 712, 652, 924, 646, 652, 583, 712, 366, 712, 838,
];

/// The width of any other character: as wide as the widest.
const OTHER: u16 = 1_104;

/// In case the reader's font is a little wider.
const SLACK: f64 = 1.02;

/// The size of a text and its weight.
#[derive(Clone, Copy, Debug)]
pub struct Font {
    pub px: f64,
    pub is_bold: bool,
}

impl Font {
    /// The maximum width of a text.
    pub fn width(self, text: &str) -> f64 {
        let table = if self.is_bold { &BOLD } else { &REGULAR };
        let width_of = |char: char| {
            let at = u32::from(char).checked_sub(u32::from(' '));
            at.and_then(|at| table.get(at as usize)).copied().unwrap_or(OTHER)
        };
        let thousandths: f64 = text.chars().map(|char| f64::from(width_of(char))).sum();
        thousandths / 1_000.0 * self.px * SLACK
    }

    /// The text in lines of this width, split at spaces. A word that is wider has a line of its own
    /// and is cut at its end.
    pub fn lines(self, text: &str, room: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let longer = lines.last().map(|line| format!("{line} {word}"));
            match (longer, lines.last_mut()) {
                (Some(longer), Some(last)) if self.width(&longer) <= room => *last = longer,
                _ => lines.push(self.shortened(word, room)),
            }
        }
        lines
    }

    /// The text, or as much of its beginning as fits with an ellipsis after it.
    pub fn shortened(self, text: &str, room: f64) -> String {
        const ELLIPSIS: &str = "...";
        if self.width(text) <= room {
            return text.to_owned();
        }
        let mut short = text.to_owned();
        while short.pop().is_some() {
            let cut = format!("{}{ELLIPSIS}", short.trim_end());
            if self.width(&cut) <= room {
                return cut;
            }
        }
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Font = Font { px: 10.0, is_bold: false };

    #[test]
    fn lines_have_room_and_no_word_is_lost() {
        let text = "9 rounds of 500 ms a row; then 15 rounds of 500 ms a row";
        let lines = SMALL.lines(text, 150.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| SMALL.width(line) <= 150.0));
        assert_eq!(lines.join(" "), text);
        assert_eq!(SMALL.lines("short", 150.0), ["short"]);
        assert!(SMALL.lines("", 150.0).is_empty());
    }

    #[test]
    fn a_word_without_room_loses_its_end() {
        let word = "w".repeat(100);
        let lines = SMALL.lines(&format!("a {word} b"), 150.0);
        assert_eq!(lines.len(), 3);
        assert!(lines[1].ends_with("w...") && SMALL.width(&lines[1]) <= 150.0);
        assert_eq!(SMALL.shortened("fits", 150.0), "fits");
        assert_eq!(SMALL.shortened("does not", 1.0), "");
    }

    #[test]
    fn bold_is_wider() {
        let bold = Font { is_bold: true, ..SMALL };
        assert!(bold.width("nuthatch") > SMALL.width("nuthatch"));
    }
}
