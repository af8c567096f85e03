//! Asking KDCs: over TCP, one after the other until one answers.
//!
//! Spec: RFC 4120, 7.2.2 TCP/IP Transport.
//!
//! Every message has its length before it, in four bytes; the security library wants them left where they are.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use sspi::NetworkProtocol;
use sspi::generator::NetworkRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::dial;
use super::kerberos::{KerberosError, KerberosOptions, Principal};
use super::krb5_conf::Krb5Conf;

/// The address that the security library is given for the user's own realm; [`Kdcs`] puts the true ones in its place.
pub(crate) const HOME: &str = "tcp://kdc.invalid:88";

/// A user, and the KDCs of the user's realm.
#[derive(Debug)]
pub(crate) struct Kdcs {
    principal: Principal,
    servers: Vec<Server>,
    /// Which of them answered last.
    preferred: AtomicUsize,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Server {
    host: String,
    port: u16,
}

impl Kdcs {
    /// Finds the user's realm, and its KDCs: by the options, by krb5.conf, by DNS.
    pub(crate) async fn find(
        username: &str,
        options: &KerberosOptions,
    ) -> Result<Self, KerberosError> {
        let conf = Krb5Conf::read(options.krb5_conf.as_deref())
            .map_err(|(path, source)| KerberosError::Configuration { path, source })?;
        let principal = Principal::find(username, options, &conf)?;
        if !options.kdcs.is_empty() {
            return Self::named(principal, &options.kdcs);
        }
        let found = conf.kdcs(&principal.realm);
        if !found.is_empty() {
            return Self::named(principal, &reachable(found));
        }
        let asks_dns = options.dns && conf.asks_dns();
        let servers = if asks_dns { in_dns(&principal.realm).await } else { Vec::new() };
        if servers.is_empty() {
            return Err(KerberosError::NoKdc { realm: principal.realm });
        }
        Ok(Self { principal, servers, preferred: AtomicUsize::new(0) })
    }

    /// Takes KDCs by their addresses.
    pub(crate) fn named(principal: Principal, addresses: &[String]) -> Result<Self, KerberosError> {
        let servers =
            addresses.iter().map(|address| Server::parse(address)).collect::<Result<_, _>>();
        Ok(Self { principal, servers: servers?, preferred: AtomicUsize::new(0) })
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Carries a message to a KDC of the realm that it is for, and the answer back.
    pub(crate) async fn ask(&self, request: &NetworkRequest) -> Result<Vec<u8>, KerberosError> {
        if request.url.as_str().trim_end_matches('/') == HOME {
            return self.ask_home(&request.data).await;
        }
        let server = Server {
            host: request.url.host_str().unwrap_or_default().to_owned(),
            port: request.url.port().unwrap_or(PORT),
        };
        let answer = match request.protocol {
            NetworkProtocol::Tcp => server.ask(&request.data).await,
            _ => Err(io::Error::other("KDCs are asked over TCP alone")),
        };
        answer.map_err(|source| KerberosError::Unreachable {
            realm: "of the server".to_owned(),
            servers: vec![server.to_string()],
            source,
        })
    }

    async fn ask_home(&self, message: &[u8]) -> Result<Vec<u8>, KerberosError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut last = io::Error::other("there is no KDC to ask");
        for at in (first..self.servers.len()).chain(0..first) {
            let Some(server) = self.servers.get(at) else { continue };
            match server.ask(message).await {
                Ok(answer) => {
                    self.preferred.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => {
                    tracing::debug!(kdc = %server, %error, "a KDC does not answer");
                    last = error;
                }
            }
        }
        Err(KerberosError::Unreachable {
            realm: self.principal.realm.clone(),
            servers: self.servers.iter().map(ToString::to_string).collect(),
            source: last,
        })
    }
}

/// Leaves out those that are reached by other ways than TCP, such as `https://proxy/KdcProxy`, if there are others.
fn reachable(mut addresses: Vec<String>) -> Vec<String> {
    let is_odd = |address: &String| Server::parse(address).is_err();
    if !addresses.iter().all(is_odd) {
        addresses.retain(|address| !is_odd(address));
    }
    addresses
}

impl Server {
    /// Reads `host`, `host:port`, `[address]:port`, each with or without `tcp://`.
    fn parse(text: &str) -> Result<Self, KerberosError> {
        let invalid = || KerberosError::Address { address: text.to_owned() };
        let address = text.trim().strip_prefix("tcp://").unwrap_or_else(|| text.trim());
        let address = address.strip_suffix('/').unwrap_or(address);
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().map_err(|_error| invalid())?)
            }
            _ => (address, PORT),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/[]@\\".contains(c);
        if host.is_empty() || host.contains(is_odd) {
            return Err(invalid());
        }
        Ok(Self { host: host.to_owned(), port })
    }

    async fn ask(&self, message: &[u8]) -> io::Result<Vec<u8>> {
        let exchange = async {
            let mut stream = dial::connect(&self.host, self.port).await?;
            stream.write_all(message).await?;
            let length = stream.read_u32().await?;
            let size = usize::try_from(length).ok().filter(|size| *size <= LARGEST_ANSWER);
            let size =
                size.ok_or_else(|| io::Error::other("the answer of the KDC is too large"))?;
            let mut answer = length.to_be_bytes().to_vec();
            answer.resize(size + 4, 0);
            let (_, body) = answer.split_at_mut(4);
            stream.read_exact(body).await?;
            Ok(answer)
        };
        let timed_out =
            || io::Error::new(io::ErrorKind::TimedOut, "the KDC does not answer in time");
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_elapsed| timed_out())?
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Checks addresses before anybody is asked.
pub(crate) fn check(options: &KerberosOptions) -> Result<(), KerberosError> {
    options.kdcs.iter().try_for_each(|address| Server::parse(address).map(|_server| ()))
}

/// Asks the system's name servers for the KDCs of a realm.
async fn in_dns(realm: &str) -> Vec<Server> {
    match TokioResolver::builder_tokio().and_then(|builder| builder.build()) {
        Ok(resolver) => look_up(&resolver, realm).await,
        Err(error) => {
            tracing::debug!(%error, "no name servers are known");
            Vec::new()
        }
    }
}

/// Spec: RFC 2782; lower priorities come first, and of equal ones the heavier.
async fn look_up(resolver: &TokioResolver, realm: &str) -> Vec<Server> {
    let lookup = resolver.srv_lookup(format!("_kerberos._tcp.{realm}."));
    let found = match tokio::time::timeout(PATIENCE, lookup).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::debug!(%error, realm, "no KDC in DNS");
            return Vec::new();
        }
        Err(_elapsed) => return Vec::new(),
    };
    let mut records: Vec<(u16, u16, Server)> = found
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(service) => Some(service),
            _ => None,
        })
        .take(MOST_SERVERS)
        .filter_map(|service| {
            let host = service.target.to_ascii().trim_end_matches('.').to_owned();
            let server = Server { host, port: service.port };
            (!server.host.is_empty()).then_some((
                service.priority,
                u16::MAX - service.weight,
                server,
            ))
        })
        .collect();
    records.sort_by_key(|(priority, weight, _)| (*priority, *weight));
    records.into_iter().map(|(_, _, server)| server).collect()
}

const PORT: u16 = 88;
/// How long one KDC is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than a ticket of the largest kind that Windows makes.
const LARGEST_ANSWER: usize = 256 << 10;
/// The most KDCs that are taken from DNS.
const MOST_SERVERS: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use tokio::net::{TcpListener, UdpSocket};

    use super::*;

    fn principal() -> Principal {
        Principal { name: "ann".to_owned(), realm: "A.EXAMPLE".to_owned() }
    }

    fn request(data: &[u8]) -> NetworkRequest {
        let url = HOME.parse().unwrap();
        NetworkRequest { protocol: NetworkProtocol::Tcp, url, data: data.to_vec() }
    }

    /// Answers every message with these bytes.
    async fn kdc(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut message = [0; 7];
                stream.read_exact(&mut message).await.unwrap();
                stream.write_all(answer).await.unwrap();
            }
        });
        address
    }

    #[test]
    fn addresses_have_several_forms() {
        for (text, expected) in [
            ("dc01.contoso.com", "dc01.contoso.com:88"),
            ("dc01:750", "dc01:750"),
            ("tcp://dc01:88/", "dc01:88"),
            ("[::1]:88", "[::1]:88"),
            ("::1", "[::1]:88"),
        ] {
            assert_eq!(Server::parse(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "dc01:x", "udp://dc01:88", "https://proxy/KdcProxy", "a b", ":88"] {
            assert!(Server::parse(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn the_next_kdc_is_asked_when_one_does_not_answer() {
        let good = kdc(b"\0\0\0\x02ok").await;
        let kdcs = Kdcs::named(principal(), &["127.0.0.1:1".to_owned(), good]).unwrap();
        assert_eq!(kdcs.ask(&request(b"\0\0\0\x03abc")).await.unwrap(), b"\0\0\0\x02ok");
        assert_eq!(kdcs.preferred.load(Ordering::Relaxed), 1);
        assert_eq!(kdcs.ask(&request(b"\0\0\0\x03abc")).await.unwrap(), b"\0\0\0\x02ok");
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_or_cut_is_none() {
        for answer in [&b"\x7F\xFF\xFF\xFF"[..], b"\0\0\0\x09ok", b"\0"] {
            let server = kdc(answer).await;
            let kdcs = Kdcs::named(principal(), &[server]).unwrap();
            let error = kdcs.ask(&request(b"\0\0\0\x03abc")).await.unwrap_err();
            assert!(matches!(error, KerberosError::Unreachable { .. }), "{error:?}");
        }
    }

    /// Answers one query with two SRV records, the worse one first.
    async fn name_server() -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                // The question ends after its name, type and class.
                let name_end = buffer[12..length].iter().position(|byte| *byte == 0).unwrap() + 13;
                let question = &buffer[12..name_end + 4];
                let mut answer = buffer[..2].to_vec();
                answer.extend_from_slice(&[0x84, 0, 0, 1, 0, 2, 0, 0, 0, 0]);
                answer.extend_from_slice(question);
                for (priority, host) in [(20, b"dc2"), (10, b"dc1")] {
                    answer.extend_from_slice(&[0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 11]);
                    answer.extend_from_slice(&[0, priority, 0, 5, 2, 238, 3]);
                    answer.extend_from_slice(host);
                    answer.push(0);
                }
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        port
    }

    #[tokio::test]
    async fn kdcs_are_found_in_dns_by_priority() {
        let mut connection = ConnectionConfig::udp();
        connection.port = name_server().await;
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let resolver =
            TokioResolver::builder_with_config(config, Default::default()).build().unwrap();
        let found: Vec<String> =
            look_up(&resolver, "A.EXAMPLE").await.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["dc1:750", "dc2:750"]);
    }

    #[tokio::test]
    async fn what_nobody_names_is_not_found() {
        let conf = std::env::temp_dir().join(format!("wsman-kdc-{}.conf", std::process::id()));
        std::fs::write(&conf, "[realms]\nB.EXAMPLE = {\n kdc = dc1\n}\n").unwrap();
        let options = KerberosOptions::default().krb5_conf(&conf).dns(false);
        let found = Kdcs::find("ann@b.example", &options).await.unwrap();
        assert_eq!(found.servers, [Server::parse("dc1").unwrap()]);
        let missing = Kdcs::find("ann@c.example", &options).await.unwrap_err();
        let proxied =
            "[realms]\nB.EXAMPLE = {\n kdc = https://proxy.b.example/KdcProxy\n kdc = dc1:88\n}\n";
        std::fs::write(&conf, proxied).unwrap();
        let found = Kdcs::find("ann@b.example", &options).await.unwrap();
        assert_eq!(found.servers, [Server::parse("dc1").unwrap()]);
        std::fs::write(&conf, proxied.replace("kdc = dc1:88", "")).unwrap();
        let odd = Kdcs::find("ann@b.example", &options).await.unwrap_err();
        assert!(matches!(odd, KerberosError::Address { address } if address.contains("KdcProxy")));
        std::fs::remove_file(&conf).unwrap();
        assert!(matches!(missing, KerberosError::NoKdc { realm } if realm == "C.EXAMPLE"));
        let unread = Kdcs::find("ann@b.example", &options).await.unwrap_err();
        assert!(matches!(unread, KerberosError::Configuration { .. }));
    }
}
