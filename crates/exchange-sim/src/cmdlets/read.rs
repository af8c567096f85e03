//! `Get-Mailbox`, `Get-RemoteMailbox`, `Get-User`, `Get-CASMailbox`, `Get-AcceptedDomain` and `Get-OrganizationConfig`.

use std::sync::Arc;
use std::vec::IntoIter;

use uuid::Uuid;

use super::bind::Bound;
use super::task::Prepared;
use super::{Argument, CmdletError, ErrorCategory, Exchange, Record, Session};
use crate::directory::{Recipient, RecipientKind};
use crate::object::{Field, Item};
use crate::opath::Filter;
use crate::views::{self, Property, View};

const DEFAULT_LIMIT: u64 = 1000;

const CUT_BY_DEFAULT: &str = "By default, only the first 1000 items are returned. Use the ResultSize parameter to specify the number of items returned. To return all items, specify \"-ResultSize Unlimited\". Be aware that, depending on the actual number of items, returning all items can take a long time and consume a large amount of memory. Also, we don't recommend storing the results in a variable. Instead, pipe the results to another task or script to perform batch changes.";
const CUT_BY_SIZE: &str = "There are more results available than are currently displayed. To view them, increase the value for the ResultSize parameter.";

/// A read under way.
#[derive(Debug)]
pub(super) struct Reader {
    view: View,
    server: String,
    candidates: IntoIter<Uuid>,
    filter: Option<Filter>,
    anr: Option<String>,
    details: Option<Vec<String>>,
    unit: Option<Arc<str>>,
    database: Option<u32>,
    left: u64,
    truncation: &'static str,
    /// The properties that the next command takes; without it all.
    wanted: Option<Vec<&'static Property>>,
}

impl Reader {
    /// Leaves out of the objects what the next command would drop anyway.
    pub(super) fn narrow(&mut self, names: &[String]) {
        self.wanted = Some(names.iter().filter_map(|name| self.view.property(name)).collect());
    }
}

impl Exchange {
    pub(super) fn begin_read(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Prepared, CmdletError> {
        let view = Self::view_of(bound.cmdlet);
        let server = self.server(bound, session)?;
        // A null or empty identity reads everything, as on the real server.
        if let Some(identity) = bound.text("Identity") {
            if bound.has("Anr") {
                let message =
                    "Parameter set cannot be resolved using the specified named parameters."
                        .to_owned();
                return Err(CmdletError::binding(bound.cmdlet, "AmbiguousParameterSet", message));
            }
            let recipient = self.single(bound.cmdlet, identity, view, &server)?;
            return Ok(Prepared::Done(
                self.output(recipient.guid, view, &server).into_iter().collect(),
            ));
        }
        let reader = self.reader(bound, view, server)?;
        Ok(Prepared::Read(Box::new(reader)))
    }

    fn reader(&mut self, bound: &Bound, view: View, server: String) -> Result<Reader, CmdletError> {
        let filter = match bound.text("Filter") {
            Some(text) => Some(
                Filter::parse(text, view)
                    .map_err(|error| self.bad_filter(bound, &error.to_string()))?,
            ),
            None => None,
        };
        let unit =
            bound.text("OrganizationalUnit").or_else(|| bound.text("OnPremisesOrganizationalUnit"));
        let unit = match unit {
            Some(text) => Some(self.unit(bound.cmdlet, text)?),
            None => None,
        };
        let database = match bound.text("Database") {
            Some(text) => Some(self.database(bound.cmdlet, text)?),
            None => None,
        };
        let (left, truncation) = match bound.get("ResultSize") {
            Some(Argument::Int(size)) => (u64::try_from(*size).unwrap_or(0), CUT_BY_SIZE),
            Some(Argument::Text(_)) => (u64::MAX, CUT_BY_SIZE),
            _ => (DEFAULT_LIMIT, CUT_BY_DEFAULT),
        };
        Ok(Reader {
            view,
            candidates: self.candidates(bound, view)?,
            server,
            filter,
            anr: bound.text("Anr").map(str::to_lowercase),
            details: bound.list("RecipientTypeDetails"),
            unit,
            database,
            left,
            truncation,
            wanted: None,
        })
    }

    fn bad_filter(&mut self, bound: &Bound, detail: &str) -> CmdletError {
        let mut error = self.task_error(
            bound.cmdlet,
            "System.Management.Automation.ParameterBindingException",
            ErrorCategory::InvalidArgument,
            format!("Cannot bind parameter 'Filter' to the target. Exception setting \"Filter\": \"{detail}\""),
        );
        // The failure is the binder's, so it ends the pipeline.
        error.id = format!(
            "ParameterBindingFailed,Microsoft.Exchange.Management.RecipientTasks.{}",
            bound.cmdlet.replace('-', "")
        );
        error
    }

    /// Returns the GUIDs to go through, sorted when that was asked for.
    fn candidates(&mut self, bound: &Bound, view: View) -> Result<IntoIter<Uuid>, CmdletError> {
        let shown = || self.directory.recipients().filter(|recipient| view.shows(recipient.kind));
        let Some(key) = bound.text("SortBy") else {
            return Ok(shown().map(|recipient| recipient.guid).collect::<Vec<_>>().into_iter());
        };
        const SORTABLE: [&str; 7] =
            ["Name", "DisplayName", "Alias", "Office", "FirstName", "LastName", "City"];
        let property = view.property(key).filter(|property| SORTABLE.contains(&property.name));
        let Some(property) = property else {
            let message = format!("\"{key}\" isn't a property that results can be sorted by.");
            return Err(self.invalid(bound.cmdlet, super::error::TASK, message));
        };
        let scope = self.scope("");
        let mut keyed: Vec<(String, Uuid)> = shown()
            .map(|recipient| {
                (property.read(recipient, &scope).display().to_lowercase(), recipient.guid)
            })
            .collect();
        keyed.sort();
        Ok(keyed.into_iter().map(|(_, guid)| guid).collect::<Vec<_>>().into_iter())
    }

    /// Returns the next record of a read.
    pub(super) fn read_next(&mut self, reader: &mut Reader) -> Option<Record> {
        loop {
            let guid = reader.candidates.next()?;
            // It may have gone since the read began.
            let Some(recipient) = self.directory.get(guid) else { continue };
            if !self.passes(reader, recipient) {
                continue;
            }
            if reader.left == 0 {
                reader.candidates = Vec::new().into_iter();
                return Some(Record::Warning(reader.truncation.to_owned()));
            }
            reader.left -= 1;
            let scope = self.scope(&reader.server);
            let row = match &reader.wanted {
                Some(wanted) => reader.view.row_of(wanted.iter().copied(), recipient, &scope),
                None => reader.view.row(recipient, &scope),
            };
            return Some(Record::Output(Item::Row(row)));
        }
    }

    fn passes(&self, reader: &Reader, recipient: &Recipient) -> bool {
        let below = |unit: &Arc<str>| {
            let rest = recipient.organizational_unit.strip_prefix(unit.as_ref());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let (details, _) = recipient.kind.details(recipient.enabled);
        reader.view.shows(recipient.kind)
            && reader.unit.as_ref().is_none_or(below)
            && reader.database.is_none_or(|database| {
                matches!(recipient.kind, RecipientKind::Mailbox(_))
                    && recipient.database == database
            })
            && reader.details.as_ref().is_none_or(|wanted| {
                wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(details))
            })
            && reader.anr.as_ref().is_none_or(|anr| anr_matches(recipient, anr))
            && reader
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(recipient, &self.scope(&reader.server)))
    }

    pub(super) fn read_organization(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Vec<Record>, CmdletError> {
        let server = self.server(bound, session)?;
        let scope = self.scope(&server);
        if bound.cmdlet == "Get-OrganizationConfig" {
            return Ok(vec![Record::Output(Item::Row(views::organization_config(&scope)))]);
        }
        let wanted = bound.text("Identity");
        let mut rows = views::accepted_domains(&scope);
        rows.retain(|row| {
            wanted.is_none_or(|wanted| {
                ["Name", "Guid", "DistinguishedName"]
                    .iter()
                    .filter_map(|name| row.field(name))
                    .any(|field: &Field| field.display().eq_ignore_ascii_case(wanted))
            })
        });
        match wanted {
            Some(wanted) if rows.is_empty() => Err(self.not_found(bound.cmdlet, wanted, &server)),
            _ => Ok(rows.into_iter().map(|row| Record::Output(Item::Row(row))).collect()),
        }
    }

    pub(super) fn unit(&mut self, cmdlet: &str, text: &str) -> Result<Arc<str>, CmdletError> {
        let organization = self.directory.organization();
        let domain = text
            .eq_ignore_ascii_case(&organization.domain)
            .then(|| Arc::from(organization.domain.as_str()));
        let found = domain.or_else(|| organization.organizational_unit(text).cloned());
        found.ok_or_else(|| {
            let message = format!("The organizational unit \"{text}\" wasn't found. Make sure you have typed it correctly.");
            self.task_error(cmdlet, "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException", ErrorCategory::NotSpecified, message)
        })
    }

    pub(super) fn database(&mut self, cmdlet: &str, text: &str) -> Result<u32, CmdletError> {
        self.directory
            .organization()
            .database(text)
            .ok_or_else(|| self.reference_not_found(cmdlet, "database", text))
    }
}

/// Ambiguous name resolution: the beginning of a name.
fn anr_matches(recipient: &Recipient, anr: &str) -> bool {
    let names = [
        &recipient.name,
        &recipient.display_name,
        &recipient.first_name,
        &recipient.last_name,
        &recipient.alias,
    ];
    names.iter().any(|name| name.to_lowercase().starts_with(anr))
}
