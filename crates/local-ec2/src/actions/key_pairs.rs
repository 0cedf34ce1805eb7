//! Key pairs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::Md5;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{KeypairData, RsaKeypair};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use sha1::{Digest, Sha1};

use crate::actions::action::Action;
use crate::ec2::Call;
use crate::model::{KeyPair, State, Tags, new_id};
use crate::protocol::{
    ApiError, ApiResult, Filter, Params, Reference, Xml, decode_base64, matches,
};

/// The size of the RSA keys that EC2 makes, in bits.
const RSA_BITS: usize = 2048;

/// Adds a key pair; its name must be new.
fn insert(state: &mut State, row: &KeyPair) -> ApiResult<()> {
    if state.key_pairs.of_region(&row.region).any(|key| key.name == row.name) {
        let message = format!("The keypair '{}' already exists.", row.name);
        return Err(ApiError::new("InvalidKeyPair.Duplicate", message));
    }
    state.key_pairs.insert(row.clone());
    Ok(())
}

fn key_tags(params: &Params) -> ApiResult<Tags> {
    Ok(params.tag_specifications(&["key-pair"])?.remove("key-pair").unwrap_or_default())
}

pub(super) struct CreateKeyPair {
    name: String,
    key_type: String,
    tags: Tags,
}

impl Action for CreateKeyPair {
    const REFERENCE: Reference = Reference {
        honours: &["KeyName", "KeyType", "KeyFormat", "TagSpecification"],
        notes: "The private key is returned once and not stored. KeyFormat is pem.",
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let key_type = params.string("KeyType").unwrap_or_else(|| "rsa".into());
        if !["rsa", "ed25519"].contains(&key_type.as_str()) {
            return Err(ApiError::invalid_value("keyType", &key_type));
        }
        if let Some(format) = params.string("KeyFormat").filter(|format| format != "pem") {
            return Err(ApiError::invalid_value("keyFormat", &format));
        }
        Ok(CreateKeyPair { name: params.required("KeyName")?, key_type, tags: key_tags(params)? })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let NewKey { key, material, fingerprint } = match self.key_type.as_str() {
            "rsa" => rsa_key(),
            _ => ed25519_key(),
        }
        .map_err(ApiError::internal)?;
        let public = key.public_key();
        let row = KeyPair {
            id: new_id("key"),
            fingerprint,
            key_type: self.key_type,
            public_key: public.to_openssh().map_err(ApiError::internal)?,
            created: Timestamp::now(),
            region: call.region.clone(),
            name: self.name,
            tags: self.tags,
        };
        call.ec2.change(|state| insert(state, &row))?;
        write(xml, &row);
        xml.text("keyMaterial", material);
        Ok(())
    }
}

/// A key, its PEM text in the form that EC2 gives each type in, and its fingerprint.
struct NewKey {
    key: PrivateKey,
    material: String,
    fingerprint: String,
}

/// How a key that could not be made is told.
type KeyError = Box<dyn std::error::Error>;

/// Of a key that EC2 makes the fingerprint is the SHA-1 of the private key in DER
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html>).
fn rsa_key() -> Result<NewKey, KeyError> {
    let key = RsaPrivateKey::new(&mut rand::rng(), RSA_BITS)?;
    let material = key.to_pkcs1_pem(LineEnding::LF)?.to_string();
    let fingerprint = in_hex(&Sha1::digest(key.to_pkcs8_der()?.as_bytes()));
    let pair = KeypairData::Rsa(RsaKeypair::try_from(key)?);
    Ok(NewKey { key: PrivateKey::new(pair, "")?, material, fingerprint })
}

fn ed25519_key() -> Result<NewKey, KeyError> {
    let key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)?;
    let material = key.to_openssh(LineEnding::LF)?.to_string();
    let fingerprint = sha256_fingerprint(key.public_key());
    Ok(NewKey { key, material, fingerprint })
}

/// Of an imported RSA key it is the MD5 of the public key as in RFC 4716, section 4.
fn imported_fingerprint(key: &PublicKey) -> Result<String, KeyError> {
    match key.algorithm() {
        Algorithm::Rsa { .. } => Ok(in_hex(&Md5::digest(key.to_bytes()?))),
        _ => Ok(sha256_fingerprint(key)),
    }
}

/// OpenSSH's, in base64 with its padding and without its prefix.
fn sha256_fingerprint(key: &PublicKey) -> String {
    STANDARD.encode(key.fingerprint(HashAlg::Sha256).as_bytes())
}

/// `1f:51:ae:…`
fn in_hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<String>>().join(":")
}

pub(super) struct ImportKeyPair {
    name: String,
    line: String,
    key: PublicKey,
    tags: Tags,
}

impl Action for ImportKeyPair {
    const REFERENCE: Reference = Reference {
        honours: &["KeyName", "PublicKeyMaterial", "TagSpecification"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        let invalid =
            || ApiError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
        let material = params.required("PublicKeyMaterial")?;
        let bytes = decode_base64(&material).ok_or_else(invalid)?;
        let line = String::from_utf8(bytes).map_err(|_| invalid())?.trim().to_owned();
        let key = PublicKey::from_openssh(&line).map_err(|_| invalid())?;
        let tags = key_tags(params)?;
        Ok(ImportKeyPair { name: params.required("KeyName")?, line, key, tags })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let algorithm = self.key.algorithm();
        let row = KeyPair {
            id: new_id("key"),
            name: self.name,
            fingerprint: imported_fingerprint(&self.key).map_err(ApiError::internal)?,
            key_type: algorithm.as_str().trim_start_matches("ssh-").to_owned(),
            public_key: self.line,
            created: Timestamp::now(),
            region: call.region.clone(),
            tags: self.tags,
        };
        call.ec2.change(|state| insert(state, &row))?;
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
    const REFERENCE: Reference =
        Reference { honours: &["KeyName", "KeyPairId"], ..Reference::NONE };

    fn decode(params: &Params) -> ApiResult<Self> {
        let (name, id) = (params.string("KeyName"), params.string("KeyPairId"));
        if name.is_none() && id.is_none() {
            return Err(ApiError::missing("KeyName or KeyPairId"));
        }
        Ok(DeleteKeyPair { name, id })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let id = call.ec2.change(|state| {
            let named = |key: &&KeyPair| {
                Some(&key.name) == self.name.as_ref() || Some(&key.id) == self.id.as_ref()
            };
            let id = state.key_pairs.of_region(&call.region).find(named).map(|key| key.id.clone());
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
    const REFERENCE: Reference = Reference {
        honours: &["KeyName", "KeyPairId", "Filter", "IncludePublicKey"],
        filters: &["fingerprint", "key-name", "key-pair-id", "tag:KEY", "tag-key"],
        ..Reference::NONE
    };

    fn decode(params: &Params) -> ApiResult<Self> {
        Ok(DescribeKeyPairs {
            names: params.list("KeyName"),
            ids: params.list("KeyPairId"),
            filters: params.filters(Self::REFERENCE.filters)?,
            with_public_key: params.flag("IncludePublicKey")?,
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        call.ec2.view(|state| {
            for name in &self.names {
                if !state.key_pairs.of_region(&call.region).any(|key| key.name == *name) {
                    return Err(ApiError::not_found::<KeyPair>(name));
                }
            }
            if let Some(id) = self.ids.iter().find(|id| state.key_pairs.get(id).is_none()) {
                return Err(ApiError::not_found::<KeyPair>(id));
            }
            let mut rows = Vec::new();
            for key in state.key_pairs.of_region(&call.region) {
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
