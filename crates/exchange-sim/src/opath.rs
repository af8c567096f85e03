//! OPATH, the language of `-Filter`: `Property -op 'value'` joined by `-and`, `-or`, `-not` and parentheses.
//!
//! The rules are those of the vendor's table of filterable properties: wildcards on text only, `$null` only where the table
//! shows it, order comparisons on text, dates and numbers, sizes only against `Unlimited`. `EmailAddresses` without a
//! wildcard takes an address without its prefix, and `PrimarySmtpAddress` searches all addresses.

mod compare;
mod lexer;

pub(crate) use self::compare::glob;
use self::lexer::{Token, tokens};
use crate::directory::Recipient;
use crate::views::{Property, Scope, View};

/// How many conditions and operators a filter may have.
const MAX_NODES: usize = 2_000;

/// A filter for the recipients of one view.
#[derive(Debug)]
pub(crate) struct Filter {
    /// The expression in postfix order, so that neither depth nor length can exhaust the stack.
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Test { property: &'static Property, operator: Operator, value: Operand },
    Not,
    And,
    Or,
}

/// A comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Like,
    NotLike,
    Gt,
    Ge,
    Lt,
    Le,
}

/// What a property is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Text(String),
    Bool(bool),
    Null,
}

/// Why a filter is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum FilterError {
    /// The text breaks the grammar.
    #[error(
        "\"Invalid filter syntax. For a description of the filter parameter syntax see the command help.\n\"{filter}\" at position {position}.\""
    )]
    Syntax { filter: String, position: usize },
    /// The cmdlet has no such property, or none that may be filtered by.
    #[error(
        "\"{name}\" is not a recognized filterable property. For a complete list of filterable properties see the command help.\n\"{name}\" at position {position}."
    )]
    Property { name: String, position: usize },
    /// The property cannot be compared like that.
    #[error(
        "The operator \"{operator}\" can't be used with the value \"{value}\" on the property \"{name}\"."
    )]
    Operator { name: String, operator: String, value: String },
    /// The filter is too long.
    #[error("The filter has too many conditions.")]
    TooLong,
}

impl Filter {
    /// Reads a filter for a view.
    pub(crate) fn parse(text: &str, view: View) -> Result<Self, FilterError> {
        Parser { text, view, operators: Vec::new(), steps: Vec::new() }.run()
    }

    /// Returns whether the recipient passes.
    pub(crate) fn matches(&self, recipient: &Recipient, scope: &Scope<'_>) -> bool {
        let mut stack: Vec<bool> = Vec::new();
        for step in &self.steps {
            let result = match step {
                Step::Test { property, operator, value } => {
                    compare::matches(&property.read(recipient, scope), property, *operator, value)
                }
                Step::Not => !stack.pop().unwrap_or(false),
                Step::And => {
                    let (right, left) =
                        (stack.pop().unwrap_or(false), stack.pop().unwrap_or(false));
                    left && right
                }
                Step::Or => {
                    let (right, left) =
                        (stack.pop().unwrap_or(false), stack.pop().unwrap_or(false));
                    left || right
                }
            };
            stack.push(result);
        }
        stack.pop().unwrap_or(true)
    }
}

/// The shunting-yard algorithm: operators wait on a stack until one that binds less comes.
struct Parser<'a> {
    text: &'a str,
    view: View,
    operators: Vec<Pending>,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pending {
    Open,
    Or,
    And,
    Not,
}

impl Pending {
    const fn binding(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Or => 1,
            Self::And => 2,
            Self::Not => 3,
        }
    }
}

impl Parser<'_> {
    fn run(mut self) -> Result<Filter, FilterError> {
        let text = self.text.trim();
        let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let mut tokens = tokens(text).into_iter();
        let mut wants_operand = true;
        while let Some(token) = tokens.next() {
            let token = token.map_err(|position| self.syntax(position))?;
            if self.steps.len() + self.operators.len() > MAX_NODES {
                return Err(FilterError::TooLong);
            }
            match (&token.token, wants_operand) {
                (Token::Open, true) => self.operators.push(Pending::Open),
                (Token::Operator(name), true) if name == "not" => self.operators.push(Pending::Not),
                (Token::Word(name), true) => {
                    let (operator, value) = match (tokens.next(), tokens.next()) {
                        (Some(Ok(operator)), Some(Ok(value))) => (operator, value),
                        _ => return Err(self.syntax(token.position)),
                    };
                    let test = self.test(name, token.position, &operator.token, value.token)?;
                    self.steps.push(test);
                    wants_operand = false;
                }
                (Token::Close, false) => self.close(token.position)?,
                (Token::Operator(name), false) if name == "and" || name == "or" => {
                    self.join(if name == "and" { Pending::And } else { Pending::Or });
                    wants_operand = true;
                }
                _ => return Err(self.syntax(token.position)),
            }
        }
        if wants_operand {
            return Err(self.syntax(text.len()));
        }
        while let Some(pending) = self.operators.pop() {
            if pending == Pending::Open {
                return Err(self.syntax(text.len()));
            }
            self.emit(pending);
        }
        Ok(Filter { steps: self.steps })
    }

    fn syntax(&self, position: usize) -> FilterError {
        FilterError::Syntax { filter: self.text.to_owned(), position: position + 1 }
    }

    fn emit(&mut self, pending: Pending) {
        self.steps.push(match pending {
            Pending::Not => Step::Not,
            Pending::And => Step::And,
            Pending::Or | Pending::Open => Step::Or,
        });
    }

    fn join(&mut self, pending: Pending) {
        while let Some(top) =
            self.operators.last().copied().filter(|top| top.binding() >= pending.binding())
        {
            self.operators.pop();
            self.emit(top);
        }
        self.operators.push(pending);
    }

    fn close(&mut self, position: usize) -> Result<(), FilterError> {
        loop {
            match self.operators.pop() {
                Some(Pending::Open) => return Ok(()),
                Some(pending) => self.emit(pending),
                None => return Err(self.syntax(position)),
            }
        }
    }

    fn test(
        &self,
        name: &str,
        position: usize,
        operator: &Token,
        value: Token,
    ) -> Result<Step, FilterError> {
        let property = self.view.property(name).filter(|property| !property.filter.is_empty());
        let property = property.ok_or_else(|| FilterError::Property {
            name: name.to_owned(),
            position: position + 1,
        })?;
        let (operator, spelled) = match operator {
            Token::Operator(word) => {
                (comparison(word).ok_or_else(|| self.syntax(position))?, word.clone())
            }
            _ => return Err(self.syntax(position)),
        };
        let value = match value {
            Token::Text(text) | Token::Word(text) => Operand::Text(text),
            Token::Variable(word) if word == "null" => Operand::Null,
            Token::Variable(word) if word == "true" || word == "false" => {
                Operand::Bool(word == "true")
            }
            _ => return Err(self.syntax(position)),
        };
        if compare::is_allowed(property, operator, &value) {
            return Ok(Step::Test { property, operator, value });
        }
        let value = match value {
            Operand::Text(text) => text,
            Operand::Bool(value) => format!("${value}"),
            Operand::Null => "$null".to_owned(),
        };
        Err(FilterError::Operator { name: name.to_owned(), operator: format!("-{spelled}"), value })
    }
}

fn comparison(word: &str) -> Option<Operator> {
    Some(match word {
        "eq" => Operator::Eq,
        "ne" => Operator::Ne,
        "like" => Operator::Like,
        "notlike" => Operator::NotLike,
        "gt" => Operator::Gt,
        "ge" => Operator::Ge,
        "lt" => Operator::Lt,
        "le" => Operator::Le,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimOptions;
    use crate::directory::Directory;

    fn count(filter: &str) -> usize {
        let directory = Directory::new(&SimOptions::default().mailboxes(200));
        let scope = Scope { directory: &directory, domain_controller: "dc01.contoso.com" };
        let filter = Filter::parse(filter, View::Mailbox).unwrap();
        directory
            .recipients()
            .filter(|recipient| {
                View::Mailbox.shows(recipient.kind) && filter.matches(recipient, &scope)
            })
            .count()
    }

    #[test]
    fn filters_select_what_they_say() {
        assert_eq!(count("Alias -like '*'"), 200);
        assert_eq!(count("CustomAttribute1 -eq 'e000007'"), 1);
        assert_eq!(count("CustomAttribute1 -ne 'e000007'"), 199);
        assert_eq!(
            count("{ CustomAttribute1 -eq 'E000007' -or CustomAttribute1 -eq 'E000009' }"),
            2
        );
        assert_eq!(count("CustomAttribute1 -eq 'E000007' -and CustomAttribute1 -eq 'E000009'"), 0);
        assert_eq!(
            count("-not (CustomAttribute1 -eq 'E000007' -or CustomAttribute1 -eq 'E000009')"),
            198
        );
        assert_eq!(count("RecipientTypeDetails -eq 'SharedMailbox'"), 8);
        assert_eq!(count("IsShared -eq $true"), 8);
        assert_eq!(count("IsShared -eq 'False'"), 192);
        assert_eq!(count("CustomAttribute3 -eq $null"), 200);
        assert_eq!(count("CustomAttribute3 -ne $null"), 0);
        assert_eq!(count("WhenChangedUTC -gt '1/1/2020 00:00:00'"), 200);
        assert_eq!(count("WhenChangedUTC -lt '1/1/2020 00:00:00'"), 0);
        assert_eq!(count("EmailAddresses -like 'smtp:*@contoso.com'"), 200);
        assert_eq!(count("MaxSendSize -eq 'Unlimited'"), 200);
        assert_eq!(
            count("DisplayName -like '*O''Neil, \"Red\" (Sales)'"),
            count("DisplayName -eq 'O''Neil, \"Red\" (Sales)'")
        );
        assert!(count("DisplayName -eq 'O''Neil, \"Red\" (Sales)'") > 0);
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let mixed = "CustomAttribute1 -eq 'E000001' -or CustomAttribute1 -eq 'E000002' -and Alias -eq 'nobody'";
        assert_eq!(count(mixed), 1);
        let grouped = "(CustomAttribute1 -eq 'E000001' -or CustomAttribute1 -eq 'E000002') -and Alias -eq 'nobody'";
        assert_eq!(count(grouped), 0);
    }

    #[test]
    fn bad_filters_are_refused() {
        for filter in [
            "",
            "Alias",
            "Alias -eq",
            "Alias -eq 'a' -and",
            "(Alias -eq 'a'",
            "Alias -eq 'a')",
            "Alias -is 'a'",
            "Alias -eq 'a' Alias -eq 'b'",
            "Alias -eq 'a",
            "-not",
            "Alias = 'a'",
            "Nonsense -eq 'a'",
            "IsValid -eq $true",
            "Guid -like 'a*'",
            "Alias -eq $null",
            "IsShared -gt $true",
            "MaxSendSize -eq '10MB'",
            "WhenChanged -gt 'yesterday'",
            "WhenChanged -like '2*'",
        ] {
            assert!(Filter::parse(filter, View::Mailbox).is_err(), "{filter}");
        }
        let long = vec!["Alias -eq 'a'"; 3000].join(" -or ");
        assert_eq!(Filter::parse(&long, View::Mailbox).unwrap_err(), FilterError::TooLong);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
        #[test]
        fn no_text_makes_the_parser_panic(text in "[()'$a-z*\\- {}\"é]{0,60}") {
            let _ = Filter::parse(&text, View::User);
        }

        #[test]
        fn any_quoted_text_is_taken_as_it_is(value in "[ -~äé😀]{0,30}") {
            let filter = format!("DisplayName -eq '{}'", value.replace('\'', "''"));
            let steps = Filter::parse(&filter, View::User).unwrap().steps;
            let taken = matches!(&steps[..], [Step::Test { value: Operand::Text(got), .. }] if *got == value);
            proptest::prop_assert!(taken);
        }
    }
}
