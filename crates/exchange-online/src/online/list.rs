//! All of a list, page by page, row by row as they arrive.
//!
//! The next page is asked for as soon as its link is known, for links do not live long; its body waits in the connection
//! until the rows before it were taken. A page whose body breaks off is asked for again, and what it gave already is left
//! out by its GUID; so is everything given when a link is refused and the list has to be begun again, or when typed rows turn
//! out to be something else than the cmdlet gives.

use std::collections::HashSet;
use std::sync::Arc;

use async_stream::stream;
use clixml::Value;
use exchange_cmdlets::{CmdletCall, CmdletItem, CmdletStream, ErrorRecord, TransportError};
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::route::Route;
use super::service::{Job, Service};
use super::{Failure, guid, items};
use crate::answer::{Answer, check_type};
use crate::error::{OnlineError, is_expired_page, is_not_served};
use crate::link::{LinkError, Pages};
use crate::page::{PageReader, PageRow};
use crate::rest::{RestAnswer, RestBody, RestError, RestStream};

/// Runs a cmdlet whose output is all of a list.
pub(super) fn list(service: Arc<Service>, call: CmdletCall) -> CmdletStream<'static> {
    Box::pin(stream! {
        let mut passes = Passes::default();
        let mut progress = Progress::begin();
        let mut found = Route::find(&service, &call).await;
        'pass: loop {
            let route = match found {
                Ok(route) => route,
                Err(error) => {
                    yield Err(error.into());
                    return;
                }
            };
            let job = &route.job;
            let mut pages = Pages::default();
            let mut fetch = Fetch::begin(&service, &route, route.first.clone());
            let (mut number, mut attempt, mut asked) = (0_u32, 1, Instant::now());
            loop {
                let mut page = match fetch.page().await {
                    Ok(page) => page,
                    Err(Failure::Online(error)) if number > 0 && is_expired_page(&error) => {
                        if passes.again(service.options.max_restarts) {
                            tracing::warn!(cmdlet = %job.cmdlet, %error, "a page was refused; beginning the list again");
                            found = Ok(route);
                            continue 'pass;
                        }
                        let restarts = passes.restarts;
                        yield Err(OnlineError::Expired { restarts, source: error.into() }.into());
                        return;
                    }
                    Err(Failure::Online(error))
                        if number == 0 && route.is_typed() && is_not_served(&error) =>
                    {
                        passes.turn();
                        found = Route::leave_typed(&service, &call, &error).await;
                        continue 'pass;
                    }
                    Err(failure) => {
                        yield Err(failure.into());
                        return;
                    }
                };
                let mut next: Option<Next> = None;
                let ended = loop {
                    if let Some(error) = progress.ended(&service, job) {
                        break Err(Failure::Stalled(error));
                    }
                    match page.rows(&service, &route).await {
                        Ok(Some(rows)) => {
                            if next.is_none()
                                && let Some(link) = page.reader.link()
                            {
                                next = Some(Next::begin(&service, &route, &pages, link));
                            }
                            for PageRow { value, fault } in rows {
                                let admitted = passes.admits(&value);
                                if admitted != Admitted::No {
                                    yield Ok(CmdletItem::Object(value));
                                }
                                progress.count(admitted != Admitted::Again);
                                if let Some(fault) = fault {
                                    yield Ok(CmdletItem::Error(ErrorRecord::new(fault, "DoubledMember")));
                                }
                            }
                        }
                        Ok(None) => break page.end(&route),
                        Err(failure) => break Err(failure),
                    }
                };
                let ended = ended.and_then(|answer| Ok(answer.of_read().map_err(OnlineError::Answer)?));
                let answer = match ended {
                    Ok(answer) => answer,
                    Err(Failure::Online(OnlineError::NoAnswer(error)))
                        if is_broken_off(&error) && passes.may_repeat_page() =>
                    {
                        if !service.pause(asked, &mut attempt, None).await {
                            yield Err(OnlineError::NoAnswer(error).into());
                            return;
                        }
                        passes.repeat_page();
                        fetch = Fetch::begin(&service, &route, fetch.url.clone());
                        continue;
                    }
                    // What was given is what the other way gives; typed rows have a GUID, so it is known again.
                    Err(Failure::Unfit(error)) => {
                        passes.turn();
                        found = Route::leave_typed(&service, &call, &error).await;
                        continue 'pass;
                    }
                    Err(failure) => {
                        yield Err(failure.into());
                        return;
                    }
                };
                number += 1;
                passes.end_page();
                let link = answer.next_link.clone();
                for item in items(answer, false) {
                    let admitted = match &item {
                        CmdletItem::Object(value) => passes.admits(value),
                        _ => Admitted::Again,
                    };
                    if admitted != Admitted::No {
                        yield Ok(item);
                    }
                    progress.count(admitted != Admitted::Again);
                }
                let Some(link) = link else {
                    if route.is_typed() && passes.are_empty() {
                        found = Route::confirm_nothing(&service, &call).await;
                        continue 'pass;
                    }
                    return;
                };
                let next = next.unwrap_or_else(|| Next::begin(&service, &route, &pages, &link));
                let entered = next.0.and_then(|next| {
                    pages.enter(&next.url, service.options.max_pages).map(|()| next)
                });
                match entered {
                    Ok(next) => (fetch, attempt, asked) = (next, 1, Instant::now()),
                    Err(error) => {
                        yield Err(OnlineError::Link(error).into());
                        return;
                    }
                }
            }
        }
    })
}

/// Whether the connection, and not the answer, was what failed.
const fn is_broken_off(error: &RestError) -> bool {
    matches!(error, RestError::Lost { .. } | RestError::TimedOut { .. })
}

/// A page that has begun to arrive.
struct Page {
    head: RestAnswer,
    body: Option<RestBody>,
    reader: PageReader,
    /// Since when a row is waited for: pieces that make none are no progress.
    waiting: Option<Instant>,
}

impl Page {
    /// The rows that came next; `None` when the body has ended.
    async fn rows(
        &mut self,
        service: &Service,
        route: &Route,
    ) -> Result<Option<Vec<PageRow>>, Failure> {
        let piece = match &mut self.body {
            None if self.head.body.is_empty() => return Ok(None),
            None => std::mem::take(&mut self.head.body).into(),
            Some(body) => {
                let limit = service.options.stall_timeout;
                let end = *self.waiting.get_or_insert_with(Instant::now) + limit;
                match tokio::time::timeout_at(end, body.next()).await {
                    Err(_) => return Err(stalled(&route.job, limit)),
                    Ok(None) => return Ok(None),
                    Ok(Some(Err(error))) => return Err(OnlineError::NoAnswer(error).into()),
                    Ok(Some(Ok(piece))) => piece,
                }
            }
        };
        let mut rows = Vec::new();
        if !piece.is_empty() {
            check_type(&self.head).map_err(OnlineError::Answer)?;
            self.reader.feed(&piece, &mut rows).map_err(OnlineError::Answer)?;
        }
        if !rows.is_empty() {
            self.waiting = None;
        }
        Ok(Some(route.objects(rows)?))
    }

    /// Everything but the rows that were given.
    fn end(self, route: &Route) -> Result<Answer, Failure> {
        let head = self.head;
        let ended = self.reader.end();
        let mut answer = ended.map_err(|error| OnlineError::Answer(error.named(&head)))?;
        let rows = answer.rows.into_iter().map(|row| route.object(row));
        answer.rows = rows.collect::<Result<_, _>>()?;
        Ok(answer)
    }
}

fn stalled(job: &Job, after: std::time::Duration) -> Failure {
    let what = format!("a page of {}", job.cmdlet);
    Failure::Stalled(TransportError::Stalled { what, after })
}

/// A page that is asked for; dropping it gives it up.
struct Fetch {
    url: Url,
    task: JoinHandle<Result<Page, Failure>>,
}

impl Fetch {
    fn begin(service: &Arc<Service>, route: &Route, url: Url) -> Self {
        let (service, job, address) = (Arc::clone(service), Arc::clone(&route.job), url.clone());
        let task = tokio::spawn(async move {
            let limit = service.options.stall_timeout;
            match tokio::time::timeout(limit, service.open(&job, address)).await {
                Ok(Ok(RestStream { answer: head, more: body })) => {
                    Ok(Page { head, body, reader: PageReader::default(), waiting: None })
                }
                Ok(Err(error)) => Err(Failure::Online(error)),
                Err(_) => Err(stalled(&job, limit)),
            }
        });
        Self { url, task }
    }

    async fn page(&mut self) -> Result<Page, Failure> {
        match (&mut self.task).await {
            Ok(page) => page,
            Err(error) => Err(Failure::Stalled(TransportError::Protocol { source: error.into() })),
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How many rows that come again, and warnings, may come one after the other.
const MAX_BARREN: usize = 100_000;

/// How long ago something came that this pass had not shown: pages without rows, rows that come again and warnings are no
/// progress, however many there are.
struct Progress {
    since: Instant,
    barren: usize,
}

impl Progress {
    fn begin() -> Self {
        Self { since: Instant::now(), barren: 0 }
    }

    /// Counts what was given. The time that whoever reads took over it does not count.
    fn count(&mut self, new: bool) {
        if new {
            *self = Self::begin();
        } else {
            self.barren = self.barren.saturating_add(1);
        }
    }

    /// Why the list is given up, when nothing new came for too long.
    fn ended(&self, service: &Service, job: &Job) -> Option<TransportError> {
        let limit = service.options.stall_timeout;
        if self.barren > MAX_BARREN {
            return Some(TransportError::Flooded { limit: MAX_BARREN });
        }
        (self.since.elapsed() >= limit).then(|| TransportError::Stalled {
            what: format!("a new object of {}", job.cmdlet),
            after: limit,
        })
    }
}

/// The page after the one that arrives, or why its link is not followed.
struct Next(Result<Fetch, LinkError>);

impl Next {
    fn begin(service: &Arc<Service>, route: &Route, pages: &Pages, link: &str) -> Self {
        let url = service.territory().enter(&route.first, link).and_then(|url| {
            pages.check(&url, service.options.max_pages)?;
            Ok(url)
        });
        Self(url.map(|url| Fetch::begin(service, route, url)))
    }
}

/// What was given of a list, so that reading again gives nothing twice.
#[derive(Debug, Default)]
struct Passes {
    restarts: u32,
    /// The GUIDs of earlier passes, and of pages that broke off.
    earlier: HashSet<Uuid>,
    /// Those of this pass.
    current: HashSet<Uuid>,
    /// Those of this page.
    page: Vec<Uuid>,
    /// Something was given that cannot be recognised again.
    nameless: bool,
    /// Something of this page was.
    page_is_nameless: bool,
}

impl Passes {
    /// Begins again, if that may be done.
    fn again(&mut self, limit: u32) -> bool {
        if self.nameless || self.page_is_nameless || self.restarts >= limit {
            return false;
        }
        self.restarts += 1;
        self.turn();
        true
    }

    /// Begins the other way.
    fn turn(&mut self) {
        self.page.clear();
        self.earlier.extend(self.current.drain());
    }

    /// Whether nothing was given.
    fn are_empty(&self) -> bool {
        self.earlier.is_empty() && self.current.is_empty() && !self.nameless
    }

    fn may_repeat_page(&self) -> bool {
        !self.page_is_nameless
    }

    /// Begins the page again.
    fn repeat_page(&mut self) {
        for id in self.page.drain(..) {
            self.current.remove(&id);
            self.earlier.insert(id);
        }
    }

    fn end_page(&mut self) {
        self.page.clear();
        self.nameless |= std::mem::take(&mut self.page_is_nameless);
    }

    /// Whether an object is to be given. One that comes twice in one pass is: whoever counts on GUIDs has to see that.
    fn admits(&mut self, value: &Value) -> Admitted {
        let Some(id) = guid(value) else {
            self.page_is_nameless = true;
            return Admitted::New;
        };
        if !self.current.insert(id) {
            return Admitted::Again;
        }
        self.page.push(id);
        if self.earlier.contains(&id) { Admitted::No } else { Admitted::New }
    }
}

/// Whether an object is to be given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Admitted {
    /// It is news.
    New,
    /// It is given, though it is no news.
    Again,
    /// It was given by an earlier pass.
    No,
}
