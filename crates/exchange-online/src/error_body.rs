//! What an error body says.
//!
//! `error.message` is the same sentence for nearly every failure. The cause stands in `details`, in one of four shapes,
//! or in `innererror.internalexception`, or, in older answers, in `innererror` itself.

use exchange_cmdlets::ErrorRecord;
use serde_json::{Map, Value as Json};

use crate::text::cut;

/// The type of the interface itself, which says nothing of the cause.
const GENERIC: &str = "ODataServiceException";

/// A cause: the type of the exception, if it is known, and the message.
struct Cause {
    type_name: Option<String>,
    message: String,
}

/// Makes the error record that remote PowerShell would have given; its id is the interface's own code.
pub(crate) fn record(error: &Map<String, Json>) -> ErrorRecord {
    let cause = detail(error).or_else(|| internal(error)).or_else(|| inner(error));
    let generic = error.get("message").and_then(Json::as_str).unwrap_or_default();
    let cause = cause.unwrap_or_else(|| Cause { type_name: None, message: generic.to_owned() });
    // A detail in plain words leaves the type to the exception.
    let type_name = cause.type_name.or_else(|| internal(error)?.type_name);
    let type_name = type_name.filter(|name| !name.ends_with(GENERIC));
    let type_name = type_name.map(|name| cut(&name));
    let reason = type_name.as_deref().map(short).unwrap_or_default().to_owned();
    let mut record = ErrorRecord::new(cut(&cause.message), reason);
    record.exception_types.extend(type_name);
    record.fully_qualified_error_id =
        cut(error.get("code").and_then(Json::as_str).unwrap_or_default());
    record
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Returns the first detail that tells a cause.
fn detail(error: &Map<String, Json>) -> Option<Cause> {
    let messages = error
        .get("details")?
        .as_array()?
        .iter()
        .filter_map(|detail| detail.get("message")?.as_str());
    messages.filter_map(detail_message).next()
}

fn detail_message(text: &str) -> Option<Cause> {
    if text.trim_start().starts_with('{')
        && let Ok(Json::Object(members)) = serde_json::from_str(text)
    {
        return json_detail(&members);
    }
    let mut parts = text.splitn(3, '|');
    if let (Some(_), Some(name), Some(message)) = (parts.next(), parts.next(), parts.next())
        && is_type_name(name)
    {
        return Some(Cause { type_name: Some(name.to_owned()), message: message.to_owned() });
    }
    (!text.trim().is_empty()).then(|| Cause { type_name: None, message: text.to_owned() })
}

/// A detail that is JSON inside text, in either of its two spellings.
fn json_detail(members: &Map<String, Json>) -> Option<Cause> {
    let text =
        |name: &str| members.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let message = text("localizedString").or_else(|| text("Message"))?;
    let type_name = text("TypeName").or_else(|| text("ClassName"));
    Some(Cause { type_name: type_name.map(str::to_owned), message: message.to_owned() })
}

fn internal(error: &Map<String, Json>) -> Option<Cause> {
    exception(error.get("innererror")?.get("internalexception")?)
}

/// Takes the inner error itself when its type is more than the interface's own.
fn inner(error: &Map<String, Json>) -> Option<Cause> {
    let generic =
        |cause: &Cause| cause.type_name.as_ref().is_none_or(|name| name.ends_with(GENERIC));
    exception(error.get("innererror")?).filter(|cause| !generic(cause))
}

fn exception(value: &Json) -> Option<Cause> {
    let text = |name: &str| value.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let message = text("message")?.to_owned();
    Some(Cause { type_name: text("type").map(str::to_owned), message })
}

fn is_type_name(text: &str) -> bool {
    text.contains('.')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '`'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::record;

    #[track_caller]
    fn check(error: Json, reason: &str, message: &str) {
        let Json::Object(error) = error else { panic!("{error} is no error") };
        let record = record(&error);
        assert_eq!((record.reason.as_str(), record.message.as_str()), (reason, message));
    }

    fn with_detail(message: &str) -> Json {
        json!({"message": "Error executing cmdlet", "details": [{"code": "Context", "message": message}]})
    }

    #[test]
    fn details_come_in_four_shapes() {
        check(with_detail("Ex6F9304|A.B.CException|a|b"), "CException", "a|b");
        check(with_detail("|A.B.CException|text"), "CException", "text");
        check(
            with_detail(r#"{"Message":"text","TypeName":"A.CException","StackTrace":""}"#),
            "CException",
            "text",
        );
        check(
            with_detail(r#"{"ClassName":"A.CException","Message":"x","localizedString":"text"}"#),
            "CException",
            "text",
        );
        check(with_detail("plain | text | with bars"), "", "plain | text | with bars");
        check(with_detail("{broken"), "", "{broken");
        let long = record(with_detail(&"x".repeat(5000)).as_object().unwrap()).message;
        assert_eq!(long.chars().count(), 4097, "it is cut");
    }

    #[test]
    fn without_details_the_inner_error_counts() {
        let internal = json!({"message": "text", "type": "A.CException"});
        let generic = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException";
        let error = json!({"message": "Invalid Operation", "details": [{"message": ""}],
            "innererror": {"message": "Invalid Operation", "type": generic, "internalexception": internal}});
        check(error, "CException", "text");
        let error = json!({"message": "m", "details": [{"message": "in plain words"}],
            "innererror": {"message": "m", "type": generic, "internalexception": {"message": "x", "type": "A.CException"}}});
        check(error, "CException", "in plain words");
        check(
            json!({"message": "m", "innererror": {"message": "text", "type": "A.CException"}}),
            "CException",
            "text",
        );
        check(json!({"message": "m", "innererror": {"message": "x", "type": generic}}), "", "m");
        check(json!({}), "", "");
    }
}
