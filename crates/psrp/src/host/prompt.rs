//! What the calls to a host ask for, and the answers, as types.
//!
//! Spec: [MS-PSRP] 2.2.6.1 Encoding Individual Parameters.
//!
//! What surprised: parameters are not encoded like other values. Enumerations are bare numbers, objects bags of their
//! private fields with those left out that are null, arrays a pair of elements and lengths.

use clixml::{Object, TypeNames, Value};

use super::{HostAnswer, HostCall, HostMethod};
use crate::argument::ArgumentValue;
use crate::error::DecodeError;
use crate::fields::{Fields, array_list, object};
use crate::message::MessageType;

/// A call to the host, decoded. [`HostCall::request`] makes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HostRequest {
    /// `Prompt`: ask for several fields; the answer is [`HostAnswer::fields`].
    #[non_exhaustive]
    Prompt {
        /// Shown above.
        caption: String,
        /// Shown above.
        message: String,
        /// The fields asked for.
        fields: Vec<FieldDescription>,
    },
    /// `PromptForChoice`: the answer is the number of a choice, an `i32`.
    #[non_exhaustive]
    PromptForChoice {
        /// Shown above.
        caption: String,
        /// Shown above.
        message: String,
        /// The choices.
        choices: Vec<ChoiceDescription>,
        /// Number of the choice for an empty answer; -1 for none.
        default_choice: i32,
    },
    /// `PromptForChoiceMultipleSelection`: the answer is [`HostAnswer::choices`].
    #[non_exhaustive]
    PromptForChoices {
        /// Shown above.
        caption: String,
        /// Shown above.
        message: String,
        /// The choices.
        choices: Vec<ChoiceDescription>,
        /// Numbers of the choices for an empty answer.
        default_choices: Vec<i32>,
    },
    /// `ReadLine`: the answer is a text.
    ReadLine,
    /// `ReadLineAsSecureString`: the answer is a secret.
    ReadLineAsSecureString,
    /// `PromptForCredential`: the answer is a [`Credential`](crate::Credential).
    #[non_exhaustive]
    PromptForCredential {
        /// Shown above.
        caption: String,
        /// Shown above.
        message: String,
        /// The name to begin with; may be empty.
        user_name: String,
        /// What the credential is for; may be empty.
        target_name: String,
        /// Kinds of credentials: generic 1, domain 2. Only in the longer form of the method.
        allowed_types: Option<i32>,
        /// Options: 1 validates the syntax of the name, 2 always prompts, 4 takes no other name. Likewise.
        options: Option<i32>,
    },
    /// `Write` and `WriteLine` in all forms, and the lines of the other streams. No answer.
    #[non_exhaustive]
    Write {
        /// The method, which tells the stream.
        method: HostMethod,
        /// The text.
        text: String,
        /// Foreground and background, numbers of `System.ConsoleColor`.
        colors: Option<(i32, i32)>,
    },
    /// `SetShouldExit`: the script wants the client to end. No answer.
    SetShouldExit(i32),
    /// Any other method.
    #[non_exhaustive]
    Other {
        /// The method.
        method: HostMethod,
        /// Its parameters as they came.
        parameters: Vec<Value>,
    },
}

/// A field asked for by `Prompt`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct FieldDescription {
    /// Its name, under which the answer goes.
    pub name: String,
    /// Text to show; empty for the name. `&` marks a key.
    pub label: String,
    /// Short name of its type: `String`, `SecureString`, `PSCredential` ..
    pub type_name: String,
    /// Full name of its type.
    pub type_full_name: String,
    /// Full name of its type with assembly.
    pub assembly_full_name: String,
    /// Help.
    pub help_message: String,
    /// An answer is needed.
    pub is_mandatory: bool,
}

impl FieldDescription {
    /// Makes a mandatory field of a type, given by its full name (`System.String`).
    #[must_use]
    pub fn new(name: impl Into<String>, type_full_name: impl Into<String>) -> Self {
        let type_full_name = type_full_name.into();
        Self {
            name: name.into(),
            type_name: type_full_name.rsplit('.').next().unwrap_or_default().to_owned(),
            assembly_full_name: type_full_name.clone(),
            type_full_name,
            is_mandatory: true,
            ..Self::default()
        }
    }

    /// True when the answer has to be a secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.type_full_name == "System.Security.SecureString"
    }

    fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        let text = |name| fields.text(name).unwrap_or_default();
        Ok(Self {
            name: fields.required_text("name")?,
            label: text("label"),
            type_name: text("parameterTypeName"),
            type_full_name: text("parameterTypeFullName"),
            assembly_full_name: text("parameterAssemblyFullName"),
            help_message: text("helpMessage"),
            is_mandatory: fields.bool("isMandatory").unwrap_or(true),
        })
    }

    fn to_value(&self) -> Value {
        object([
            ("name", self.name.as_str().into()),
            ("label", self.label.as_str().into()),
            ("parameterTypeName", self.type_name.as_str().into()),
            ("parameterTypeFullName", self.type_full_name.as_str().into()),
            ("parameterAssemblyFullName", self.assembly_full_name.as_str().into()),
            ("helpMessage", self.help_message.as_str().into()),
            ("isMandatory", self.is_mandatory.into()),
            ("metadata", array_list(Vec::new())),
            ("modifiedByRemotingProtocol", false.into()),
            ("isFromRemoteHost", false.into()),
        ])
    }
}

/// A choice of a prompt.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChoiceDescription {
    /// Text to show. `&` marks a key.
    pub label: String,
    /// Help.
    pub help_message: String,
}

impl ChoiceDescription {
    /// Makes a choice.
    #[must_use]
    pub fn new(label: impl Into<String>, help_message: impl Into<String>) -> Self {
        Self { label: label.into(), help_message: help_message.into() }
    }

    fn to_value(&self) -> Value {
        object([
            ("label", self.label.as_str().into()),
            ("helpMessage", self.help_message.as_str().into()),
        ])
    }
}

impl HostCall {
    /// Decodes the parameters.
    ///
    /// # Errors
    ///
    /// [`DecodeError::WrongProperty`] or [`DecodeError::MissingProperty`] when a prompt lacks what it asks for; its caller
    /// waits all the same and has to be answered with an error.
    pub fn request(&self) -> Result<HostRequest, DecodeError> {
        let body = array_list(self.parameters.clone());
        let reader =
            Reader { fields: Fields::new(MessageType::PipelineHostCall, &body), of: &body };
        let text = |place| reader.text(place);
        Ok(match self.method {
            HostMethod::Prompt => HostRequest::Prompt {
                caption: text(0),
                message: text(1),
                fields: reader
                    .list(2)?
                    .map(|item| FieldDescription::read(&item))
                    .collect::<Result<_, _>>()?,
            },
            HostMethod::PromptForChoice => HostRequest::PromptForChoice {
                caption: text(0),
                message: text(1),
                choices: reader.choices()?,
                default_choice: reader.number(3).unwrap_or(-1),
            },
            HostMethod::PromptForChoiceMultipleSelection => HostRequest::PromptForChoices {
                caption: text(0),
                message: text(1),
                choices: reader.choices()?,
                default_choices: reader.numbers(3),
            },
            HostMethod::ReadLine => HostRequest::ReadLine,
            HostMethod::ReadLineAsSecureString => HostRequest::ReadLineAsSecureString,
            HostMethod::PromptForCredential1 | HostMethod::PromptForCredential2 => {
                HostRequest::PromptForCredential {
                    caption: text(0),
                    message: text(1),
                    user_name: text(2),
                    target_name: text(3),
                    allowed_types: reader.number(4),
                    options: reader.number(5),
                }
            }
            HostMethod::Write2 | HostMethod::WriteLine3 => HostRequest::Write {
                method: self.method,
                text: text(2),
                colors: reader.number(0).zip(reader.number(1)),
            },
            HostMethod::WriteLine1 => {
                HostRequest::Write { method: self.method, text: String::new(), colors: None }
            }
            HostMethod::Write1
            | HostMethod::WriteLine2
            | HostMethod::WriteErrorLine
            | HostMethod::WriteDebugLine
            | HostMethod::WriteVerboseLine
            | HostMethod::WriteWarningLine => {
                HostRequest::Write { method: self.method, text: text(0), colors: None }
            }
            HostMethod::SetShouldExit => {
                HostRequest::SetShouldExit(reader.number(0).unwrap_or_default())
            }
            method => HostRequest::Other { method, parameters: self.parameters.clone() },
        })
    }
}

/// Reads parameters by their place.
struct Reader<'a> {
    fields: Fields<'a>,
    of: &'a Value,
}

impl<'a> Reader<'a> {
    fn get(&self, place: usize) -> Option<&'a Value> {
        let value = self.of.items()?.get(place)?;
        Some(self.fields.resolve(value)).filter(|value| !value.is_nil())
    }

    fn text(&self, place: usize) -> String {
        self.get(place).and_then(Value::text).unwrap_or_default().into_owned()
    }

    fn number(&self, place: usize) -> Option<i32> {
        let value = self.get(place)?;
        i32::try_from(value.enum_number().or_else(|| value.as_i64())?).ok()
    }

    fn list(&self, place: usize) -> Result<impl Iterator<Item = Fields<'a>>, DecodeError> {
        let items = self
            .get(place)
            .and_then(Value::items)
            .ok_or_else(|| self.fields.wrong("mp", "list of parameters with a list in it"))?;
        Ok(items.iter().map(|item| self.fields.inside(item)))
    }

    fn choices(&self) -> Result<Vec<ChoiceDescription>, DecodeError> {
        let choices = self.list(2)?.map(|item| {
            Ok(ChoiceDescription {
                label: item.required_text("label")?,
                help_message: item.text("helpMessage").unwrap_or_default(),
            })
        });
        choices.collect()
    }

    /// The numbers of an array (`mae`, `mal`) or a plain list.
    fn numbers(&self, place: usize) -> Vec<i32> {
        let Some(value) = self.get(place) else { return Vec::new() };
        let items = self.fields.inside(value).get("mae").and_then(Value::items);
        let items = items.or_else(|| value.items()).unwrap_or_default();
        items.iter().filter_map(|item| i32::try_from(item.as_i64()?).ok()).collect()
    }
}

impl HostRequest {
    /// The method that asks for this.
    #[must_use]
    pub fn method(&self) -> HostMethod {
        match self {
            Self::Prompt { .. } => HostMethod::Prompt,
            Self::PromptForChoice { .. } => HostMethod::PromptForChoice,
            Self::PromptForChoices { .. } => HostMethod::PromptForChoiceMultipleSelection,
            Self::ReadLine => HostMethod::ReadLine,
            Self::ReadLineAsSecureString => HostMethod::ReadLineAsSecureString,
            Self::PromptForCredential { allowed_types: None, .. } => {
                HostMethod::PromptForCredential1
            }
            Self::PromptForCredential { .. } => HostMethod::PromptForCredential2,
            Self::SetShouldExit(_) => HostMethod::SetShouldExit,
            Self::Write { method, .. } | Self::Other { method, .. } => *method,
        }
    }

    /// The parameters, in the encoding of host parameters.
    #[must_use]
    pub fn parameters(&self) -> Vec<Value> {
        let text = |text: &String| Value::from(text.as_str());
        let choices = |choices: &[ChoiceDescription]| {
            array_list(choices.iter().map(ChoiceDescription::to_value).collect())
        };
        match self {
            Self::Prompt { caption, message, fields } => vec![
                text(caption),
                text(message),
                array_list(fields.iter().map(FieldDescription::to_value).collect()),
            ],
            Self::PromptForChoice { caption, message, choices: of, default_choice } => {
                vec![text(caption), text(message), choices(of), (*default_choice).into()]
            }
            Self::PromptForChoices { caption, message, choices: of, default_choices } => {
                vec![text(caption), text(message), choices(of), number_array(default_choices)]
            }
            Self::ReadLine | Self::ReadLineAsSecureString => Vec::new(),
            Self::PromptForCredential {
                caption,
                message,
                user_name,
                target_name,
                allowed_types,
                options,
            } => {
                let texts = [caption, message, user_name, target_name].map(text);
                let numbers = allowed_types.map(|kinds| [kinds, options.unwrap_or_default()]);
                texts.into_iter().chain(numbers.into_iter().flatten().map(Value::from)).collect()
            }
            Self::Write { method: HostMethod::WriteLine1, .. } => Vec::new(),
            Self::Write { text: of, colors, .. } => {
                let colors = colors.map(|(front, back)| [front, back].map(Value::from));
                colors.into_iter().flatten().chain([text(of)]).collect()
            }
            Self::SetShouldExit(code) => vec![(*code).into()],
            Self::Other { parameters, .. } => parameters.clone(),
        }
    }

    /// Makes a prompt for fields.
    #[must_use]
    pub fn prompt(
        caption: impl Into<String>,
        message: impl Into<String>,
        fields: Vec<FieldDescription>,
    ) -> Self {
        Self::Prompt { caption: caption.into(), message: message.into(), fields }
    }

    /// Makes a prompt for one of several choices.
    #[must_use]
    pub fn choice(
        caption: impl Into<String>,
        message: impl Into<String>,
        choices: Vec<ChoiceDescription>,
        default_choice: i32,
    ) -> Self {
        Self::PromptForChoice {
            caption: caption.into(),
            message: message.into(),
            choices,
            default_choice,
        }
    }

    /// Makes a prompt for a credential, in the shorter form of the method.
    #[must_use]
    pub fn credential(
        caption: impl Into<String>,
        message: impl Into<String>,
        user_name: impl Into<String>,
        target_name: impl Into<String>,
    ) -> Self {
        Self::PromptForCredential {
            caption: caption.into(),
            message: message.into(),
            user_name: user_name.into(),
            target_name: target_name.into(),
            allowed_types: None,
            options: None,
        }
    }
}

fn number_array(numbers: &[i32]) -> Value {
    let elements = numbers.iter().map(|number| Value::from(*number)).collect();
    let length = Value::from(i32::try_from(numbers.len()).unwrap_or(i32::MAX));
    let lengths = TypeNames::from(["System.Int32[]", "System.Array", "System.Object"]);
    Object::new()
        .with_extended("mae", array_list(elements))
        .with_extended("mal", Value::list(lengths, vec![length]))
        .into()
}

impl HostAnswer {
    /// The answer to `Prompt`: values by the names of the fields.
    #[must_use]
    pub fn fields<N: Into<String>, V: Into<ArgumentValue>>(
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (Value::from(name.into()), value));
        Self::Returned(ArgumentValue::hashtable(fields))
    }

    /// The answer to `PromptForChoiceMultipleSelection`: the numbers of the choices.
    #[must_use]
    pub fn choices(numbers: &[i32]) -> Self {
        Self::Returned(
            array_list(numbers.iter().map(|number| Value::from(*number)).collect()).into(),
        )
    }

    /// The answer of a host that does not do what a call asks for: the method throws.
    #[must_use]
    pub fn not_implemented(call: &HostCall) -> Self {
        super::HostResponse::not_implemented(call).result.into()
    }
}
