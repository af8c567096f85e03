//! The way a list is asked for: by `InvokeCommand`, or as typed rows where that was allowed and gives the same.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clixml::Value;
use exchange_cmdlets::CmdletCall;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Failure;
use super::service::{Job, Repeat, Service};
use crate::error::OnlineError;
use crate::page::PageRow;
use crate::rest::Method;
use crate::text::chain;
use crate::typed::{MAILBOXES, TypedRead};

/// How the pages of a list are asked for, and what its rows are.
pub(super) struct Route {
    pub(super) job: Arc<Job>,
    pub(super) first: Url,
    typed: Option<TypedRead>,
}

impl Route {
    /// Finds the way of a list.
    pub(super) async fn find(service: &Service, call: &CmdletCall) -> Result<Self, OnlineError> {
        match typed_read(service, call) {
            Some(typed) => Self::typed(service, call, typed).await,
            None => Self::command(service, call).await,
        }
    }

    async fn command(service: &Service, call: &CmdletCall) -> Result<Self, OnlineError> {
        let (job, first) = service.prepare(call).await?;
        Ok(Self { job: Arc::new(job), first, typed: None })
    }

    async fn typed(
        service: &Service,
        call: &CmdletCall,
        typed: TypedRead,
    ) -> Result<Self, OnlineError> {
        let token = service.token().await?;
        let mut first = service.url(&token.claims, &["adminapi", "beta"], MAILBOXES);
        first.set_query(Some(typed.query()));
        let job = Job {
            method: Method::Get,
            cmdlet: call.name.to_string(),
            headers: TypedRead::headers(),
            body: Zeroizing::default(),
            anchor: service.common_anchor(&token.claims),
            repeat: Repeat::Always,
            id: Uuid::new_v4(),
        };
        Ok(Self { job: Arc::new(job), first, typed: Some(typed) })
    }

    /// Whether rows are typed.
    pub(super) const fn is_typed(&self) -> bool {
        self.typed.is_some()
    }

    /// Goes the other way from now on, in this list and all others.
    pub(super) async fn leave_typed(
        service: &Service,
        call: &CmdletCall,
        reason: &(dyn std::error::Error + Sync),
    ) -> Result<Self, OnlineError> {
        service.typed_rows_differ.store(true, Ordering::Relaxed);
        tracing::warn!(
            cmdlet = %call.name, reason = %chain(reason),
            "the list cannot be read as typed rows; reading it by InvokeCommand"
        );
        Self::command(service, call).await
    }

    /// Goes the other way in this list, which had nothing in it: an empty list is believed only when both ways say so.
    pub(super) async fn confirm_nothing(
        service: &Service,
        call: &CmdletCall,
    ) -> Result<Self, OnlineError> {
        tracing::debug!(cmdlet = %call.name, "there are no typed rows; asking by InvokeCommand too");
        Self::command(service, call).await
    }

    /// Makes the object of a row that `InvokeCommand` would have given.
    pub(super) fn object(&self, value: Value) -> Result<Value, Failure> {
        match &self.typed {
            None => Ok(value),
            Some(typed) => typed.fit(&value).map_err(Failure::Unfit),
        }
    }

    pub(super) fn objects(&self, rows: Vec<PageRow>) -> Result<Vec<PageRow>, Failure> {
        if self.typed.is_none() {
            return Ok(rows);
        }
        let fit = |row: PageRow| Ok(PageRow { value: self.object(row.value)?, fault: row.fault });
        rows.into_iter().map(fit).collect()
    }
}

fn typed_read(service: &Service, call: &CmdletCall) -> Option<TypedRead> {
    if !service.options.typed_reads || service.typed_rows_differ.load(Ordering::Relaxed) {
        return None;
    }
    let read = TypedRead::of(call);
    if let Err(reason) = &read {
        tracing::debug!(cmdlet = %call.name, %reason, "the list is read by InvokeCommand");
    }
    read.ok()
}
