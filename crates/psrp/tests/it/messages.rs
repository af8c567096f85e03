//! Single messages that others wrote.

use psrp::crypto::SecretEncoding;
use psrp::message::{Destination, Message, MessageType};
use psrp::records::InformationalKind;
use psrp::{
    ArgumentValue, Body, ErrorCategory, ErrorRecord, PipelineId, PowerShell, RunspacePoolId,
};
use serde_json::Value as Json;

use crate::support::{recordings, text, without_versions};

fn decode(message_type: MessageType, body: &str) -> Body {
    let message = Message {
        destination: Destination::Client,
        message_type,
        pool: RunspacePoolId::NIL,
        pipeline: PipelineId::NIL,
        body: body.trim_start_matches('\u{feff}').to_owned().into(),
    };
    Body::decode(&message).unwrap_or_else(|error| panic!("{message_type}: {error:?}"))
}

#[test]
fn examples_of_the_specification() {
    let Some(folder) = recordings() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("ms-psrp-examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some((_, name)) = name.split_once('_') else { continue };
        let known = MessageType::ALL.iter().find(|message_type| message_type.name() == Some(name));
        let Some(message_type) = known else { continue };
        decode(*message_type, text(&path).trim());
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn pipelines_of_a_windows_client() {
    let Some(folder) = recordings() else { return };
    let read = |name: &str| {
        let body = text(folder.join("3gstudent").join(name));
        let value = clixml::read_value(body.trim().as_bytes()).unwrap();
        PowerShell::from_value(&value, &SecretEncoding::NoKey).unwrap()
    };
    let shown = |pipeline: &PowerShell| {
        let command = &pipeline.commands()[0];
        let argument = command.arguments.first().unwrap();
        let ArgumentValue::Value(value) = &argument.value else { panic!("a secret") };
        (command.name.clone(), argument.name.clone(), value.text().unwrap().into_owned())
    };
    let mailbox = read("create_pipeline_get_mailbox.xml");
    assert_eq!(mailbox.statements.len(), 1);
    let (command, name, _) = shown(&mailbox);
    assert_eq!(command, "Get-Mailbox");
    assert!(name.is_some());
    let member = read("create_pipeline_get_rolegroupmember.xml");
    let (command, name, _) = shown(&member);
    assert_eq!((command.as_str(), name), ("Get-RoleGroupMember", None));
}

/// The value of a fact, as the engine told it.
fn fact<'a>(facts: &'a Json, name: &str) -> Option<&'a str> {
    let pairs = facts[0]["ext"].as_array()?;
    let pair = pairs.iter().find(|pair| pair[0] == name)?;
    pair[1]["s"].as_str().or_else(|| pair[1]["v"].as_str())
}

#[test]
fn error_records_of_the_engine() {
    let Some(folder) = recordings() else { return };
    let folder = folder.join("pwsh-7.6");
    let truth = text(folder.join("TRUTH.json"));
    let mut count = 0;
    // One entry a line; other entries are nested deeper than the JSON reader goes.
    for line in truth.lines().filter(|line| line.starts_with("\"psrp-records/error")) {
        let (name, truth) = line.split_once(':').unwrap();
        let name = name.trim_matches('"');
        let truth: Json = serde_json::from_str(truth.trim_end_matches(',')).unwrap();
        let Body::ErrorRecord(record) = decode(MessageType::ErrorRecord, &text(folder.join(name)))
        else {
            panic!("no record")
        };
        let facts = &truth["facts"];
        let check = |fact_name: &str, found: &str| {
            // Facts that are not plain ASCII are given in another form, which is not needed here.
            if let Some(expected) = fact(facts, fact_name) {
                assert_eq!(expected, found, "{name}: {fact_name}");
            }
        };
        check("text", &record.message);
        check("message", record.exception_message.as_deref().unwrap());
        check("exception", &record.exception_types[0]);
        check("id", &record.fully_qualified_error_id);
        check("category", &record.category.code().to_string());
        // The engine adds the activity of an error that is written again after it was caught.
        if fact(facts, "activity") != Some("") {
            check("activity", &record.activity);
        }
        check("reason", &record.reason);
        check("targetName", &record.target_name);
        check("targetType", &record.target_type);
        // Written again and read again, nothing that has a field is lost.
        let mut again = ErrorRecord::from_value(&record.to_value());
        again.value = record.value.clone();
        assert_eq!(again, *record);
        count += 1;
    }
    assert_eq!(count, 8);
}

#[test]
fn other_records_of_the_engine() {
    let Some(folder) = recordings() else { return };
    let folder = folder.join("pwsh-7.6/psrp-records");
    let read = |name: &str, message_type| decode(message_type, &text(folder.join(name)));
    let Body::Informational(warning) =
        read("warning-with-invocation.xml", MessageType::WarningRecord)
    else {
        panic!("no warning")
    };
    assert_eq!(warning.message, "careful\n<&>");
    let Body::Progress(progress) = read("progress.xml", MessageType::ProgressRecord) else {
        panic!("no progress")
    };
    assert_eq!(
        (progress.activity.as_str(), progress.percent_complete, progress.seconds_remaining),
        ("a", 50, 9)
    );
    assert_eq!((progress.activity_id, progress.parent_activity_id), (7, 3));
    let Body::Information(information) =
        read("information-write-host.xml", MessageType::InformationRecord)
    else {
        panic!("no information")
    };
    assert_eq!(
        (information.message().as_str(), information.tags.as_slice()),
        ("shown", &["PSHOST".to_owned()][..])
    );
    assert_eq!((information.process_id, information.managed_thread_id), (29797, 12));
}

#[test]
fn invocations_are_read_and_written_as_the_engine_writes_them() {
    let Some(folder) = recordings() else { return };
    let folder = folder.join("pwsh-7.6/psrp-records");
    for (name, kind) in
        [("warning", InformationalKind::Warning), ("verbose", InformationalKind::Verbose)]
    {
        let xml = text(folder.join(format!("{name}-with-invocation.xml")));
        let Body::Informational(record) = decode(kind.message_type(), &xml) else {
            panic!("{name}")
        };
        let invocation = record.invocation.as_deref().unwrap();
        assert_eq!(invocation.command.as_ref().unwrap().command_type, 64);
        assert_eq!((invocation.history_id, invocation.pipeline_length), (1, 1));
        assert_eq!(invocation.pipeline_iteration, [0, 0]);
        let written = clixml::write_value(&record.to_value(kind));
        let read = clixml::write_value(&record.value);
        assert_eq!(without_versions(&written), without_versions(&read));
        let plain = decode(kind.message_type(), &text(folder.join(format!("{name}.xml"))));
        assert!(matches!(plain, Body::Informational(record) if record.invocation.is_none()));
    }
    let error = |name| match decode(MessageType::ErrorRecord, &text(folder.join(name))) {
        Body::ErrorRecord(record) => record,
        other => panic!("{other:?}"),
    };
    for (name, extended) in
        [("error-of-a-cmdlet.xml", false), ("error-of-a-cmdlet-with-invocation.xml", true)]
    {
        let record = error(name);
        let invocation = record.invocation.as_deref().unwrap();
        assert_eq!(record.extended_invocation, extended);
        assert_eq!(invocation.invocation_name, "Get-Item");
        assert_eq!(invocation.line, "Get-Item /no/such/path");
        assert_eq!((invocation.script_line_number, invocation.offset_in_line), (1, 1));
        assert_eq!(invocation.command.as_ref().unwrap().name, "Get-Item");
        assert_eq!(invocation.command_origin, 1);
        assert!(invocation.position_message.starts_with("At line:1 char:1"));
    }
}

#[test]
fn a_category_without_a_name_is_kept() {
    assert_eq!(ErrorCategory::from_code(99).code(), 99);
}
