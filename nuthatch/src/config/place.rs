//! Places in a file, as the reader's editor counts them: lines and columns from 1, a column being
//! one character, however many bytes it has or cells it takes on a screen.

/// A range of characters, mostly in one line. Line 0: the whole file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// In characters; 0 points between two.
    pub length: u32,
    /// How many further lines it covers.
    pub lines_below: u32,
}

impl Place {
    pub fn new(line: usize, column: usize, length: usize) -> Place {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column, length) = (narrow(line), narrow(column), narrow(length));
        Place { line, column, length, lines_below: 0 }
    }

    /// From here to the end of another one, which comes later.
    #[must_use]
    pub fn through(self, other: Place) -> Place {
        let last = other.line.saturating_add(other.lines_below);
        let end = other.column.saturating_add(other.length);
        let length = if other.line == self.line { end.saturating_sub(self.column) } else { 0 };
        Place {
            length: length.max(self.length),
            lines_below: last.saturating_sub(self.line).max(self.lines_below),
            ..self
        }
    }
}
