//! A seam that gives scripted answers and keeps the requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use exchange_cmdlets::{CmdletCall, CmdletItem, CmdletTransport as _, TransportError};
use exchange_online::{
    Credential, ExchangeOnline, OnlineOptions, RestAnswer, RestError, RestExchange, RestFuture,
    RestRequest,
};
use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const COMMAND: &str = "https://outlook.office365.com/adminapi/beta/11111111-2222-3333-4444-555555555555/InvokeCommand";

/// Answers in their order, tokens apart from those of the API.
#[derive(Default)]
pub(crate) struct Script {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tokens: VecDeque<RestAnswer>,
    answers: VecDeque<Result<RestAnswer, RestError>>,
    requests: Vec<RestRequest>,
    token_requests: Vec<RestRequest>,
}

impl Script {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the script")
    }

    pub(crate) fn answer(&self, answer: RestAnswer) {
        self.state().answers.push_back(Ok(answer));
    }

    pub(crate) fn json(&self, status: u16, body: &Json) {
        self.answer(
            RestAnswer::new(status, body.to_string()).header("Content-Type", "application/json"),
        );
    }

    pub(crate) fn fail(&self, error: RestError) {
        self.state().answers.push_back(Err(error));
    }

    /// Tokens beyond those scripted are good ones.
    pub(crate) fn token(&self, answer: RestAnswer) {
        self.state().tokens.push_back(answer);
    }

    pub(crate) fn requests(&self) -> Vec<RestRequest> {
        self.state().requests.clone()
    }

    pub(crate) fn token_requests(&self) -> Vec<RestRequest> {
        self.state().token_requests.clone()
    }

    pub(crate) fn online(self: &Arc<Self>) -> ExchangeOnline {
        ExchangeOnline::over(options(), Arc::clone(self) as Arc<dyn RestExchange>)
    }
}

pub(crate) fn options() -> OnlineOptions {
    let credential = Credential::client_secret(Uuid::from_u128(1), "app-secret".into());
    OnlineOptions::new("contoso.onmicrosoft.com", credential)
}

impl RestExchange for Script {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        let mut state = self.state();
        let answer = if request.url.path().ends_with("/oauth2/v2.0/token") {
            state.token_requests.push(request);
            let number = state.token_requests.len();
            Ok(state.tokens.pop_front().unwrap_or_else(|| good_token(number)))
        } else {
            state.requests.push(request);
            state.answers.pop_front().expect("the script has an answer")
        };
        Box::pin(async { answer })
    }
}

/// A token with the permission; its last part tells one from another.
pub(crate) fn good_token(number: usize) -> RestAnswer {
    token(&json!({"tid": TENANT, "roles": ["Exchange.ManageAsApp"]}), number)
}

pub(crate) fn token(claims: &Json, number: usize) -> RestAnswer {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let token = format!("e30.{}.s{number}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let body = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token});
    RestAnswer::new(200, body.to_string())
}

/// What a call gave: names of the objects, warnings, errors, and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) names: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) errors: Vec<String>,
    pub(crate) end: Option<TransportError>,
}

impl Outcome {
    /// The whole chain of the error that ended the call.
    pub(crate) fn report(&self) -> String {
        let mut text = String::new();
        let mut next = self.end.as_ref().map(|error| error as &dyn std::error::Error);
        while let Some(error) = next {
            text.push_str(&error.to_string());
            text.push_str("; ");
            next = error.source();
        }
        text
    }
}

pub(crate) async fn run(online: &ExchangeOnline, call: CmdletCall) -> Outcome {
    let mut items = online.invoke(call);
    let mut outcome = Outcome::default();
    while let Some(item) = items.next().await {
        match item {
            Ok(CmdletItem::Object(row)) => {
                let name = row.property("Name").and_then(|name| Some(name.text()?.into_owned()));
                outcome.names.push(name.unwrap_or_default());
            }
            Ok(CmdletItem::Warning(text)) => outcome.warnings.push(text),
            Ok(CmdletItem::Error(record)) => outcome.errors.push(record.message),
            Ok(_) => {}
            Err(error) => outcome.end = Some(error),
        }
    }
    outcome
}

pub(crate) fn row(number: u128) -> Json {
    json!({"Guid": Uuid::from_u128(number).to_string(), "Guid@odata.type": "#Guid", "Name": format!("n{number}")})
}

pub(crate) fn all_mailboxes() -> CmdletCall {
    CmdletCall::new("Get-Mailbox").parameter("ResultSize", "Unlimited").select(["Guid", "Name"])
}

pub(crate) fn cmdlet_error(exception: &str, message: &str) -> Json {
    json!({"error": {"code": "BadRequest", "message": "Error executing cmdlet",
        "details": [{"code": "Context", "message": format!("Ex1|Microsoft.Exchange.{exception}|{message}")}]}})
}
