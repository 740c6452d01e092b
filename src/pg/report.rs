//! What the extension tells a client: errors, warnings and notices, each with an optional detail and hint.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode as Code};
use std::borrow::Cow;

/// Constant text, or text that was made for one report.
pub type Text = Cow<'static, str>;

/// A message for the client. Nothing is said before [`Report::send`] or [`Report::raise`].
#[must_use]
#[derive(Debug)]
pub struct Report {
    level: PgLogLevel,
    pub code: Code,
    /// A lower-case phrase without a period.
    pub message: Text,
    /// Full sentences.
    pub detail: Option<Text>,
    /// Full sentences that say what to do.
    pub hint: Option<Text>,
}

impl Report {
    fn new(level: PgLogLevel, code: Code, message: Text) -> Self {
        Self { level, code, message, detail: None, hint: None }
    }

    pub fn error(code: Code, message: impl Into<Text>) -> Self {
        Self::new(PgLogLevel::ERROR, code, message.into())
    }

    pub fn warning(message: impl Into<Text>) -> Self {
        Self::new(PgLogLevel::WARNING, Code::ERRCODE_WARNING, message.into())
    }

    pub fn notice(message: impl Into<Text>) -> Self {
        Self::new(PgLogLevel::NOTICE, Code::ERRCODE_SUCCESSFUL_COMPLETION, message.into())
    }

    /// A message that a client receives only if its `client_min_messages` is `debug1` or a lower level.
    pub fn debug(message: impl Into<Text>) -> Self {
        Self::new(PgLogLevel::DEBUG1, Code::ERRCODE_SUCCESSFUL_COMPLETION, message.into())
    }

    pub fn detail(mut self, detail: impl Into<Text>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<Text>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Turns an error into a warning that begins with `prefix`.
    pub fn into_warning(self, prefix: &str) -> Self {
        let message = format!("{prefix}{}", self.message).into();
        Self { level: PgLogLevel::WARNING, message, ..self }
    }

    /// Sends a message that is not an error to the client.
    pub fn send(self) {
        let level = self.level;
        self.send_as(level);
    }

    /// Writes the message to the server's log and does not send it to the client.
    pub fn log(self) {
        self.send_as(PgLogLevel::LOG_SERVER_ONLY);
    }

    /// Ends the statement with this error.
    pub fn raise(self) -> ! {
        self.send_as(PgLogLevel::ERROR);
        unreachable!("an error report does not return")
    }

    fn send_as(self, level: PgLogLevel) {
        let mut report = ErrorReport::new(self.code, shortened(self.message), "impossible_travel");
        if let Some(detail) = self.detail {
            report = report.set_detail(shortened(detail));
        }
        if let Some(hint) = self.hint {
            report = report.set_hint(shortened(hint));
        }
        report.report(level);
    }
}

/// Leaves out the middle of a text that is too long. A text can quote a value of any length that the caller passes, and
/// the server writes the text to its log, too.
fn shortened(text: Text) -> Text {
    const LONGEST: usize = 8192;
    const HEAD: usize = 6000;
    const TAIL: usize = 2000;
    if text.len() <= LONGEST {
        return text;
    }
    let (head, tail) = (text.floor_char_boundary(HEAD), text.ceil_char_boundary(text.len() - TAIL));
    format!("{} ... ({} bytes) ... {}", &text[..head], tail - head, &text[tail..]).into()
}

/// A number with what it counts, in the singular or the plural: "1 event was", "2 events were".
pub fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}
