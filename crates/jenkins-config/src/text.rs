//! The characters of a file, in whatever encoding it is: what is read is written again
//! byte for byte.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::error::ReadError;

/// A file's characters, and how they are its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    characters: String,
    encoding: &'static Encoding,
    /// It begins with a byte order mark.
    marked: bool,
}

impl Text {
    /// Reads bytes: by their byte order mark, else as an XML declaration says, else UTF-8.
    ///
    /// # Errors
    /// When they are not in that encoding, or would not be written again as they are.
    pub fn decode(bytes: &[u8]) -> Result<Text, ReadError> {
        let (encoding, mark) = match Encoding::for_bom(bytes) {
            Some(found) => found,
            None => (declared(bytes)?, 0),
        };
        let wrong = || ReadError::Encoding(encoding.name().to_owned());
        let characters = encoding
            .decode_without_bom_handling_and_without_replacement(&bytes[mark..])
            .ok_or_else(wrong)?
            .into_owned();
        let text = Text { characters, encoding, marked: mark > 0 };
        match text.encode(text.characters()) {
            Some(again) if again == bytes => Ok(text),
            _ => Err(wrong()),
        }
    }

    /// The characters, without the byte order mark.
    #[must_use]
    pub fn characters(&self) -> &str {
        &self.characters
    }

    /// It may hold any character. In other encodings of XML, references stand for what lies
    /// beyond ASCII: what their labels promise differs from reader to reader.
    #[must_use]
    pub(crate) fn is_unicode(&self) -> bool {
        [UTF_8, UTF_16LE, UTF_16BE].contains(&self.encoding)
    }

    /// The bytes of other characters in the same file; `None` where its encoding lacks one
    /// of them.
    #[must_use]
    pub fn encode(&self, characters: &str) -> Option<Vec<u8>> {
        let mark = if self.marked { "\u{feff}" } else { "" };
        // The library writes no UTF-16, as the web does not either.
        let units = || mark.encode_utf16().chain(characters.encode_utf16());
        if self.encoding == UTF_16LE {
            return Some(units().flat_map(u16::to_le_bytes).collect());
        }
        if self.encoding == UTF_16BE {
            return Some(units().flat_map(u16::to_be_bytes).collect());
        }
        let (bytes, _, unmappable) = self.encoding.encode(characters);
        (!unmappable).then(|| [mark.as_bytes(), &bytes].concat())
    }
}

/// The encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Result<&'static Encoding, ReadError> {
    // The longest declaration there is needs no more.
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let Some(declaration) = head.strip_prefix("<?xml").and_then(|it| it.split("?>").next()) else {
        return Ok(UTF_8);
    };
    let Some((_, rest)) = declaration.split_once("encoding") else { return Ok(UTF_8) };
    let quoted = rest.trim_start().trim_start_matches('=').trim_start();
    let label = quoted.get(1..).and_then(|it| it.split(['"', '\'']).next()).unwrap_or_default();
    let found = Encoding::for_label_no_replacement(label.as_bytes());
    // Such a label cannot be read as ASCII if it is true.
    let found = found.filter(|it| it.is_ascii_compatible());
    found.ok_or_else(|| ReadError::Encoding(label.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again_as_it_was() {
        let utf16 = |text: &str| -> Vec<u8> {
            format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
        };
        let latin = b"<?xml version='1.0' encoding=\"ISO-8859-1\"?><a>\xe9\xdf</a>";
        let files: [(&[u8], &str); 4] = [
            ("a: é\r\n".as_bytes(), "a: é\r\n"),
            ("\u{feff}a: é\n".as_bytes(), "a: é\n"),
            (&utf16("a: 😀"), "a: 😀"),
            (latin, "<?xml version='1.0' encoding=\"ISO-8859-1\"?><a>éß</a>"),
        ];
        for (bytes, characters) in files {
            let text = Text::decode(bytes).unwrap();
            assert_eq!(text.characters(), characters);
            assert_eq!(text.encode(characters).unwrap(), bytes);
        }
    }

    #[test]
    fn what_would_not_come_back_is_refused() {
        for bytes in [
            &b"a: \xff"[..],
            b"<?xml version='1.0' encoding='UTF-16'?><a/>",
            b"<?xml version='1.0' encoding='klingon'?><a/>",
            b"\xff\xfea",
        ] {
            assert!(Text::decode(bytes).is_err(), "{bytes:?}");
        }
        let latin = Text::decode(b"<?xml version='1.0' encoding='latin1'?><a/>").unwrap();
        assert_eq!(latin.encode("ami-1 \u{4e16}"), None);
    }
}
