//! What a client's console looks like, as scripts see it in `$Host.UI.RawUI`.
//!
//! Spec: [MS-PSRP] 2.2.3.14 HostInfo, [MS-PSRP] 2.2.3.1 Coordinates, [MS-PSRP] 2.2.3.2 Size, [MS-PSRP] 2.2.3.3 Color.

use clixml::{TypeNames, Value};

use crate::fields::{Fields, object};
use crate::message::MessageType;

/// `_hostDefaultData`: colours, sizes and places of the client's console. What is not set is left out.
///
/// A pair is x and y, or width and height, in characters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HostDefaultData {
    /// Number of the foreground's `System.ConsoleColor`.
    pub foreground_color: Option<i32>,
    /// Number of the background's `System.ConsoleColor`.
    pub background_color: Option<i32>,
    /// Place of the cursor.
    pub cursor_position: Option<(i32, i32)>,
    /// Place of the window in the buffer.
    pub window_position: Option<(i32, i32)>,
    /// Size of the cursor in percent of a line.
    pub cursor_size: Option<i32>,
    /// Size of the buffer.
    pub buffer_size: Option<(i32, i32)>,
    /// Size of the window.
    pub window_size: Option<(i32, i32)>,
    /// Largest size of the window with this buffer.
    pub max_window_size: Option<(i32, i32)>,
    /// Largest size of the window on this screen.
    pub max_physical_window_size: Option<(i32, i32)>,
    /// Title of the window.
    pub window_title: Option<String>,
}

impl HostDefaultData {
    /// Makes the data of a console of 120 times 50 characters, light grey on black, which is enough for formatted output.
    #[must_use]
    pub fn console() -> Self {
        Self {
            foreground_color: Some(7),
            background_color: Some(0),
            cursor_position: Some((0, 0)),
            window_position: Some((0, 0)),
            cursor_size: Some(25),
            buffer_size: Some((120, 3000)),
            window_size: Some((120, 50)),
            max_window_size: Some((120, 50)),
            max_physical_window_size: Some((120, 50)),
            window_title: Some(String::new()),
        }
    }

    /// Reads `_hostDefaultData`; this never fails.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let fields = Fields::new(MessageType::InitRunspacePool, value);
        let entries = fields.get("data").and_then(Value::entries).unwrap_or_default();
        let get = |wanted: i64| {
            let (_, value) = entries.iter().find(|(key, _)| key.as_i64() == Some(wanted))?;
            fields.inside(value).get("V")
        };
        let number = |key| i32::try_from(get(key)?.as_i64()?).ok();
        let pair = |key, first, second| {
            let pair = fields.inside(get(key)?);
            Some((pair.i32(first)?, pair.i32(second)?))
        };
        Self {
            foreground_color: number(0),
            background_color: number(1),
            cursor_position: pair(2, "x", "y"),
            window_position: pair(3, "x", "y"),
            cursor_size: number(4),
            buffer_size: pair(5, "width", "height"),
            window_size: pair(6, "width", "height"),
            max_window_size: pair(7, "width", "height"),
            max_physical_window_size: pair(8, "width", "height"),
            window_title: get(9).and_then(Value::text).map(std::borrow::Cow::into_owned),
        }
    }

    /// Writes `_hostDefaultData`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let color = |number: Option<i32>| Some(("System.ConsoleColor", number?.into()));
        let place = |pair: Option<(i32, i32)>| {
            let (x, y) = pair?;
            let value = object([("x", x.into()), ("y", y.into())]);
            Some(("System.Management.Automation.Host.Coordinates", value))
        };
        let size = |pair: Option<(i32, i32)>| {
            let (width, height) = pair?;
            let value = object([("width", width.into()), ("height", height.into())]);
            Some(("System.Management.Automation.Host.Size", value))
        };
        let title = self.window_title.as_deref().map(|title| ("System.String", Value::from(title)));
        let data: [Option<(&str, Value)>; 10] = [
            color(self.foreground_color),
            color(self.background_color),
            place(self.cursor_position),
            place(self.window_position),
            self.cursor_size.map(|size| ("System.Int32", size.into())),
            size(self.buffer_size),
            size(self.window_size),
            size(self.max_window_size),
            size(self.max_physical_window_size),
            title,
        ];
        let entries = (0_i32..)
            .zip(data)
            .filter_map(|(key, entry)| {
                let (type_name, value) = entry?;
                Some((key.into(), object([("T", type_name.into()), ("V", value)])))
            })
            .collect();
        object([("data", Value::dictionary(TypeNames::hashtable(), entries))])
    }
}
