//! Identifiers of runspace pools and pipelines (RPID and PID), in text and in the byte order of .NET.
//!
//! Spec: [MS-PSRP] 2.2.1 PowerShell Remoting Protocol Message.
//!
//! The wire carries a GUID as .NET keeps it in memory: the first three groups little-endian, the rest as written.
//! Peers exist that write the other order (pypsrp does); a receiver echoes the sixteen bytes and never notices.

use core::fmt;
use core::str::FromStr;

use rand_core::CryptoRng;
use uuid::Uuid;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Uuid);

        impl $name {
            /// The sixteen zero bytes: no identifier at all.
            pub const NIL: Self = Self(Uuid::nil());

            /// Wraps a UUID.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// Draws a random (version 4) identifier.
            pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// Reads the sixteen bytes of a message header, which are in .NET order.
            #[must_use]
            pub fn from_wire(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes_le(bytes))
            }

            /// Writes the sixteen bytes of a message header, in .NET order.
            #[must_use]
            pub fn to_wire(self) -> [u8; 16] {
                self.0.to_bytes_le()
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// True for the sixteen zero bytes.
            #[must_use]
            pub fn is_nil(self) -> bool {
                self.0.is_nil()
            }
        }

        impl fmt::Display for $name {
            /// Writes the upper-case form that SOAP headers carry.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::UpperHex::fmt(self.0.as_hyphenated(), f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

identifier! {
    /// Identifies a runspace pool (RPID); the same UUID names the WS-Man shell.
    RunspacePoolId
}

identifier! {
    /// Identifies a pipeline of a pool (PID); the same UUID names the WS-Man command. All zero in messages of the pool.
    PipelineId
}

/// The byte stream that fragments belong to: each has its own sequence.
///
/// Spec: [MS-PSRP] 3.1.5.1.1 Rules for Sending Data.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "the protocol knows pool and pipeline, nothing else")]
pub enum StreamTarget {
    /// The stream of the runspace pool.
    Pool,
    /// The stream of one pipeline.
    Pipeline(PipelineId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_order_is_that_of_dotnet() {
        let id: RunspacePoolId = "9B5E0443-974E-46DE-BEBF-D3E1E640381E".parse().unwrap();
        let wire = [
            0x43, 0x04, 0x5e, 0x9b, 0x4e, 0x97, 0xde, 0x46, 0xbe, 0xbf, 0xd3, 0xe1, 0xe6, 0x40,
            0x38, 0x1e,
        ];
        assert_eq!(id.to_wire(), wire);
        assert_eq!(RunspacePoolId::from_wire(wire), id);
        assert_eq!(id.to_string(), "9B5E0443-974E-46DE-BEBF-D3E1E640381E");
    }
}
