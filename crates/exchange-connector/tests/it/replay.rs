//! What was recorded of a simulated server is done again without one.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exchange_connector::psrp_client::Seed;
use exchange_connector::psrp_client::recording::Replay;
use exchange_connector::psrp_client::wsman::client::{Exchange, Recorder};
use exchange_connector::psrp_client::wsman::recording::{Order, Recording};
use exchange_connector::{Connector, Environment, ImportRequest, Operation, Settings};
use exchange_sim::{SimOptions, Simulator};
use futures_util::StreamExt as _;

type Listener = Arc<Recorder<Arc<dyn Exchange>>>;

const NOW: SystemTime = UNIX_EPOCH;

/// What a connector says to everything that it can do.
async fn run(settings: &Settings, environment: Environment) -> Vec<String> {
    let connector = Connector::open_in(settings.clone(), environment).await.unwrap();
    let mut said = vec![serde_json::to_string(&connector.check().await).unwrap()];
    let mut changes = connector.import(ImportRequest::new());
    while let Some(change) = changes.next().await {
        said.push(serde_json::to_string(&change.unwrap()).unwrap());
    }
    let create = r#"{"ref":"1","operation":"create","attributes":{"Name":"Zoë","UserPrincipalName":"zoe@contoso.com","_param_password":"Pa55-wörd!"}}"#;
    let mut outcomes = connector.export(Operation::from_json_lines(create));
    while let Some(outcome) = outcomes.next().await {
        said.push(serde_json::to_string(&outcome).unwrap());
    }
    connector.close().await.unwrap();
    said
}

async fn recorded() -> (Settings, Recording, Arc<Seed>, Vec<String>) {
    let simulator = Simulator::start(SimOptions::default().mailboxes(5)).await.unwrap();
    let settings = Settings::from_toml_str(&simulator.settings_toml()).unwrap();
    let recorder: Arc<OnceLock<Listener>> = Arc::default();
    let seed = Arc::new(Seed::danger_predictable(7));
    let listening = Arc::clone(&recorder);
    let environment =
        Environment::default().danger_seed(Arc::clone(&seed)).at(NOW).listening(move |network| {
            Arc::clone(listening.get_or_init(|| Arc::new(Recorder::new(network))))
        });
    let said = run(&settings, environment).await;
    simulator.close().await;
    (settings, recorder.get().unwrap().recording(), seed, said)
}

/// The cursor holds the time of the recording, which took a while.
fn without_seconds(said: &[String]) -> Vec<String> {
    let cut = |line: &String| match line.split_once("\"cursor\"") {
        Some((before, _)) => before.to_owned(),
        None => line.clone(),
    };
    said.iter().map(cut).collect()
}

#[tokio::test]
async fn a_session_is_recorded_and_replayed() {
    let (settings, recording, seed, said) = recorded().await;
    assert!(recording.exchanges.len() > 20, "{}", recording.exchanges.len());
    assert_eq!(said.len(), 1 + 5 + 1 + 1, "{said:?}");
    assert!(said.last().unwrap().contains("\"applied\""), "{said:?}");
    let replayed = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let key = seed.key();
            let replay = Replay::new(recording, seed.number(), key.as_deref(), Order::Strict);
            let replay = replay.unwrap().as_recorded();
            let environment = Environment::default()
                .danger_seed(replay.seed())
                .at(NOW)
                .without_network(replay.transport());
            let began = std::time::Instant::now();
            let said = run(&settings, environment).await;
            replay.finish().unwrap();
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            said
        })
    });
    assert_eq!(without_seconds(&replayed.await.unwrap()), without_seconds(&said));
}
