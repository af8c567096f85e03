//! Output page by page, with links that are good on one of the service's servers only.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::admin::{PAGING, header, refusal};
use super::token::unescaped;
use super::typed::EntitySet;
use super::{Cloud, CloudAnswer, CloudRequest, is_past, json, lock, remember};
use crate::cmdlets::{Answer, Exchange, Record, Run};
use crate::http::Shells;

/// How long a link to a page lives.
const LINK_LIFE: Duration = Duration::from_secs(300);
/// The most rows a page may have.
const MAX_PAGE: usize = 1000;
/// The cookie that names the server a list lives on.
const AFFINITY: &str = "X-SimBackEnd";
const EXPIRED: &str = "Expired or Invalid pagination request. Default Expiry time is 00:30:00";

/// A list of which pages are still to come.
#[derive(Debug)]
pub(super) struct Pending {
    run: Run,
    ahead: Record,
    body: Vec<u8>,
    anchor: Option<String>,
    cookie: String,
    page_size: usize,
    set: Option<EntitySet>,
    until: Instant,
}

/// A list that is being read.
struct PendingRun {
    run: Run,
    ahead: Option<Record>,
    page_size: usize,
    /// Which rows they are, if they are typed.
    set: Option<EntitySet>,
}

impl Cloud {
    /// How many rows a page gets.
    fn wanted_page(&self, request: &CloudRequest<'_>) -> usize {
        let wanted = header(request.headers, "prefer")
            .and_then(|value| value.split("maxpagesize=").nth(1)?.split(';').next()?.parse().ok());
        wanted.unwrap_or(MAX_PAGE).clamp(1, self.page_size.min(MAX_PAGE))
    }

    /// Begins a list; `set` says which rows it has, if they are typed.
    pub(super) fn begin_list(
        &self,
        request: &CloudRequest<'_>,
        run: Run,
        set: Option<EntitySet>,
        exchange: &mut Exchange,
    ) -> CloudAnswer {
        let page_size = self.wanted_page(request);
        self.page(request, PendingRun { run, ahead: None, page_size, set }, None, exchange)
    }

    pub(super) fn next_page(&self, request: &CloudRequest<'_>, shells: &Shells) -> CloudAnswer {
        let expired = || json::error(400, PAGING, EXPIRED);
        let token = request
            .query
            .split('&')
            .find_map(|pair| unescaped(pair).strip_prefix("$skiptoken=").map(str::to_owned));
        let mut pages = lock(&self.pages);
        let place = pages.iter().position(|(known, _)| Some(known) == token.as_ref());
        let Some((_, pending)) = place.and_then(|place| pages.remove(place)) else {
            return expired();
        };
        drop(pages);
        let cookies = header(request.headers, "cookie").unwrap_or_default();
        let same = pending.body == request.body
            && pending.anchor.as_deref() == header(request.headers, "x-anchormailbox")
            && cookies.split("; ").any(|cookie| cookie == format!("{AFFINITY}={}", pending.cookie));
        if !same || is_past(pending.until) || request.post == pending.set.is_some() {
            return expired();
        }
        let Pending { run, ahead, page_size, cookie, set, .. } = pending;
        let run = PendingRun { run, ahead: Some(ahead), page_size, set };
        self.page(request, run, Some(cookie), &mut shells.exchange())
    }

    /// Runs on until a page is full.
    fn page(
        &self,
        request: &CloudRequest<'_>,
        mut pending: PendingRun,
        cookie: Option<String>,
        exchange: &mut Exchange,
    ) -> CloudAnswer {
        let (mut rows, mut warnings) = (Vec::new(), Vec::new());
        let cookie = cookie.unwrap_or_else(|| Uuid::from_u128(rand::random()).to_string());
        let mut link = None;
        let set = pending.set;
        loop {
            let record = match pending.ahead.take() {
                Some(record) => Some(record),
                None => match pending.run.next(exchange) {
                    Ok(record) => record,
                    Err(error) => return refusal(&error),
                },
            };
            match record {
                None => break,
                Some(record @ Record::Output(_)) if rows.len() >= pending.page_size => {
                    link = Some(self.keep(request, pending, record, &cookie));
                    break;
                }
                Some(Record::Output(item)) => {
                    rows.push(set.map_or_else(|| json::row(&item), |set| set.row(&item)));
                }
                Some(Record::Error(error)) => return refusal(&error),
                Some(Record::Warning(text)) => warnings.push(text),
                Some(Record::Confirm(_)) => pending.run.answer(Answer::Yes),
                Some(Record::Supply(_) | Record::Starved) => break,
                Some(_) => {}
            }
        }
        let affinity = format!("{AFFINITY}={cookie}; path=/; HttpOnly");
        if let Some(set) = set {
            return typed_page(request, set, rows, link).with("Set-Cookie", affinity);
        }
        let mut body = json!({
            "@odata.context": format!("{}/adminapi/beta/$metadata#Collection(Exchange.GenericHashTable)", request.origin),
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": warnings,
        });
        if let Some(members) = body.as_object_mut() {
            if let Some(link) = link {
                members.insert("@odata.nextLink".to_owned(), link.into());
            }
            members.insert("value".to_owned(), rows.into());
        }
        CloudAnswer::json(200, &body).with("Set-Cookie", affinity)
    }

    /// Keeps the rest of a list, and gives the link to it.
    fn keep(
        &self,
        request: &CloudRequest<'_>,
        pending: PendingRun,
        ahead: Record,
        cookie: &str,
    ) -> String {
        let token = Uuid::from_u128(rand::random()).to_string();
        let link = format!("{}{}?%24skiptoken={token}", request.origin, request.path);
        let pending = Pending {
            run: pending.run,
            ahead,
            body: request.body.to_vec(),
            anchor: header(request.headers, "x-anchormailbox").map(str::to_owned),
            cookie: cookie.to_owned(),
            page_size: pending.page_size,
            set: pending.set,
            until: Instant::now() + LINK_LIFE,
        };
        remember(&mut lock(&self.pages), (token, pending));
        link
    }
}

/// A page of typed rows; the link stands behind them.
fn typed_page(
    request: &CloudRequest<'_>,
    set: EntitySet,
    rows: Vec<Value>,
    link: Option<String>,
) -> CloudAnswer {
    let context = Value::from(format!("{}/adminapi/beta/$metadata#{}", request.origin, set.name()));
    let link = link.map(|link| format!(",\"@odata.nextLink\":{}", Value::from(link)));
    let body = format!(
        "{{\"@odata.context\":{context},\"value\":{}{}}}",
        Value::from(rows),
        link.unwrap_or_default()
    );
    CloudAnswer { body: body.into_bytes(), ..CloudAnswer::json(200, &Value::Null) }
}
