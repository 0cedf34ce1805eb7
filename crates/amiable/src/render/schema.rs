//! The JSON Schemas of what `--output json` prints. The tests of the command line hold each output against
//! them; docs/reference/json.md says what they mean.

use serde_json::{Map, Value, json};

/// The commands that have one.
pub(crate) const COMMANDS: &[&str] = &[
    "create",
    "update",
    "list",
    "info",
    "plan",
    "verify",
    "rollback",
    "roll",
    "delete",
    "prune",
    "restore",
    "adopt",
    "sweep",
    "doctor",
    "validate",
    "local status",
    "local calls",
];

/// The schema of what a command prints; `None` if it has none
/// (<https://json-schema.org/draft-07/json-schema-release-notes>).
pub(crate) fn of_output(command: &str) -> Option<Value> {
    let mut schema = output(command)?;
    let definitions: Map<String, Value> =
        shared().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = format!("amiable {command} --output json").into();
    schema["definitions"] = definitions.into();
    Some(schema)
}

fn output(command: &str) -> Option<Value> {
    Some(match command {
        "create" | "update" => array(&refer("baked")),
        "list" => any(&[array(&ami(listed())), array(&unmanaged())]),
        "info" => ami(informed()),
        "plan" => array(&refer("planned")),
        "verify" => verified(),
        "rollback" => object(
            json!({
                "template": text(), "ami": text(), "generation": number(), "from": or_null(&text()),
                "consumers": array(&refer("consumer")), "regions": array(&refer("region")),
            }),
            &["regions"],
        ),
        "roll" => array(&refer("consumer")),
        "delete" => array(&object(
            json!({
                "ami": text(), "name": text(), "snapshots": texts(), "deregistered": flag(),
                "objections": array(&refer("objection")), "refused": flag(), "region": text(),
            }),
            &["region"],
        )),
        "prune" => object(
            json!({ "amis": array(&refer("decision")), "leftovers": array(&refer("leftover")) }),
            &[],
        ),
        "restore" => array(&any(&[restored(), all(json!({ "ami": text(), "error": text() }))])),
        "adopt" => array(&all(json!({
            "ami": text(), "name": text(), "created": text(), "template": text(),
            "generation": number(), "current": flag(),
        }))),
        "sweep" => array(&refer("leftover")),
        "doctor" => array(&all(json!({
            "name": text(), "verdict": choice(&["ok", "failed", "unknown"]),
            "detail": text(), "hint": or_null(&text()),
        }))),
        "validate" => map(&json!({
            "type": "object", "properties": { "metadata": texts() }, "additionalProperties": text(),
        })),
        "local status" => {
            let instance =
                json!({ "type": "array", "items": text(), "minItems": 3, "maxItems": 3 });
            let status = all(json!({
                "pid": number(), "machines": text(), "images": number(), "snapshots": number(),
                "volumes": number(), "layer_bytes": number(), "instances": array(&instance),
            }));
            all(json!({ "folder": text(), "endpoint": text(), "status": status }))
        }
        "local calls" => all(json!({
            "made": map(&number()), "connections": number(), "throttled": number(),
            "struck": number(),
        })),
        _ => return None,
    })
}

/// What several have.
fn shared() -> [(&'static str, Value); 12] {
    [
        ("status", choice(STATUSES)),
        ("source", all(json!({ "kind": text(), "url": text(), "revision": text() }))),
        ("user", user()),
        ("objection", objection()),
        ("region", region()),
        ("consumer", consumer()),
        ("leftover", leftover()),
        ("baked", baked()),
        ("planned", planned()),
        ("reason", reason()),
        ("decision", decision()),
        ("keep-reason", keep_reason()),
    ]
}

const STATUSES: &[&str] =
    &["current", "previous", "pending", "failed", "quarantined", "foreign", "unreadable"];

/// An AMI, and what else a command says of it: keys, and those that may be missing.
fn ami((more, missing): (Value, &[&str])) -> Value {
    let device = all(json!({ "device": text(), "snapshot": text(), "size_gib": number() }));
    let retired = all(json!({ "stage": choice(&["deprecated", "disabled"]), "since": text() }));
    let mut keys = json!({
        "ami": text(), "name": text(), "template": text(), "system": text(), "os": text(),
        "arch": text(), "generation": number(), "status": refer("status"), "state": text(),
        "state_reason": or_null(&text()), "region": text(), "created": text(),
        "promoted": or_null(&text()), "verified": or_null(&text()),
        "quarantined": or_null(&text()), "reason": or_null(&text()), "base_ami": text(),
        "source": refer("source"), "script": text(), "size_gib": number(), "snapshots": texts(),
        "block_devices": array(&device), "boot_script": text(), "description": or_null(&text()),
        "operator": text(), "bake": text(), "protected": flag(), "backup_of": text(),
        "copy_of": text(), "copied_by_hand": text(), "unreadable": texts(), "deprecation": text(),
        "retired": retired, "last_launched": text(), "encrypted": flag(),
        "amiable_version": text(), "metadata": map(&text()),
    });
    if let (Some(keys), Value::Object(more)) = (keys.as_object_mut(), more) {
        keys.extend(more);
    }
    let of_each = [
        "boot_script",
        "backup_of",
        "copy_of",
        "copied_by_hand",
        "unreadable",
        "deprecation",
        "retired",
        "last_launched",
        "encrypted",
    ];
    object(keys, &[&of_each[..], missing].concat())
}

fn listed() -> (Value, &'static [&'static str]) {
    (json!({ "used_by": texts() }), &["used_by"])
}

fn informed() -> (Value, &'static [&'static str]) {
    let ancestor = all(json!({
        "ami": text(), "name": or_null(&text()), "owner": or_null(&text()),
        "template": or_null(&text()), "generation": or_null(&number()),
        "source": or_null(&refer("source")),
    }));
    let copy = all(json!({
        "region": text(), "ami": or_null(&text()), "status": or_null(&refer("status")),
        "unknown": or_null(&text()),
    }));
    let named = array(&all(json!({ "place": text(), "ami": text() })));
    let sight = any(&[
        choice(&["silent"]),
        all(json!({ "names": named })),
        all(json!({ "unreadable": text() })),
    ]);
    let consumer = all(json!({ "template": text(), "consumer": text(), "sight": sight }));
    let agent = all(json!({
        "id": text(), "state": text(), "ami": text(), "generation": number(), "since": text(),
        "title": or_null(&text()),
    }));
    let pair = json!({ "type": "array", "items": text(), "minItems": 2, "maxItems": 2 });
    let more = json!({
        "because": text(), "lineage": array(&ancestor), "users": array(&refer("user")),
        "unknown_users": array(&pair), "dangling": texts(), "shared_with": texts(),
        "copies": array(&copy), "consumers": array(&consumer), "older_agents": array(&agent),
    });
    (more, &["dangling", "shared_with", "copies", "older_agents"])
}

/// Of `list --unmanaged`.
fn unmanaged() -> Value {
    all(json!({
        "ami": text(), "name": text(), "state": text(), "region": text(), "created": text(),
        "size_gib": number(), "last_launched": or_null(&text()), "used_by": array(&refer("user")),
    }))
}

fn user() -> Value {
    one_key(json!({
        "instance": all(json!({ "id": text(), "state": text() })),
        "launch-template": all(json!({
            "id": text(), "name": text(), "version": number(), "role": text(),
        })),
        "auto-scaling-group": all(json!({ "name": text(), "by": text() })),
        "consumer": all(json!({ "place": text() })),
        "account": all(json!({ "account": text(), "kind": text(), "count": number() })),
        "reference": all(json!({ "kind": text(), "arn": text() })),
    }))
}

fn objection() -> Value {
    let one = one_key(json!({
        "tampered": text(), "in-doubt": text(), "under-way": text(), "current": text(),
        "not-reported": text(), "other-accounts": text(),
        "copies": all(json!({ "region": text(), "error": text() })),
        "used": refer("user"),
        "unknown": all(json!({ "what": text(), "error": text() })),
    }));
    any(&[choice(&["outside-namespace", "protected"]), one])
}

fn region() -> Value {
    let how = choice(&["as-it-was", "promoted", "copied"]);
    any(&[
        all(json!({ "region": text(), "ami": text(), "result": how, "changed": texts() })),
        all(json!({ "region": text(), "ami": nothing(), "error": text() })),
    ])
}

fn consumer() -> Value {
    let moved = all(json!({
        "place": text(), "value": choice(&["ami", "boot-script", "told"]),
        "from": or_null(&text()), "to": text(),
    }));
    object(
        json!({
            "template": text(), "ami": text(), "consumer": text(), "moves": array(&moved),
            "error": or_null(&text()), "region": text(), "waits_until": text(),
        }),
        &["region", "waits_until"],
    )
}

fn leftover() -> Value {
    let kind = choice(&[
        "instance",
        "image",
        "snapshot",
        "volume",
        "key-pair",
        "security-group-rule",
        "security-group",
    ]);
    let because = choice(&["lease-ended", "process-ended", "image-deleted", "unused"]);
    object(
        json!({
            "kind": kind, "id": text(), "state": text(), "template": text(), "bake": text(),
            "operator": text(), "because": because, "lease": or_null(&text()),
            "snapshots": texts(), "region": text(),
        }),
        &["region"],
    )
}

fn baked() -> Value {
    let result = choice(&[
        "baked",
        "pending",
        "tried",
        "distributed",
        "rolled",
        "up-to-date",
        "failed",
        "interrupted",
        "skipped",
        "unknown",
    ]);
    object(
        json!({
            "template": text(), "result": result, "ami": or_null(&text()),
            "name": or_null(&text()), "generation": or_null(&number()), "current": flag(),
            "previous": or_null(&text()), "seconds": { "type": "number" },
            "note": or_null(&text()), "consumers": array(&refer("consumer")),
            "regions": array(&refer("region")),
        }),
        &["regions"],
    )
}

fn planned() -> Value {
    object(
        json!({
            "template": text(), "current": or_null(&text()), "generation": or_null(&number()),
            "todo": choice(&["nothing", "unknown", "roll", "distribute", "bake"]),
            "reasons": array(&refer("reason")), "unknown": texts(), "tampered": texts(),
            "other_source": text(), "name_taken": text(), "held": or_null(&text()),
        }),
        &["tampered", "other_source", "name_taken"],
    )
}

fn reason() -> Value {
    let kind = |name: &str, keys: Value| {
        let mut keys = keys;
        keys["kind"] = choice(&[name]);
        all(keys)
    };
    any(&[
        kind("no-current", json!({})),
        kind("unavailable", json!({ "ami": text(), "state": text() })),
        kind("base", json!({ "from": text(), "to": text(), "name": or_null(&text()) })),
        kind("base-template", json!({ "template": text() })),
        kind("source", json!({ "from": text(), "to": text() })),
        kind("config", json!({ "keys": texts() })),
        kind("age", json!({ "seconds": number(), "most": number() })),
        kind("lacks", json!({ "region": text(), "generation": number() })),
        kind(
            "not-current-in",
            json!({ "region": text(), "generation": number(), "current": or_null(&number()) }),
        ),
        kind("terms", json!({ "region": text(), "keys": texts() })),
        kind("consumer", json!({ "consumer": text(), "place": text(), "names": or_null(&text()) })),
    ])
}

fn decision() -> Value {
    let goes =
        any(&[choice(&["old", "overtaken", "dead"]), all(json!({ "bad": text() })), nothing()]);
    let step = choice(&["deprecate", "disable", "delete", "take-back"]);
    object(
        json!({
            "ami": text(), "name": text(), "template": text(), "generation": number(),
            "status": refer("status"), "created": text(), "kept": array(&refer("keep-reason")),
            "goes": goes, "step": or_null(&step), "region": text(),
        }),
        &["region"],
    )
}

fn keep_reason() -> Value {
    let aged = all(json!({ "seconds": number(), "limit": number() }));
    let retired = all(json!({
        "stage": choice(&["deprecated", "disabled"]), "seconds": number(), "limit": number(),
    }));
    let one = one_key(json!({
        "before": all(json!({ "number": number(), "of": number() })),
        "young": aged, "launched": aged, "retired": retired, "under-way": text(),
        "no-current": text(), "tampered": text(), "in-doubt": text(), "no-template": text(),
        "objected": refer("objection"), "limit": number(),
    }));
    any(&[choice(&["current", "way-back", "rolled-back", "waits", "protected"]), one])
}

fn verified() -> Value {
    object(
        json!({
            "ami": text(), "template": text(), "passed": flag(), "failures": texts(),
            "current": flag(), "quarantined": flag(), "consumers": array(&refer("consumer")),
            "regions": array(&refer("region")),
        }),
        &["regions"],
    )
}

fn restored() -> Value {
    all(json!({
        "ami": text(), "template": text(), "generation": number(), "status": refer("status"),
        "restored": flag(), "error": nothing(),
    }))
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn texts() -> Value {
    array(&text())
}

fn number() -> Value {
    json!({ "type": "integer" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn nothing() -> Value {
    json!({ "type": "null" })
}

fn or_null(value: &Value) -> Value {
    any(&[value.clone(), nothing()])
}

fn choice(values: &[&str]) -> Value {
    json!({ "enum": values })
}

fn array(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn map(values: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": values })
}

fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn any(values: &[Value]) -> Value {
    json!({ "anyOf": values })
}

/// An object that has all of its keys.
fn all(keys: Value) -> Value {
    object(keys, &[])
}

/// An object with these keys, of which some may be missing, and no others.
fn object(keys: Value, missing: &[&str]) -> Value {
    let names = keys.as_object().into_iter().flat_map(Map::keys);
    let required: Vec<&String> = names.filter(|it| !missing.contains(&it.as_str())).collect();
    json!({
        "type": "object", "required": required, "properties": keys, "additionalProperties": false,
    })
}

/// An object that has one of these keys.
fn one_key(keys: Value) -> Value {
    json!({
        "type": "object", "properties": keys, "additionalProperties": false,
        "minProperties": 1, "maxProperties": 1,
    })
}

#[cfg(test)]
mod tests {
    use ami_lifecycle::{DeleteReason, KeepReason, Objection, Reason, RetiredStage, User};
    use serde::Serialize;

    use super::*;

    /// Holds values against a definition; the tests of the command line do so with what commands print.
    fn hold<T: Serialize>(definition: &str, values: &[T]) {
        let mut schema = of_output("prune").unwrap();
        let reference = format!("#/definitions/{definition}");
        let keys = schema.as_object_mut().unwrap();
        keys.retain(|key, _| ["$schema", "definitions"].contains(&key.as_str()));
        keys.insert("$ref".into(), reference.into());
        let validator = jsonschema::validator_for(&schema).unwrap();
        for value in values {
            let value = serde_json::to_value(value).unwrap();
            assert!(validator.is_valid(&value), "{definition}: {value}");
        }
        assert!(!validator.is_valid(&json!({ "nonsense": 1 })), "{definition}");
    }

    fn word() -> String {
        "x".to_owned()
    }

    #[test]
    fn what_seldom_happens_fits_too() {
        hold(
            "user",
            &[
                User::Account { account: word(), kind: word(), count: 2 },
                User::AutoScalingGroup { name: word(), by: word() },
                User::LaunchTemplate { id: word(), name: word(), version: 3, role: word() },
                User::Reference { kind: word(), arn: word() },
            ],
        );
        hold(
            "objection",
            &[
                Objection::OutsideNamespace,
                Objection::Protected,
                Objection::UnderWay(word()),
                Objection::Current(word()),
                Objection::Copies { region: word(), error: word() },
                Objection::NotReported(word()),
                Objection::OtherAccounts(word()),
                Objection::Unknown { what: word(), error: word() },
                Objection::Used(User::Consumer { place: word() }),
            ],
        );
        hold(
            "keep-reason",
            &[
                KeepReason::Before { number: 1, of: 2 },
                KeepReason::Young { seconds: 1, limit: 2 },
                KeepReason::Launched { seconds: 1, limit: 2 },
                KeepReason::Retired { stage: RetiredStage::Disabled, seconds: 1, limit: 2 },
                KeepReason::UnderWay(word()),
                KeepReason::NoCurrent(word()),
                KeepReason::NoTemplate(word()),
                KeepReason::Waits,
                KeepReason::Protected,
                KeepReason::Objected(Objection::Protected),
                KeepReason::Limit(3),
            ],
        );
        hold(
            "reason",
            &[
                Reason::Unavailable { ami: word(), state: word() },
                Reason::Lacks { region: word(), generation: 1 },
                Reason::NotCurrentIn { region: word(), generation: 1, current: None },
                Reason::Terms { region: word(), keys: vec![word()] },
                Reason::Consumer { consumer: word(), place: word(), names: None },
            ],
        );
        let goes = [DeleteReason::Bad("failed"), DeleteReason::Dead, DeleteReason::Overtaken];
        for goes in goes {
            let decision = json!({
                "ami": "x", "name": "x", "template": "x", "generation": 1, "status": "failed",
                "created": "x", "kept": [], "goes": goes, "step": "take-back",
            });
            hold("decision", &[decision]);
        }
    }
}
