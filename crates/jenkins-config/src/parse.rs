//! Reading a whole file, and the files within it.

use crate::agent::Format;
use crate::clouds::{Found, mentions_cloud};
use crate::document::Document;
use crate::error::ReadError;
use crate::program::recognised;
use crate::text::Text;
use crate::{embedded, xml, yaml};

impl Document {
    /// Reads a file, which is XML when it begins with `<`. Configuration as code is also found below
    /// other keys, and both formats in texts of a YAML file, as of Helm's values.
    ///
    /// # Errors
    /// When it is neither XML nor YAML, or in an encoding that is not known.
    pub fn parse(bytes: &[u8]) -> Result<Document, ReadError> {
        let text = Text::decode(bytes)?;
        let characters = text.characters();
        let is_xml = characters.trim_start().starts_with('<');
        let (format, read) = if is_xml {
            (Format::Xml, xml::read(characters))
        } else {
            (Format::Casc, yaml::read(characters))
        };
        let as_program = |error| match recognised(characters) {
            Some(kind) => ReadError::Program { kind },
            None => error,
        };
        let (slots, tree) = read.map_err(as_program)?;
        let mut found = Found::new(&text, &slots);
        match format {
            Format::Xml => found.xml_clouds(&tree)?,
            Format::Casc => found.casc_clouds(&tree)?,
        }
        let Found { mut clouds, mut agents, mut remarks, .. } = found;
        let own = agents.len();
        let mut embedded = Vec::new();
        if format == Format::Casc {
            let texts = embedded::read(&text, &slots, &tree, &agents, Document::parse)?;
            let is_alone = clouds.is_empty();
            texts.add_to(&mut clouds, &mut agents);
            if let (true, Some(error)) = (clouds.is_empty(), texts.unread.first()) {
                return Err(error.clone());
            }
            // Beside clouds a text that only speaks of them may be anything.
            remarks.extend(texts.remarks(is_alone));
            embedded = texts.found;
        }
        if clouds.is_empty()
            && mentions_cloud(characters)
            && let Some(kind) = recognised(characters)
        {
            return Err(ReadError::Program { kind });
        }
        Ok(Document { text, format, slots, tree, clouds, agents, own, embedded, remarks })
    }
}
