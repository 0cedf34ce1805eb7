//! Key pairs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use russh::keys::{HashAlg, PublicKey};

use super::Action;
use crate::ec2::Call;
use crate::model::{KeyPair, Tags, new_id};
use crate::protocol::{ApiError, ApiResult, Filter, Params, Xml, matches};

pub(super) struct ImportKeyPair {
    name: String,
    line: String,
    key: PublicKey,
    tags: Tags,
}

impl Action for ImportKeyPair {
    fn decode(params: &Params) -> ApiResult<Self> {
        let invalid =
            || ApiError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
        let material = params.required("PublicKeyMaterial")?;
        let bytes = STANDARD.decode(material).map_err(|_| invalid())?;
        let line = String::from_utf8(bytes).map_err(|_| invalid())?.trim().to_owned();
        let key = PublicKey::from_openssh(&line).map_err(|_| invalid())?;
        let mut tags = params.tag_specifications(&["key-pair"])?;
        let tags = tags.remove("key-pair").unwrap_or_default();
        Ok(ImportKeyPair { name: params.required("KeyName")?, line, key, tags })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let algorithm = self.key.algorithm();
        let row = KeyPair {
            id: new_id("key"),
            name: self.name,
            fingerprint: self.key.fingerprint(HashAlg::Sha256).to_string(),
            key_type: algorithm.as_str().trim_start_matches("ssh-").to_owned(),
            public_key: self.line,
            created: Timestamp::now(),
            tags: self.tags,
        };
        call.ec2.change(|state| {
            if state.key_pairs.iter().any(|key| key.name == row.name) {
                let message = format!("The keypair '{}' already exists.", row.name);
                return Err(ApiError::new("InvalidKeyPair.Duplicate", message));
            }
            state.key_pairs.insert(row.clone());
            Ok(())
        })?;
        write(xml, &row);
        Ok(())
    }
}

fn write(xml: &mut Xml, key: &KeyPair) {
    xml.text("keyName", &key.name);
    xml.text("keyPairId", &key.id);
    xml.text("keyFingerprint", &key.fingerprint);
    xml.tags(&key.tags);
}

pub(super) struct DeleteKeyPair {
    name: Option<String>,
    id: Option<String>,
}

impl Action for DeleteKeyPair {
    fn decode(params: &Params) -> ApiResult<Self> {
        let (name, id) = (params.string("KeyName"), params.string("KeyPairId"));
        if name.is_none() && id.is_none() {
            let message = "The request must contain the parameter KeyName or KeyPairId";
            return Err(ApiError::new("MissingParameter", message));
        }
        Ok(DeleteKeyPair { name, id })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = call.ec2.change(|state| {
            let named = |key: &&KeyPair| {
                Some(&key.name) == self.name.as_ref() || Some(&key.id) == self.id.as_ref()
            };
            let id = state.key_pairs.iter().find(named).map(|key| key.id.clone());
            if let Some(id) = &id {
                state.key_pairs.remove(id);
            }
            Ok(id)
        })?;
        // EC2 answers so for a key pair that does not exist too.
        xml.text("return", true);
        xml.option("keyPairId", id);
        Ok(())
    }
}

pub(super) struct DescribeKeyPairs {
    names: Vec<String>,
    ids: Vec<String>,
    filters: Vec<Filter>,
    with_public_key: bool,
}

impl Action for DescribeKeyPairs {
    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeKeyPairs {
            names: params.list("KeyName"),
            ids: params.list("KeyPairId"),
            filters: params.filters()?,
            with_public_key: params.flag("IncludePublicKey")?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.read(|state| {
            for name in &self.names {
                if !state.key_pairs.iter().any(|key| key.name == *name) {
                    return Err(ApiError::not_found("InvalidKeyPair", "key pair", name));
                }
            }
            let mut rows = Vec::new();
            for key in state.key_pairs.iter() {
                let named = (self.names.is_empty() || self.names.contains(&key.name))
                    && (self.ids.is_empty() || self.ids.contains(&key.id));
                let passes = matches(&self.filters, &key.tags, |name| {
                    Some(vec![match name {
                        "fingerprint" => key.fingerprint.clone(),
                        "key-name" => key.name.clone(),
                        "key-pair-id" => key.id.clone(),
                        _ => return None,
                    }])
                })?;
                if named && passes {
                    rows.push(key);
                }
            }
            xml.list("keySet", rows, |xml, key| {
                write(xml, key);
                xml.text("keyType", &key.key_type);
                xml.time("createTime", key.created);
                xml.option("publicKey", self.with_public_key.then_some(&key.public_key));
            });
            Ok(())
        })
    }
}
