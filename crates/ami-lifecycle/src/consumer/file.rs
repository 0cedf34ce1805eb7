//! An id in any file: its bytes change, and no others.

use std::collections::BTreeSet;

use ami_in_file::{Place, all_ids, exchange, find};
use async_trait::async_trait;
use jenkins_config::Text;

use super::error::RollError;
use super::files::{Files, read};
use super::holders::Holders;
use super::kind::{Kind, Reading};
use super::server::JenkinsServer;
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::error::chain;
use crate::model::consumer::IdInFile;
use crate::model::id::AmiId;

/// What a change comes to: the new bytes, and the ids of before.
struct Edit {
    bytes: Vec<u8>,
    before: BTreeSet<String>,
}

/// A file's characters, and how they are its bytes.
enum Characters {
    Text(Text),
    /// Each character stands for one byte.
    Bytes(String),
}

impl Characters {
    fn as_str(&self) -> &str {
        match self {
            Characters::Text(text) => text.characters(),
            Characters::Bytes(text) => text,
        }
    }

    fn encode(&self, characters: &str) -> Option<Vec<u8>> {
        match self {
            Characters::Text(text) => text.encode(characters),
            Characters::Bytes(_) => characters.chars().map(|it| u8::try_from(it).ok()).collect(),
        }
    }
}

impl IdInFile {
    fn decode(&self, bytes: &[u8]) -> Characters {
        match Text::decode(bytes) {
            Ok(text) => Characters::Text(text),
            // Of whatever other encoding it is: ids are ASCII in nearly all.
            Err(_) => Characters::Bytes(bytes.iter().map(|byte| char::from(*byte)).collect()),
        }
    }

    fn place(&self, region: &str) -> Result<Place, RollError> {
        let file = || self.file.clone();
        self.place.in_region(region).map_err(|reason| RollError::BadPlace { path: file(), reason })
    }

    /// The ids at the place.
    fn ids(&self, bytes: &[u8], region: &str) -> Result<BTreeSet<String>, RollError> {
        let text = self.decode(bytes);
        let text = text.as_str();
        let spans = find(text, &self.place(region)?)?;
        Ok(spans.into_iter().map(|span| text[span].to_owned()).collect())
    }

    /// The file with another id. Pure.
    fn edit(&self, bytes: &[u8], region: &str, ami: &str) -> Result<Edit, RollError> {
        let text = self.decode(bytes);
        let characters = text.as_str();
        let place = self.place(region)?;
        let spans = find(characters, &place)?;
        let before = spans.iter().map(|span| characters[span.clone()].to_owned()).collect();
        let changed = exchange(characters, &spans, ami);
        let bytes = text.encode(&changed).ok_or_else(|| RollError::Encoding(self.file.clone()))?;
        Ok(Edit { bytes, before })
    }

    fn moves(&self, before: BTreeSet<String>, request: &RollRequest<'_>) -> Vec<Move> {
        let ami = request.target.ami.as_str();
        let others: Vec<String> = before.into_iter().filter(|id| id != ami).collect();
        if others.is_empty() {
            return Vec::new();
        }
        let place = self.place.text(request.cloud.region());
        let (from, to) = (Some(others.join(", ")), ami.to_owned());
        vec![Move { place, is_all: false, value: Value::Ami, from, to }]
    }
}

#[async_trait(?Send)]
impl Kind for IdInFile {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let region = reading.cloud.region();
        let short = self.place.text(region);
        let place = format!("{short} in {}", self.shown);
        let naming = |id| Naming::new(place.clone(), short.clone(), AmiId::answered(id));
        Ok(Some(self.ids(&read(&self.file)?, region)?.into_iter().map(naming).collect()))
    }

    async fn plan(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
    ) -> Result<Vec<Move>, RollError> {
        let (region, ami) = (request.cloud.region(), &request.target.ami);
        let edit = self.edit(&files.planned(&self.file)?, region, ami)?;
        files.plan_ids(&self.file, edit.bytes);
        Ok(self.moves(edit.before, request))
    }

    async fn roll(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        let (region, ami) = (request.cloud.region(), &request.target.ami);
        let mut before = BTreeSet::new();
        files.change(&self.file, |bytes| {
            let edit = self.edit(bytes, region, ami)?;
            before = edit.before;
            Ok(edit.bytes)
        })?;
        *moves = self.moves(before, request);
        Ok(())
    }

    fn places(&self, _: &str, region: Option<&str>) -> Vec<WrittenPlace> {
        let file = self.file.canonicalize().unwrap_or_else(|_| self.file.clone());
        let place = self.place.text(region.unwrap_or("{region}"));
        let (key, text) =
            (format!("{} {place}", file.display()), format!("{place} in {}", self.shown));
        vec![WrittenPlace { key, cloud: None, text }]
    }

    /// Whether the file is there, and the place in it; a place of a region is not known here.
    fn examine(&self, _: Option<&JenkinsServer>) -> Result<(), RollError> {
        let bytes = read(&self.file)?;
        match self.place.has_region() {
            true => Ok(()),
            false => self.ids(&bytes, "").map(drop),
        }
    }

    /// All ids in the file: others may start from them.
    fn neighbours(&self, _: &[(&str, &str)], holders: &mut Holders) {
        if !holders.is_new(&self.file) {
            return;
        }
        let text = match read(&self.file) {
            Ok(bytes) => self.decode(&bytes),
            Err(error) => return holders.add_unknown(self.shown.clone(), chain(&error)),
        };
        for id in all_ids(text.as_str()) {
            holders.add(Naming::new(self.shown.clone(), self.shown.clone(), AmiId::answered(id)));
        }
    }
}
