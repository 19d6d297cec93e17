//! `bellwether serve`: the score API, the console and the metrics, beside a sensor or over a finished database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether_answers::{Change, Desk, Performer, Question, RemoteDesk, Reply, socket_path};
use bellwether_app::{DatabaseHold, Desks, Hangup, Installation, InstallationKey, Stop, now};
use bellwether_base::Timestamp;
use bellwether_enrich::{Privacy, Tokeniser};
use bellwether_recorder::Recorder;
use bellwether_serve::{
    IsOwn, MakeDesk, NewToken, RedirectDoor, Renew, Renewed, Scopes, ServeError, ServeOptions, Server,
    TokensIn,
};
use bellwether_store::Effects;

use crate::args::{Common, ServeArgs};
use crate::config::Config;
use crate::lockdown::{self, Needs};
use crate::names;
use crate::notes::{note, tell_operator};
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::session::{invite_reader_of, open_installation, reader_opener};

/// Time between two looks at the stop, at labels of other programs, and for a sensor that takes the database.
const LOOKS_EVERY: Duration = Duration::from_millis(200);
const LOOKS_AT_OTHERS_EVERY: Duration = Duration::from_secs(1);

/// `bellwether serve`.
pub(crate) fn run(common: &Common, args: &ServeArgs) -> Result<Exit, Failure> {
    if let Some(name) = &args.new_token {
        return new_token(name, &args.scopes);
    }
    let config = Config::load(common.config.as_deref())?;
    let listen = args.listen.unwrap_or(config.serve.listen);
    let (stop, hangup) = (Stop::on_signals()?, Hangup::watch()?);
    if let Some(time) = args.duration {
        stop.after(time)?;
    }
    let socket = Server::bind(listen, &config.access(), config.tls().as_ref()).map_err(failure)?;
    let redirect = match config.redirect() {
        Some((address, rules)) => {
            let wrong = |e| Failure::Work(format!("cannot listen on {address}: {e}"));
            Some(RedirectDoor::open(address, rules).map_err(wrong)?)
        }
        None => None,
    };
    let sensor = socket_path(&common.db).filter(|path| answers(path));
    let needs = Needs {
        captures: Vec::new(),
        reads_again: config
            .tls()
            .into_iter()
            .flat_map(|tls| {
                [Some(tls.certificates), Some(tls.key), tls.client_authorities].into_iter().flatten()
            })
            .collect(),
        writes: None,
        is_lasting: true,
        is_networked: true,
        is_server: true,
        user: None,
    };
    lockdown::close(common, &config, needs, &tell_operator)?;
    match sensor {
        Some(path) => {
            let tokeniser = tokeniser(common, &config)?;
            let make: MakeDesk = Box::new(move || Ok(Box::new(RemoteDesk::new(path.clone()))));
            let doors = (redirect, renewal(common, hangup));
            let options = options(common, &config, &tokeniser, (make, true), doors)?;
            serve(socket, options, &stop, "beside the sensor")
        }
        None => over_database(common, &config, socket, (redirect, renewal(common, hangup)), &stop),
    }
}

/// Serves a database that no sensor holds: this process is its writer.
fn over_database(
    common: &Common,
    config: &Config,
    socket: std::net::TcpListener,
    doors: (Option<RedirectDoor>, Renew),
    stop: &Stop,
) -> Result<Exit, Failure> {
    DatabaseHold::check(&common.db)?;
    let Installation { key, tokeniser, mut recorder } = open_installation(common, config)?;
    let stands_at = recorder.reader().moment()?;
    let invites = invite_reader_of(common, config, key.hash_key(), &tokeniser)?;
    let opener = reader_opener(common, config)?;
    let desks = Desks::of(&mut recorder, invites, config.verdict(), Some(stands_at), opener)?;
    let Some(desks) = desks else {
        return Err(Failure::Usage("the configuration turns scoring off".to_owned()));
    };
    let make: MakeDesk = Box::new(move || Ok(Box::new(desks.desk()?) as Box<dyn Desk>));
    let options = options(common, config, &tokeniser, (make, false), doors)?;
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let (db, is_over) = (&common.db, &is_over);
    std::thread::scope(|scope| {
        let writer = std::thread::Builder::new().name("writer".to_owned());
        let writing = writer.spawn_scoped(scope, move || write(recorder, db, is_over, stop));
        let writing = writing.map_err(|e| Failure::Work(format!("no thread for the writer: {e}")))?;
        let served = serve(socket, options, stop, "over the database");
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        let written = writing.join().unwrap_or_else(|_| Err(Failure::Work("the writer failed".to_owned())));
        served.and_then(|exit| written.map(|()| exit))
    })
}

/// The writer of a finished database: it carries changes out, and takes over labels that other commands wrote.
fn write(
    mut recorder: Recorder,
    db: &std::path::Path,
    is_over: &std::sync::atomic::AtomicBool,
    stop: &Stop,
) -> Result<(), Failure> {
    let mut looked = Instant::now();
    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
        recorder.await_errands(LOOKS_EVERY);
        if looked.elapsed() < LOOKS_AT_OTHERS_EVERY {
            continue;
        }
        looked = Instant::now();
        if recorder.writer().was_changed_elsewhere()? {
            recorder.apply_labels()?;
        }
        if DatabaseHold::check(db).is_err() {
            stop.now();
            recorder.close()?;
            let text = "a sensor took the database; the next start serves beside it".to_owned();
            return Err(Failure::Work(text));
        }
    }
    recorder.close()?;
    Ok(())
}

fn serve(
    socket: std::net::TcpListener,
    options: ServeOptions,
    stop: &Stop,
    place: &str,
) -> Result<Exit, Failure> {
    let server = Server::open(socket, options).map_err(failure)?;
    let is_ready = |url: &str| {
        out::add(format!("listening on {url}"));
        tracing::info!("{place}");
        bellwether_app::tell_ready();
    };
    server.run(stop.flag(), is_ready).map_err(failure)?;
    Ok(Exit::Done)
}

fn options(
    common: &Common,
    config: &Config,
    tokeniser: &Tokeniser,
    (make_desk, is_beside_sensor): (MakeDesk, bool),
    (redirect, renew): (Option<RedirectDoor>, Renew),
) -> Result<ServeOptions, Failure> {
    let performer = Performer::new(tokeniser.clone());
    let (wire, agents) = (tokeniser.clone(), tokeniser.clone());
    let has_tokens = tokeniser.privacy() == Privacy::Tokens;
    let tokens_in: TokensIn = Box::new(move |text, hosts| names::tokens_in(&agents, text, hosts));
    Ok(ServeOptions {
        tls: config.tls(),
        access: config.access(),
        host_names: config.serve.host_names.clone(),
        requests_per_second: config.serve.requests_per_second,
        redirect,
        renew,
        make_desk,
        open_reader: reader_opener(common, config)?,
        tokens_of: Box::new(move |clear| performer.tokens_of(clear)),
        tokens_in: has_tokens.then_some(tokens_in),
        wire_id_of: Box::new(move |call_id| wire.wire_id(call_id)),
        is_own: is_own(config),
        try_out: try_out(common, config)?,
        now,
        db: common.db.clone(),
        version: env!("CARGO_PKG_VERSION"),
        is_beside_sensor,
    })
}

/// Reads certificates and logins again after SIGHUP.
fn renewal(common: &Common, hangup: Hangup) -> Renew {
    let path = common.config.clone();
    Box::new(move || {
        hangup.take().then(|| {
            let config = Config::load(path.as_deref()).map_err(|e| e.to_string())?;
            Ok(Renewed { tls: config.tls(), access: config.access() })
        })
    })
}

/// Tells addresses of the site, its trunks and its subscribers.
fn is_own(config: &Config) -> Arc<IsOwn> {
    let site = config.site();
    Arc::new(move |address| site.is_inside(address) || site.carrier(address, "").is_some())
}

/// Calls of a database up to which a change is tried out: it holds the write lock meanwhile.
const MOST_TRIED: u64 = 50_000;

/// Tries changes out on a recorder of its own, as `--dry-run` does.
pub(crate) fn try_out(common: &Common, config: &Config) -> Result<bellwether_serve::TryOut, Failure> {
    let (common, config) = (common.clone(), config.clone());
    let turn = std::sync::Mutex::new(());
    Ok(Box::new(move |change: &Change| -> Result<Option<Effects>, String> {
        // Previews one after the other: each holds the write lock of the database.
        let Ok(_turn) = turn.try_lock() else {
            return Err("another preview is computed; try again in a moment".to_owned());
        };
        let opened = open_installation(&common, &config).map_err(|e| e.shown().to_string())?;
        let Installation { tokeniser, mut recorder, .. } = opened;
        if recorder.reader().call_count_estimate().map_err(|e| e.to_string())? > MOST_TRIED {
            return Ok(None);
        }
        let at = recorder.reader().moment().unwrap_or(Timestamp::MIN);
        Performer::new(tokeniser).try_out(&mut recorder, change, at).map(Some).map_err(|e| e.to_string())
    }))
}

/// The tokeniser of the installation, whose key must be there.
pub(crate) fn tokeniser(common: &Common, config: &Config) -> Result<Tokeniser, Failure> {
    let mut warn = |text: String| note(common, &text);
    let key = InstallationKey::read(&config.key_file, &common.db, &mut warn)?;
    let key = key.ok_or_else(|| Failure::Usage(format!("there is no key file {}", config.key_file)))?;
    Ok(Tokeniser::new(key.secret(), config.privacy()).telling_apart(config.numbering.local_numbers.into()))
}

/// True if a sensor answers at a socket.
pub(crate) fn answers(path: &std::path::Path) -> bool {
    matches!(RemoteDesk::new(path.to_path_buf()).ask(&Question::Vitals), Reply::Vitals(_))
}

fn new_token(name: &str, scopes: &str) -> Result<Exit, Failure> {
    let scopes: Scopes = scopes.parse().map_err(failure)?;
    if name.is_empty() || name.contains(['"', '\\', '\n']) {
        return Err(Failure::Usage("a token needs a name without quotation marks".to_owned()));
    }
    let NewToken { token, sha256 } = NewToken::random();
    let list = scopes.to_string().replace(',', "\", \"");
    // The configuration can be appended to a file; the token is for the client, and stands in no file of the server.
    out::add(format!("the token of {name}, shown once: {token}"));
    for line in [
        "[[serve.access]]".to_owned(),
        format!("name = \"{name}\""),
        format!("token_sha256 = \"{sha256}\""),
        format!("scopes = [\"{list}\"]"),
    ] {
        out::line(line)?;
    }
    Ok(Exit::Done)
}

/// A failure of the server as one of the command.
pub(crate) fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::Option(text) => Failure::Usage(text),
        error => Failure::Work(error.to_string()),
    }
}
