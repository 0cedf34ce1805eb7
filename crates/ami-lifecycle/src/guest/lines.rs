//! Lines of a command's output, put together from the pieces in which they come.

use crate::model::event::{OutputLine, Stream};

/// Puts lines together from pieces, in a time that grows with their bytes and in bounded memory, and counts
/// what has come.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: [Rest; 2],
    /// How many bytes of standard output have come.
    pub(crate) seen: u64,
}

/// What has come of a line that is not at its end.
#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    /// An earlier part was handed out.
    is_continued: bool,
}

/// How much of a line is kept together, in bytes. What never ends a line does not fill this machine's
/// memory.
const LONGEST_LINE: usize = 64 * 1024;

impl Rest {
    fn take(&mut self, is_end: bool) -> OutputLine {
        let is_continued = std::mem::replace(&mut self.is_continued, !is_end);
        OutputLine { bytes: std::mem::take(&mut self.bytes), is_continued }
    }

    fn push(&mut self, mut data: &[u8], mut line: impl FnMut(OutputLine)) {
        while !data.is_empty() {
            let room = LONGEST_LINE - self.bytes.len();
            let (part, after) = data.split_at(room.min(data.len()));
            self.bytes.extend_from_slice(part);
            data = after;
            if self.bytes.len() == LONGEST_LINE {
                line(self.take(false));
            }
        }
    }

    fn end(&mut self, mut line: impl FnMut(OutputLine)) {
        // It may have been handed out already, just up to its end.
        if self.bytes.is_empty() && self.is_continued {
            self.is_continued = false;
        } else {
            line(self.take(true));
        }
    }
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

impl Lines {
    pub(crate) fn push(
        &mut self,
        stream: Stream,
        data: &[u8],
        mut line: impl FnMut(Stream, OutputLine),
    ) {
        let rest = &mut self.rest[usize::from(stream == Stream::Stderr)];
        if stream == Stream::Stdout {
            self.seen += data.len() as u64;
        }
        let mut pieces = data.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            rest.push(piece, |part| line(stream, part));
            if pieces.peek().is_some() {
                rest.end(|end| line(stream, end));
            }
        }
    }

    /// Whether what has come of a line that is not at its end is such.
    pub(crate) fn has_rest(&self, is_such: impl Fn(&[u8]) -> bool) -> bool {
        self.rest.iter().any(|rest| is_such(&rest.bytes))
    }

    /// Whether the last line is not at its end.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.rest.iter().any(|rest| rest.is_continued || !rest.bytes.is_empty())
    }

    /// Hands out what is not at its end, such as a question.
    pub(crate) fn flush(&mut self, mut line: impl FnMut(Stream, OutputLine)) {
        for (stream, rest) in STREAMS.into_iter().zip(&mut self.rest) {
            if !rest.bytes.is_empty() {
                line(stream, rest.take(false));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(data: &[u8]) -> Vec<OutputLine> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        lines.push(Stream::Stdout, data, |_, line| all.push(line));
        lines.flush(|_, line| all.push(line));
        all
    }

    fn texts_of(data: &[u8]) -> Vec<String> {
        lines_of(data).iter().map(OutputLine::text).collect()
    }

    #[test]
    fn what_is_shown_changes_no_terminal_and_the_bytes_are_kept() {
        let data = b"\x1b[31mred\x1b[0m\ta\n\x1b]0;title\x07x\n\x1b[2J\x1b[Hgone\n10%\r20%\n\xff\r\n\nlast";
        assert_eq!(texts_of(data), ["red\ta", "x", "gone", "20%", "\u{fffd}", "", "last"]);
        let bytes: Vec<Vec<u8>> = lines_of(data).into_iter().map(|line| line.bytes).collect();
        assert_eq!(bytes.join(&b'\n'), data);
    }

    #[test]
    fn a_line_has_an_end_and_its_parts_are_one() {
        for (length, lengths) in [
            (3 * LONGEST_LINE + 1, vec![LONGEST_LINE, LONGEST_LINE, LONGEST_LINE, 1]),
            (LONGEST_LINE, vec![LONGEST_LINE]),
        ] {
            let mut data = vec![b'x'; length];
            data.push(b'\n');
            let parts = lines_of(&data);
            assert_eq!(parts.iter().map(|it| it.bytes.len()).collect::<Vec<usize>>(), lengths);
            let continued: Vec<bool> = parts.iter().map(|it| it.is_continued).collect();
            assert_eq!(continued, (0..parts.len()).map(|it| it > 0).collect::<Vec<bool>>());
        }
    }

    #[test]
    fn what_waits_for_an_answer_is_handed_out_before_its_end() {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for data in ["Continue? [y/N] ", "", "yes\nnext\n"] {
            lines.push(Stream::Stdout, data.as_bytes(), |_, line| all.push(line));
            lines.flush(|_, line| all.push(line));
        }
        let all: Vec<(String, bool)> =
            all.iter().map(|line| (line.text(), line.is_continued)).collect();
        let expected = [("Continue? [y/N] ", false), ("yes", true), ("next", false)];
        assert_eq!(all, expected.map(|(text, continued)| (text.to_owned(), continued)));
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for piece in ["on", "e\ntwo\r\n 10%\r100%\nla", "st"] {
            lines.push(Stream::Stdout, piece.as_bytes(), |_, line| seen.push(line));
        }
        assert_eq!(lines.seen, 23);
        lines.flush(|_, line| seen.push(line));
        let seen: Vec<String> = seen.iter().map(OutputLine::text).collect();
        assert_eq!(seen, ["one", "two", "100%", "last"]);
    }
}
