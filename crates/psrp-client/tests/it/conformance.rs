//! One test per subject, on Microsoft's engine.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::stream;
use psrp_client::psrp::clixml::{DateTime, DateTimeKind, Decimal, TimeSpan, Value, Version};
use psrp_client::psrp::host::{HostAnswer, HostCall, HostRequest};
use psrp_client::psrp::uuid::Uuid;
use psrp_client::psrp::{
    self, ArgumentValue, Command, Credential, GetCommandMetadata, PowerShell, ProtocolVersion,
};
use psrp_client::{Error, Host, PipeOptions, PoolOptions, Record, RunspacePool};
use secrecy::{ExposeSecret as _, SecretString};

use crate::engine::{on_each, output, records, run, script, texts};

fn defaults() -> PoolOptions {
    PoolOptions::default()
}

fn protocol(version: ProtocolVersion) -> PoolOptions {
    defaults().protocol(psrp::PoolOptions::default().protocol_version(version))
}

fn runspaces(count: i32) -> PoolOptions {
    defaults().protocol(psrp::PoolOptions::default().max_runspaces(count))
}

#[tokio::test]
async fn cmdlets() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let sort = PowerShell::new()
            .command(Command::new("Write-Output").parameter("InputObject", "b"))
            .command(Command::new("Select-Object").parameter("First", 1));
        assert_eq!(texts(&output(pool.invoke(sort).await.unwrap()).await.unwrap()), ["b"]);

        let absent = PowerShell::new().command(Command::new("Get-Nonsense"));
        let error = output(pool.invoke(absent).await.unwrap()).await.unwrap_err();
        let id = &error.error_record().unwrap().fully_qualified_error_id;
        assert_eq!(id, "CommandNotFoundException");
        assert!(!error.outcome_unknown());
    })
    .await;
}

#[tokio::test]
async fn scripts() {
    on_each(defaults(), async |pool: &RunspacePool| {
        assert_eq!(texts(&run(pool, "1..3 | % { $_ * $_ }").await.unwrap()), ["1", "4", "9"]);
        let arguments = PowerShell::new().command(
            Command::script("param($a, [switch]$s) \"$a $s $args\"")
                .argument("x")
                .switch("s")
                .argument(7),
        );
        assert_eq!(
            texts(&output(pool.invoke(arguments).await.unwrap()).await.unwrap()),
            ["x True 7"]
        );

        let both = script("'one'").statement().command(Command::script("'two'"));
        assert_eq!(texts(&output(pool.invoke(both).await.unwrap()).await.unwrap()), ["one", "two"]);

        let error = run(pool, "throw 'out'").await.unwrap_err();
        assert_eq!(error.to_string(), "a script failed: out");
        assert_eq!(run(pool, "$null").await.unwrap(), [Value::Nil]);
    })
    .await;
}

#[tokio::test]
async fn all_streams() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let text = "
            $VerbosePreference = $DebugPreference = 'Continue'
            Write-Output out; Write-Error err; Write-Warning warn; Write-Verbose verb; Write-Debug deb
            Write-Progress act -Status stat -PercentComplete 40; Write-Information info -Tags t; Write-Host host";
        let mut seen = Vec::new();
        for record in records(pool.invoke(script(text)).await.unwrap()).await.unwrap() {
            seen.push(match record {
                Record::Output(value) => format!("output {}", value.text().unwrap()),
                Record::Error(record) => format!("error {}", record.message),
                Record::Warning(text) => format!("warning {text}"),
                Record::Verbose(text) => format!("verbose {text}"),
                Record::Debug(text) => format!("debug {text}"),
                Record::Progress(record) => {
                    format!("progress {} {}", record.activity, record.percent_complete)
                }
                Record::Information(record) => {
                    format!("information {} {:?}", record.message_data.text().unwrap(), record.tags)
                }
                other => panic!("{other:?}"),
            });
        }
        let expected = [
            "output out",
            "error err",
            "warning warn",
            "verbose verb",
            "debug deb",
            "progress act 40",
            "information info [\"t\"]",
            "information host [\"PSHOST\"]",
        ];
        // Output and the other streams travel side by side, so only their own order is kept.
        seen.sort_unstable();
        let mut expected = expected.map(str::to_owned);
        expected.sort_unstable();
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test]
async fn input() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let double = script("$input | % { if ($null -eq $_) { 'null' } else { $_ * 2 } }");
        let items = stream::iter((0..2000).map(Value::from));
        let invocation = pool.invoke_with_input(double.clone(), items).await.unwrap();
        let doubled: Vec<_> = (0..2000).map(|number| Value::from(number * 2)).collect();
        assert_eq!(output(invocation).await.unwrap(), doubled);

        let items = stream::iter([Value::Nil, Value::from(1)]);
        let invocation = pool.invoke_with_input(double, items).await.unwrap();
        assert_eq!(texts(&output(invocation).await.unwrap()), ["null", "2"]);

        // Output comes before the input has ended.
        let echo = PowerShell::new().command(Command::script("process { \"got $_\" }"));
        let (mut invocation, mut input) = pool.invoke_taking_input(echo).await.unwrap();
        for item in ["one", "two"] {
            input.send(item).await.unwrap();
            let record = invocation.next().await.unwrap().unwrap();
            assert!(matches!(record, Record::Output(value) if value.text().unwrap() == format!("got {item}")));
        }
        input.end();
        assert!(invocation.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_pipeline_that_ends_early_refuses_further_input() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let first = PowerShell::new().command(Command::new("Select-Object").parameter("First", 1));
        let (invocation, mut input) = pool.invoke_taking_input(first).await.unwrap();
        input.send(1).await.unwrap();
        assert_eq!(output(invocation).await.unwrap(), [Value::from(1)]);
        assert!(matches!(input.send(2).await, Err(Error::State(_))));
        // Neither does a stream without end keep anything.
        let takes_none = script("'done'");
        let invocation = pool.invoke_with_input(takes_none, stream::pending()).await.unwrap();
        assert_eq!(texts(&output(invocation).await.unwrap()), ["done"]);
        assert_eq!(run(pool, "1").await.unwrap(), [Value::from(1)]);
    })
    .await;
}

#[tokio::test]
async fn stopping() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let began = Instant::now();
        let mut sleeper = pool.invoke(script("'begun'; Start-Sleep 100; 'ended'")).await.unwrap();
        assert!(matches!(sleeper.next().await, Some(Ok(Record::Output(_)))));
        sleeper.stop();
        assert!(matches!(sleeper.next().await, Some(Err(Error::Stopped { .. }))));
        assert!(sleeper.next().await.is_none());

        // Dropping an invocation stops it too: the only runspace is free again.
        for text in ["1; Start-Sleep 100", "while ($true) { 1 }"] {
            let mut endless = pool.invoke(script(text)).await.unwrap();
            endless.next().await.unwrap().unwrap();
        }
        assert_eq!(run(pool, "2").await.unwrap(), [Value::from(2)]);
        assert!(began.elapsed() < Duration::from_secs(30));
    })
    .await;
}

#[tokio::test]
async fn host_calls_are_refused_without_a_host() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let mut reader = pool.invoke(script("Read-Host")).await.unwrap();
        let Some(Ok(Record::Error(record))) = reader.next().await else { panic!("no error") };
        assert!(record.fully_qualified_error_id.starts_with("HostFunctionNotImplemented"));
        assert!(reader.next().await.is_none());
        // A method that returns nothing is no reason to fail.
        assert_eq!(run(pool, "$Host.UI.WriteLine('x'); 1").await.unwrap(), [Value::from(1)]);
    })
    .await;
}

#[tokio::test]
async fn stopping_what_has_hardly_begun() {
    on_each(defaults(), async |pool: &RunspacePool| {
        for _ in 0..30 {
            drop(pool.invoke(script("Start-Sleep 100")).await.unwrap());
            drop(pool.invoke(script("while ($true) { 1 }")).await.unwrap());
            assert_eq!(run(pool, "2").await.unwrap(), [Value::from(2)]);
        }
    })
    .await;
}

/// Somebody who answers every question, and remembers what was shown.
#[derive(Clone, Default)]
struct Somebody(Arc<Mutex<Vec<String>>>);

impl Host for Somebody {
    fn call<'a>(
        &'a self,
        call: &'a HostCall,
    ) -> Pin<Box<dyn Future<Output = HostAnswer> + Send + 'a>> {
        Box::pin(async {
            match call.request().unwrap() {
                HostRequest::ReadLine => "Ann".into(),
                HostRequest::ReadLineAsSecureString => SecretString::from("geheim").into(),
                HostRequest::PromptForChoice { choices, .. } => {
                    i32::try_from(choices.len() - 1).unwrap().into()
                }
                HostRequest::PromptForCredential { user_name, .. } => {
                    Credential::new(user_name, SecretString::from("P@ss")).into()
                }
                HostRequest::Prompt { fields, .. } => {
                    HostAnswer::fields(fields.into_iter().map(|field| (field.name, "a field")))
                }
                HostRequest::Write { text, .. } => {
                    self.0.lock().unwrap().push(text);
                    Value::Nil.into()
                }
                _ => HostAnswer::not_implemented(call),
            }
        })
    }
}

#[tokio::test]
async fn host_calls_are_answered() {
    let somebody = Somebody::default();
    on_each(defaults().host(somebody.clone()), async |pool: &RunspacePool| {
        somebody.0.lock().unwrap().clear();
        let ask = async |text| texts(&run(pool, text).await.unwrap());
        assert_eq!(ask("Read-Host").await, ["Ann"]);
        let secret = "[Net.NetworkCredential]::new('', (Read-Host -AsSecureString)).Password";
        assert_eq!(ask(secret).await, ["geheim"]);
        assert_eq!(ask("$Host.UI.PromptForChoice('c', 'm', @('&Yes', '&No'), 0)").await, ["1"]);
        let credential = "$c = $Host.UI.PromptForCredential('c', 'm', 'ann', ''); $c.UserName; $c.GetNetworkCredential().Password";
        assert_eq!(ask(credential).await, ["ann", "P@ss"]);
        let missing = "function f { param([Parameter(Mandatory)] [string] $Name) $Name } f";
        assert_eq!(ask(missing).await, ["a field"]);
        assert_eq!(ask("$Host.UI.WriteLine('shown'); 1").await, ["1"]);
        assert!(somebody.0.lock().unwrap().iter().any(|text| text == "shown"));
        // What the host refuses is an error of the one who asked.
        let refused = pool.invoke(script("$Host.UI.RawUI.ReadKey()")).await.unwrap();
        let refused = records(refused).await.unwrap();
        assert!(matches!(refused[..], [Record::Error(_)]), "{refused:?}");
        assert_eq!(run(pool, "2").await.unwrap(), [Value::from(2)]);
    })
    .await;
}

#[tokio::test]
async fn secure_strings_in_both_directions() {
    for version in [ProtocolVersion::V2_3, ProtocolVersion::V2_4] {
        on_each(protocol(version), async |pool: &RunspacePool| {
            // Output comes before any key was agreed upon.
            let secrets = run(pool, "ConvertTo-SecureString 'P@ss wörd' -AsPlainText -Force").await;
            let [Value::SecureString(bytes)] = &*secrets.unwrap() else { panic!("no secret") };
            assert_eq!(pool.decrypt(bytes).await.unwrap().expose_secret(), "P@ss wörd");

            let secret = SecretString::from("geheim €");
            let reveal = PowerShell::new().command(
                Command::script(
                    "param([securestring]$s) [Net.NetworkCredential]::new('', $s).Password; $s",
                )
                .argument(secret),
            );
            let values = output(pool.invoke(reveal).await.unwrap()).await.unwrap();
            let [plain, Value::SecureString(bytes)] = &*values else { panic!("{values:?}") };
            assert_eq!(plain.text().unwrap(), "geheim €");
            assert_eq!(pool.decrypt(bytes).await.unwrap().expose_secret(), "geheim €");
        })
        .await;
    }
}

#[tokio::test]
async fn a_secret_goes_out_before_anything_came_in() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let length = PowerShell::new().command(
            Command::script("param([securestring]$s) $s.Length")
                .argument(SecretString::from("12345")),
        );
        assert_eq!(output(pool.invoke(length).await.unwrap()).await.unwrap(), [Value::from(5)]);
        assert!(matches!(pool.decrypt(b"too short").await, Err(Error::Secret(_))));
    })
    .await;
}

#[tokio::test]
async fn several_runspaces() {
    on_each(runspaces(3), async |pool: &RunspacePool| {
        assert_eq!(pool.available_runspaces().await.unwrap(), 3);
        // Each waits for the two others, so they end only if all three run at once.
        let text = "param($mine, $path) $null = New-Item $path/$mine
            while ((Get-ChildItem $path).Count -lt 3) { Start-Sleep -Milliseconds 20 } $mine";
        let folder = run(
            pool,
            "(New-Item -Type Directory (Join-Path ([IO.Path]::GetTempPath()) (New-Guid))).FullName",
        );
        let folder = texts(&folder.await.unwrap()).remove(0);
        let start = async |mine: i32| {
            let command = Command::script(text).argument(mine).argument(folder.as_str());
            output(pool.invoke(PowerShell::new().command(command)).await.unwrap()).await.unwrap()
        };
        let (one, two, three) = tokio::join!(start(1), start(2), start(3));
        assert_eq!([one, two, three].concat(), [1, 2, 3].map(Value::from));
        let remove = PowerShell::new().command(
            Command::new("Remove-Item").parameter("Path", folder.as_str()).switch("Recurse"),
        );
        output(pool.invoke(remove).await.unwrap()).await.unwrap();

        assert!(pool.set_max_runspaces(5).await.unwrap());
        assert!(pool.set_min_runspaces(2).await.unwrap());
        assert_eq!(pool.available_runspaces().await.unwrap(), 5);
        assert!(!pool.set_max_runspaces(0).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_pipeline_that_is_not_read_does_not_hold_up_another() {
    on_each(runspaces(2), async |pool: &RunspacePool| {
        let text = "1..20000 | % { \"$_ and some text to make it longer\" }";
        let (first, second) =
            (pool.invoke(script(text)).await.unwrap(), pool.invoke(script(text)).await.unwrap());
        assert_eq!(output(second).await.unwrap().len(), 20_000);
        // Nor does it hold up a question about the pool.
        assert!(pool.available_runspaces().await.unwrap() >= 1);
        assert_eq!(output(first).await.unwrap().len(), 20_000);
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_slows_the_engine_down() {
    let options = defaults().pipes(PipeOptions::default().buffered_bytes(10_000));
    on_each(options, async |pool: &RunspacePool| {
        let text =
            "$count = 0; 1..3000 | % { $count++; 'x' * 1000 }; $count; [DateTime]::UtcNow.Ticks";
        let mut slow = pool.invoke(script(text)).await.unwrap();
        slow.next().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let read_from = run_clock();
        let mut last = Value::Nil;
        while let Some(record) = slow.next().await {
            if let Record::Output(value) = record.unwrap() {
                last = value;
            }
        }
        assert!(last.as_i64().unwrap() > read_from, "the script ended before it was read");
    })
    .await;
}

/// Now, as the engine counts: ticks since the year 1.
fn run_clock() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    DateTime::from_unix(now.as_secs().try_into().unwrap(), now.subsec_nanos())
        .unwrap()
        .ticks()
        .try_into()
        .unwrap()
}

#[tokio::test]
async fn command_metadata() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let request = GetCommandMetadata::new(["Get-Date", "Start-Sle*"]);
        let commands = output(pool.command_metadata(&request).await.unwrap()).await.unwrap();
        let count = commands[0].property("Count").unwrap().as_i64().unwrap();
        assert_eq!(usize::try_from(count).unwrap(), commands.len() - 1);
        let mut names: Vec<_> = commands[1..]
            .iter()
            .map(|command| command.property("Name").unwrap().text().unwrap().into_owned())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["Get-Date", "Start-Sleep"]);
        let parameters = commands[1].property("Parameters").unwrap();
        assert!(parameters.entries().is_some_and(|entries| !entries.is_empty()), "{parameters:?}");
    })
    .await;
}

#[tokio::test]
async fn reset() {
    on_each(defaults(), async |pool: &RunspacePool| {
        run(pool, "$global:kept = 1").await.unwrap();
        assert_eq!(run(pool, "$kept").await.unwrap(), [Value::from(1)]);
        assert!(pool.reset().await.unwrap());
        assert_eq!(run(pool, "$kept").await.unwrap(), [Value::Nil]);
    })
    .await;
    on_each(runspaces(3), async |pool: &RunspacePool| {
        assert!(!pool.reset().await.unwrap(), "not with three runspaces");
    })
    .await;
    on_each(protocol(ProtocolVersion::V2_2), async |pool: &RunspacePool| {
        assert!(matches!(pool.reset().await, Err(Error::State(_))));
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_objects() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let text =
            "1..10000 | % { [pscustomobject]@{ Number = $_; Text = \"item $_\"; List = 1, 2, 3 } }";
        let objects = run(pool, text).await.unwrap();
        assert_eq!(objects.len(), 10_000);
        for (number, object) in (1..).zip(&objects) {
            assert_eq!(object.property("Number").unwrap().as_i64(), Some(number));
            assert_eq!(object.property("Text").unwrap().text().unwrap(), format!("item {number}"));
        }
    })
    .await;
}

/// A value of every primitive type, and the name of the type in the engine.
fn primitives() -> Vec<(&'static str, Value)> {
    let units: Vec<u16> = (0..=0xff).chain([0xd83d, 0xde00, 0xd83d, 0xffff, 0xfffe]).collect();
    let date = DateTime::from_ticks(638_000_000_012_345_678, DateTimeKind::Utc).unwrap();
    let local: DateTime = "2024-02-29T23:59:59.9999999".parse().unwrap();
    let decimal: Decimal = "-79228162514264337593543950335".parse().unwrap();
    let fraction: Decimal = "0.1000".parse().unwrap();
    vec![
        ("System.String", Value::from("")),
        ("System.String", Value::from("a b  c\r\n\t_x000A_ <&>'\" ä€😀")),
        ("System.String", Value::String(psrp::clixml::Text::from_utf16(&units))),
        ("System.Char", Value::Char(0x20ac)),
        ("System.Char", Value::Char(0)),
        ("System.Char", Value::Char(0xd800)),
        ("System.Boolean", Value::Bool(true)),
        ("System.Boolean", Value::Bool(false)),
        ("System.DateTime", Value::DateTime(date)),
        ("System.DateTime", Value::DateTime(local)),
        ("System.TimeSpan", Value::TimeSpan(TimeSpan::from_ticks(-1))),
        ("System.TimeSpan", Value::TimeSpan(TimeSpan::from_ticks(i64::MAX))),
        ("System.Byte", Value::U8(u8::MAX)),
        ("System.SByte", Value::I8(i8::MIN)),
        ("System.UInt16", Value::U16(u16::MAX)),
        ("System.Int16", Value::I16(i16::MIN)),
        ("System.UInt32", Value::U32(u32::MAX)),
        ("System.Int32", Value::I32(i32::MIN)),
        ("System.UInt64", Value::U64(u64::MAX)),
        ("System.Int64", Value::I64(i64::MIN)),
        ("System.Single", Value::F32(f32::MIN_POSITIVE)),
        ("System.Single", Value::F32(f32::NEG_INFINITY)),
        ("System.Double", Value::F64(0.1 + 0.2)),
        ("System.Double", Value::F64(f64::MAX)),
        ("System.Double", Value::F64(f64::INFINITY)),
        ("System.Decimal", Value::Decimal(decimal)),
        ("System.Decimal", Value::Decimal(fraction)),
        ("System.Byte[]", Value::Bytes((0..=255).collect())),
        ("System.Byte[]", Value::Bytes(Vec::new())),
        ("System.Guid", Value::Guid(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef))),
        // What is escaped comes back unescaped, as the engine writes a URI as it shows it.
        ("System.Uri", Value::Uri("https://ex01.contoso.com/owa?a=b&c=ä".into())),
        ("System.Version", Value::Version(Version::new(15, 2))),
        ("System.Version", Value::Version("15.2.1118.7".parse().unwrap())),
        ("System.Xml.XmlDocument", Value::Xml("<a b=\"c\"><d>e &amp; f</d></a>".into())),
        (
            // The engine takes a script block for a text, and so it comes back.
            "System.String",
            Value::ScriptBlock(" $_.Name -eq 'x' ".into()),
        ),
    ]
}

#[tokio::test]
async fn every_primitive_type_there_and_back() {
    on_each(defaults(), async |pool: &RunspacePool| {
        for (type_name, value) in primitives() {
            let echo = Command::script("param($v) $v.GetType().FullName; , $v")
                .argument(ArgumentValue::Value(value.clone()));
            let invocation = pool.invoke(PowerShell::new().command(echo)).await.unwrap();
            let values = output(invocation).await.unwrap();
            let [name, back] = &*values else { panic!("{value:?}: {values:?}") };
            assert_eq!(name.text().unwrap(), type_name, "{value:?}");
            // What passed through a script's variable may come wrapped as an object around the primitive.
            let back = match back.as_object().map(|object| &object.content) {
                Some(psrp::clixml::Content::Value(inner)) => inner,
                _ => back,
            };
            if let (Value::ScriptBlock(sent), Value::String(got)) = (&value, back) {
                assert_eq!(sent, got);
            } else {
                assert_eq!(back, &value);
            }
        }
        // NaN is not equal to itself.
        let nan =
            Command::script("param($v) $v").argument(ArgumentValue::Value(Value::F64(f64::NAN)));
        let back =
            output(pool.invoke(PowerShell::new().command(nan)).await.unwrap()).await.unwrap();
        assert!(matches!(back[..], [Value::F64(number)] if number.is_nan()));
    })
    .await;
}

#[tokio::test]
async fn every_version_of_the_protocol() {
    for version in
        [ProtocolVersion::V2_1, ProtocolVersion::V2_2, ProtocolVersion::V2_3, ProtocolVersion::V2_4]
    {
        on_each(protocol(version), async |pool: &RunspacePool| {
            assert_eq!(pool.version(), version);
            let table = pool.private_data().entry("PSVersionTable").unwrap();
            assert!(table.entry("PSVersion").is_some());
            assert_eq!(run(pool, "1 + 1").await.unwrap(), [Value::from(2)]);
            let length = PowerShell::new().command(
                Command::script("param([securestring]$s) $s.Length")
                    .argument(SecretString::from("123")),
            );
            assert_eq!(output(pool.invoke(length).await.unwrap()).await.unwrap(), [Value::from(3)]);
        })
        .await;
    }
}

#[tokio::test]
async fn events_of_the_engine() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let mut events = Box::pin(pool.user_events());
        run(pool, "Register-EngineEvent -SourceIdentifier Ours -Forward").await.unwrap();
        records(pool.invoke(script("New-Event Ours -MessageData 'hello'")).await.unwrap())
            .await
            .unwrap();
        let event = futures_util::StreamExt::next(&mut events).await.unwrap();
        assert_eq!(event.source_identifier, "Ours");
        assert_eq!(event.message_data.text().unwrap(), "hello");
    })
    .await;
}

#[tokio::test]
async fn a_large_argument_and_a_large_answer() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let text = "0123456789abcdef".repeat(1 << 16);
        let echo = Command::script("param($v) $v.Length; $v").argument(text.as_str());
        let values =
            output(pool.invoke(PowerShell::new().command(echo)).await.unwrap()).await.unwrap();
        assert_eq!(values, [Value::from(1 << 20), Value::from(text)]);
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_ends_breaks_the_pool() {
    on_each(defaults(), async |pool: &RunspacePool| {
        let text = "'last'; [Console]::Error.WriteLine('bye'); [Environment]::Exit(3)";
        let mut invocation = pool.invoke(script(text)).await.unwrap();
        let mut items = Vec::new();
        while let Some(item) = invocation.next().await {
            items.push(item);
        }
        let error = items.pop().unwrap().unwrap_err();
        assert!(error.outcome_unknown(), "{error:?}");
        let after = run(pool, "1").await.unwrap_err();
        assert!(matches!(after, Error::State(_) | Error::Pipes { .. }), "{after:?}");
    })
    .await;
}
