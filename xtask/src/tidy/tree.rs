//! What goes in and what comes out: files of text, and findings in them.

/// One text file; the path is relative to the workspace and uses `/`.
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

/// Something to mend, or, if it is only a warning, to think about.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    pub what: String,
    pub is_warning: bool,
}

impl SourceFile {
    pub fn is_rust(&self) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs")
    }

    pub fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into(), is_warning: false }
    }
}
