//! The tools at work: reads by the readers, scores and labels by the desks.

use std::sync::Arc;

use bellwether_answers::{Change, DeskError, Question, Reply, ScoreRequest, has_number, sentences};
use bellwether_base::Timestamp;
use bellwether_report::Reports;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::health::health;
use super::names::Context;
use super::schema::{Arguments, ToolError};
use super::tools::{Tool, Work};
use crate::desks::Desks;
use crate::options::TryOut;
use crate::problem::Problem;
use crate::readers::Readers;
use crate::state::{Numbers, State};

/// The rights of an agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Rights {
    /// True if the operator allows labels.
    pub(crate) may_label: bool,
    /// The name in the audit log.
    pub(crate) author: String,
}

/// The threads and keys that tools use.
#[derive(Clone)]
pub(crate) struct Toolbox {
    pub(crate) readers: Readers,
    pub(crate) desks: Desks,
    pub(crate) changes: Desks,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) try_out: Arc<TryOut>,
    pub(crate) now: fn() -> Timestamp,
    pub(crate) version: &'static str,
}

impl Toolbox {
    /// The tools of a server over HTTP.
    pub(crate) fn of(state: &State) -> Self {
        Self {
            readers: state.readers.clone(),
            desks: state.desks.clone(),
            changes: state.changes.clone(),
            numbers: Arc::clone(&state.lookup),
            try_out: Arc::clone(&state.try_out),
            now: state.now,
            version: state.version,
        }
    }

    /// Uses a tool. Both the answer and the reason of a failure are for the agent.
    pub(crate) async fn call(
        &self,
        tool: &'static Tool,
        given: Option<Map<String, Value>>,
        rights: &Rights,
    ) -> Result<String, String> {
        let answer = match Arguments::checked(tool.arguments, given) {
            Ok(arguments) => self.answer(tool, arguments, rights).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Ok(answer.text()),
            Err(ToolError::Refused(words)) => Err(words.into_owned()),
            Err(ToolError::Store(error)) => {
                tracing::warn!("a tool cannot read the database: {error}");
                Err("the database cannot be read now".to_owned())
            }
        }
    }

    async fn answer(&self, tool: &Tool, arguments: Arguments, rights: &Rights) -> Result<Answer, ToolError> {
        match tool.work {
            Work::Read(read) => self.read(move |context| read(context, &arguments)).await,
            Work::Health => {
                let scores = match self.desks.order(Question::Vitals).await {
                    Ok(Reply::Vitals(vitals)) if vitals.is_live => Some("a sensor"),
                    Ok(Reply::Vitals(_)) => Some("the finished database"),
                    _ => None,
                };
                let now = (self.now)();
                self.read(move |context| health(context, now, scores)).await
            }
            Work::Score => self.score(&arguments).await,
            Work::Label => self.label(&arguments, rights).await,
        }
    }

    /// Runs a job with a reader of the database.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Context<'_>) -> Result<T, ToolError> + Send + 'static,
    ) -> Result<T, ToolError> {
        let numbers = Arc::clone(&self.numbers);
        let read = self.readers.read(move |reader| {
            let context = Context { reports: Reports::of(reader), numbers: &numbers };
            match job(&context) {
                Err(ToolError::Store(error)) => Err(error),
                other => Ok(other),
            }
        });
        read.await.map_err(refused)?
    }

    async fn score(&self, arguments: &Arguments) -> Result<Answer, ToolError> {
        let request = ScoreRequest::parse(&arguments.value());
        let request = request.map_err(|error| ToolError::refused(error.to_string()))?;
        match self.desks.order(Question::Score(Box::new(request))).await.map_err(refused)? {
            Reply::Score(answer) => {
                let shown = serde_json::to_value(*answer).unwrap_or_default();
                let members = shown.as_object().cloned().unwrap_or_default();
                Ok(Answer::of(members, "show_call has all evidence of a call"))
            }
            Reply::Refused(error) => Err(of_desk(error)),
            Reply::Changed(_) | Reply::Vitals(_) => Err(ToolError::refused("the sensor gave another answer")),
        }
    }

    async fn label(&self, arguments: &Arguments, rights: &Rights) -> Result<Answer, ToolError> {
        if !rights.may_label {
            return Err(ToolError::refused(
                "labels are off; the operator allows them with --allow-label, over HTTP with the scope label",
            ));
        }
        let of = |name: &str| arguments.owned(name).unwrap_or_default();
        let reason = of("reason");
        if has_number(&reason) {
            return Err(ToolError::refused("reason has a phone number, which must not be stored"));
        }
        let (kind, mut id) = (of("kind"), of("id"));
        if kind == "call" {
            // From here on the name of the call is the one of reports, without anybody's number.
            id = self.read(move |context| context.known_call_id(&id)).await?;
        }
        let author = rights.author.clone();
        let change = Change::Label { kind, id, label: of("label"), author, reason };
        let is_dry_run = arguments.bool("dry_run").unwrap_or(true);
        let effects = if is_dry_run { self.tried_out(change).await? } else { self.changed(change).await? };
        let shown = json!({"dry_run": is_dry_run, "is_stored": !is_dry_run, "effects": effects});
        let members = shown.as_object().cloned().unwrap_or_default();
        Ok(Answer::of(members, "list_calls shows the calls with their new scores"))
    }

    async fn tried_out(&self, change: Change) -> Result<Vec<String>, ToolError> {
        let try_out = Arc::clone(&self.try_out);
        match tokio::task::spawn_blocking(move || try_out(&change)).await {
            Ok(Ok(Some(effects))) => Ok(sentences(&effects)),
            Ok(Ok(None)) => Ok(vec!["the database is too large to try this out".to_owned()]),
            // The words may repeat the subject.
            Ok(Err(_)) => Err(ToolError::refused(
                "the label cannot be tried out: there is no such subject, or the database is busy",
            )),
            Err(_) => Err(ToolError::refused("the trial failed")),
        }
    }

    async fn changed(&self, change: Change) -> Result<Vec<String>, ToolError> {
        match self.changes.order(Question::Change(Box::new(change))).await.map_err(refused)? {
            Reply::Changed(done) => Ok(done.effects),
            Reply::Refused(error) => Err(of_desk(error)),
            Reply::Score(_) | Reply::Vitals(_) => Err(ToolError::refused("the sensor gave another answer")),
        }
    }
}

fn refused(problem: Problem) -> ToolError {
    ToolError::refused(problem.detail().to_owned())
}

fn of_desk(error: DeskError) -> ToolError {
    match error {
        DeskError::Field { field, why } => ToolError::refused(format!("{field} {why}")),
        // The words repeat the subject.
        DeskError::Missing(_) => ToolError::refused("there is no such subject"),
        DeskError::Unavailable(why) => ToolError::refused(why),
    }
}
