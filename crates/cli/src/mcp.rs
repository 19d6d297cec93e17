//! `bellwether mcp`: the reports as tools for one agent on standard input and output.

use bellwether_answers::{
    Change, Desk, DeskError, Done, Performer, Question, RemoteDesk, Reply, Vitals, When, socket_path,
};
use bellwether_app::{Desks, Installation, Stop, now};
use bellwether_enrich::Privacy;
use bellwether_serve::{McpOptions, ServeError, serve_stdio};
use bellwether_store::Reader;

use crate::args::{Common, McpArgs};
use crate::config::Config;
use crate::lockdown::{self, Needs};
use crate::names;
use crate::notes::tell_operator;
use crate::outcome::{Exit, Failure};
use crate::serve::{answers, failure, tokeniser, try_out};
use crate::session::{invite_reader_of, open_installation, reader_opener};

/// `bellwether mcp`.
pub(crate) fn run(common: &Common, args: &McpArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    if config.privacy() == Privacy::Clear {
        let text =
            "privacy = \"clear\" keeps numbers readable, and an agent would get them: no agent is served";
        return Err(Failure::Usage(text.to_owned()));
    }
    let stop = Stop::on_signals()?;
    let needs = Needs {
        captures: common.signatures.iter().chain(&common.stir_certs).cloned().collect(),
        reads_again: Vec::new(),
        writes: None,
        is_lasting: false,
        // The sensor's socket answers about scores.
        is_networked: true,
        is_server: true,
        user: None,
    };
    lockdown::close(common, &config, needs, &tell_operator)?;
    let tokeniser = tokeniser(common, &config)?;
    let wire = tokeniser.clone();
    let (of_desk, with) = (common.clone(), config.clone());
    let options = McpOptions {
        open_reader: reader_opener(common, &config)?,
        make_desk: Box::new(move || {
            Ok(Box::new(MomentaryDesk { common: of_desk.clone(), config: with.clone() }))
        }),
        tokens_in: Box::new(move |text, hosts| names::tokens_in(&tokeniser, text, hosts)),
        wire_id_of: Box::new(move |call_id| wire.wire_id(call_id)),
        try_out: try_out(common, &config)?,
        now,
        may_label: args.allow_label,
        version: env!("CARGO_PKG_VERSION"),
    };
    serve_stdio(options, stop.flag()).map_err(|error| match error {
        ServeError::Option(text) => Failure::Work(text),
        error => failure(error),
    })?;
    Ok(Exit::Done)
}

/// A desk that holds nothing between two questions: an agent asks seldom, and other commands and a sensor may write meanwhile.
struct MomentaryDesk {
    common: Common,
    config: Config,
}

impl Desk for MomentaryDesk {
    fn ask(&mut self, question: &Question) -> Reply {
        if let Some(path) = socket_path(&self.common.db).filter(|path| answers(path)) {
            return RemoteDesk::new(path).ask(question);
        }
        let answered = match question {
            Question::Score(_) | Question::ScoreOfSeen(_) => self.score(question),
            Question::Change(change) => self.change(change).map(Reply::Changed),
            Question::Vitals => self.vitals().map(Reply::Vitals),
        };
        answered.unwrap_or_else(Reply::Refused)
    }
}

impl MomentaryDesk {
    fn score(&self, question: &Question) -> Result<Reply, DeskError> {
        let opened = open_installation(&self.common, &self.config).map_err(unavailable)?;
        let Installation { key, tokeniser, mut recorder } = opened;
        let invites = invite_reader_of(&self.common, &self.config, key.hash_key(), &tokeniser);
        let opener = reader_opener(&self.common, &self.config).map_err(unavailable)?;
        let invites = invites.map_err(unavailable)?;
        let stands_at = recorder.reader().moment()?;
        let desks = Desks::of(&mut recorder, invites, self.config.verdict(), Some(stands_at), opener);
        let off = || DeskError::Unavailable("the configuration turns scoring off".to_owned());
        let desks = desks.map_err(|error| unavailable(error.into()))?.ok_or_else(off)?;
        Ok(desks.desk()?.ask(question))
    }

    fn change(&self, change: &Change) -> Result<Done, DeskError> {
        let opened = open_installation(&self.common, &self.config).map_err(unavailable)?;
        let Installation { tokeniser, mut recorder, .. } = opened;
        let done = Performer::new(tokeniser).perform(
            &mut recorder,
            change,
            When { noted_at: now(), is_over: true },
        )?;
        recorder.close()?;
        Ok(done)
    }

    fn vitals(&self) -> Result<Vitals, DeskError> {
        let moment = Reader::open(&self.common.db)?.moment()?;
        Ok(Vitals { is_live: false, now: moment.as_nanos() })
    }
}

fn unavailable(failure: Failure) -> DeskError {
    DeskError::Unavailable(failure.shown().to_string())
}
