//! What a connector takes from the world around it: the network, the clock, and chance.
//!
//! Programs use [`Connector::open`](crate::Connector::open) and have the real ones. Whoever records a session listens to its
//! network; whoever replays one brings a network, a clock and ids that are those of the recording.

use std::sync::Arc;
use std::time::SystemTime;

use exchange_online::RestExchange;
use psrp_client::Seed;
use psrp_client::wsman::client::Exchange;
use tokio::time::Instant;

/// The network, the clock and the source of ids of a connector; by default the real ones.
///
/// ```no_run
/// use std::sync::{Arc, OnceLock};
///
/// use exchange_connector::psrp_client::Seed;
/// use exchange_connector::psrp_client::wsman::client::Recorder;
/// use exchange_connector::{Connector, Environment, Settings};
///
/// # async fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
/// let recorder = Arc::new(OnceLock::new());
/// let listening = Arc::clone(&recorder);
/// let environment = Environment::default()
///     .danger_seed(Arc::new(Seed::danger_predictable(42)))
///     .listening(move |network| listening.get_or_init(|| Arc::new(Recorder::new(network))).clone());
/// let connector = Connector::open_in(settings, environment).await?;
/// connector.check().await;
/// connector.close().await?;
/// let recording = recorder.get().map(|recorder| recorder.recording());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Environment {
    network: Network,
    online: OnlineNetwork,
    seed: Option<Arc<Seed>>,
    /// What the clock showed at a moment, for a clock that goes on from there.
    clock: Option<(SystemTime, Instant)>,
}

/// What carries envelopes.
#[derive(Clone, Default)]
enum Network {
    #[default]
    Real,
    Listening(Arc<Wrap>),
    Other(Arc<dyn Exchange>),
}

/// What carries requests to the service.
#[derive(Clone, Default)]
enum OnlineNetwork {
    #[default]
    Real,
    Listening(Arc<WrapOnline>),
    Other(Arc<dyn RestExchange>),
}

type WrapOnline = dyn Fn(Arc<dyn RestExchange>) -> Arc<dyn RestExchange> + Send + Sync;

type Wrap = dyn Fn(Arc<dyn Exchange>) -> Arc<dyn Exchange> + Send + Sync;

impl Environment {
    /// Puts something between the connector and the network of its own servers, such as a recorder. It is asked for once a
    /// connector.
    pub fn listening<E: Exchange + 'static>(
        mut self,
        wrap: impl Fn(Arc<dyn Exchange>) -> Arc<E> + Send + Sync + 'static,
    ) -> Self {
        self.network = Network::Listening(Arc::new(move |network| wrap(network)));
        self
    }

    /// Puts something in the place of the network of the own servers, such as a replay: no connection is made to them, and no
    /// file is read that only a connection needs.
    pub fn without_network(mut self, instead: Arc<dyn Exchange>) -> Self {
        self.network = Network::Other(instead);
        self
    }

    /// Puts something between the connector and the network of the service, such as a recorder. It is asked for once a
    /// connector.
    pub fn listening_online<E: RestExchange + 'static>(
        mut self,
        wrap: impl Fn(Arc<dyn RestExchange>) -> Arc<E> + Send + Sync + 'static,
    ) -> Self {
        self.online = OnlineNetwork::Listening(Arc::new(move |network| wrap(network)));
        self
    }

    /// Puts something in the place of the network of the service, such as a replay: no connection is made to it, and no file
    /// is read that only a connection needs, the application's certificate among them.
    pub fn without_online_network(mut self, instead: Arc<dyn RestExchange>) -> Self {
        self.online = OnlineNetwork::Other(instead);
        self
    }

    /// Draws ids and keys from a seed, and leaves nothing else to chance.
    pub fn danger_seed(mut self, seed: Arc<Seed>) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the clock; it goes on by tokio's.
    pub fn at(mut self, now: SystemTime) -> Self {
        self.clock = Some((now, Instant::now()));
        self
    }

    /// The time of day.
    pub(crate) fn now(&self) -> SystemTime {
        match self.clock {
            Some((then, at)) => then + at.elapsed(),
            None => SystemTime::now(),
        }
    }

    /// A number that spreads waits; with a seed always the same, for what is recorded has happened once.
    pub(crate) fn chance(&self) -> u32 {
        match &self.seed {
            // The time-dependent part of a UUID of version 4 is its randomness, and nothing depends on how good that is.
            None => uuid::Uuid::new_v4().as_fields().0,
            Some(_) => u32::MAX / 2,
        }
    }

    pub(crate) fn seed(&self) -> Option<&Arc<Seed>> {
        self.seed.as_ref()
    }

    /// Whether the network is the plain one, which may be tried apart from a session, and shared with others of this process.
    pub(crate) fn is_plain(&self) -> bool {
        matches!((&self.network, &self.online), (Network::Real, OnlineNetwork::Real))
    }

    /// Whether the service is there, and not something in its place.
    pub(crate) fn has_service(&self) -> bool {
        !matches!(self.online, OnlineNetwork::Other(_))
    }

    /// What carries requests to the service; `real` makes the real one, where that is wanted.
    pub(crate) fn online_exchange<E>(
        &self,
        real: impl FnOnce() -> Result<Arc<dyn RestExchange>, E>,
    ) -> Result<Arc<dyn RestExchange>, E> {
        match &self.online {
            OnlineNetwork::Real => real(),
            OnlineNetwork::Listening(wrap) => Ok(wrap(real()?)),
            OnlineNetwork::Other(instead) => Ok(Arc::clone(instead)),
        }
    }

    /// What carries envelopes; `real` makes the real one, where that is wanted.
    pub(crate) fn exchange<E>(
        &self,
        real: impl FnOnce() -> Result<Arc<dyn Exchange>, E>,
    ) -> Result<Arc<dyn Exchange>, E> {
        match &self.network {
            Network::Real => real(),
            Network::Listening(wrap) => Ok(wrap(real()?)),
            Network::Other(instead) => Ok(Arc::clone(instead)),
        }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let network = match self.network {
            Network::Real => "real",
            Network::Listening(_) => "listened to",
            Network::Other(_) => "replaced",
        };
        f.debug_struct("Environment")
            .field("network", &network)
            .field("has_service", &self.has_service())
            .field("seed", &self.seed)
            .field("clock", &self.clock)
            .finish()
    }
}
