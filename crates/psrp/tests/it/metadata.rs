//! The commands that servers list, compared with recordings.

use std::collections::HashMap;

use psrp::fragment::Defragmenter;
use psrp::message::{Message, MessageType};
use psrp::outofproc::Packet;
use psrp::{CommandMetadata, GetCommandMetadata, ParameterMetadata};
use serde_json::Value as Json;

use crate::support::{recordings, text, without_versions};

/// The output of a recorded conversation of the engine.
fn output(file: &std::path::Path) -> Vec<clixml::Value> {
    let mut streams: HashMap<_, Defragmenter> = HashMap::new();
    let mut found = Vec::new();
    for line in text(file).lines() {
        let entry: Json = serde_json::from_str(line).unwrap();
        let Ok(Packet::Data { target, bytes, .. }) = Packet::parse(entry["line"].as_str().unwrap())
        else {
            continue;
        };
        if entry["dir"] != "s2c" {
            continue;
        }
        let stream = streams.entry(target).or_default();
        stream.push(&bytes).unwrap();
        while let Some(object) = stream.next_object().unwrap() {
            let message = Message::from_bytes(object.bytes).unwrap();
            if message.message_type == MessageType::PipelineOutput {
                found.push(message.value().unwrap());
            }
        }
    }
    found
}

#[test]
fn commands_are_written_as_the_engine_writes_them() {
    let Some(folder) = recordings() else { return };
    let values = output(&folder.join("pwsh-7.6/conversations/get-command-metadata.jsonl"));
    let counts: Vec<_> = values
        .iter()
        .filter_map(|value| GetCommandMetadata::count_from_value(value).ok())
        .collect();
    assert_eq!(counts, [2, 0, 0]);
    let mut names = Vec::new();
    for value in &values[1..3] {
        let command = CommandMetadata::from_value(value).unwrap();
        assert_eq!(
            without_versions(&clixml::write_value(&command.to_value())),
            without_versions(&clixml::write_value(value))
        );
        assert!(ParameterMetadata::common().all(|common| command.parameters.contains(&common)));
        names.push(command.name);
    }
    assert_eq!(names, ["Get-Date", "Write-Output"]);
    let count = clixml::write_value(&GetCommandMetadata::count_value(2));
    assert_eq!(count, clixml::write_value(&values[0]));
}

#[test]
fn requests_choose_by_type_name_and_module() {
    let command = CommandMetadata::cmdlet("Get-Mailbox").namespace("Exchange");
    assert!(GetCommandMetadata::new(["*-mailbox"]).wants(&command));
    assert!(GetCommandMetadata::new(Vec::<String>::new()).wants(&command));
    assert!(!GetCommandMetadata::new(["Get-User", "Set-*"]).wants(&command));
    let mut functions = GetCommandMetadata::new(["*"]);
    functions.command_type = GetCommandMetadata::FUNCTION;
    assert!(!functions.wants(&command));
    assert!(functions.wants(&CommandMetadata::function("Get-Mailbox")));
    let mut module = GetCommandMetadata::new(["*"]);
    module.namespaces.push("exch*".to_owned());
    assert!(module.wants(&command));
    assert!(!module.wants(&CommandMetadata::cmdlet("Get-Date")));
}
