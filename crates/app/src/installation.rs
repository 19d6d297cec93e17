use std::path::Path;
use std::time::Duration;

use bellwether_enrich::{LocalNumbers, Privacy, Tokeniser};
use bellwether_recorder::Recorder;
use bellwether_scoring::{ScoringEngine, Settings};
use bellwether_store::{Reader, StoreError, Writer};

use crate::{AppError, InstallationKey, key_path, private};

/// The place of an installation, and the rules by which it is opened.
pub struct InstallationOptions<'a> {
    /// The database; `:memory:` keeps nothing.
    pub db: &'a Path,
    /// The key file ([`key_path`]).
    pub key_file: &'a str,
    /// The treatment of personal data.
    pub privacy: Privacy,
    /// The rule that tells equal local numbers apart.
    pub local_numbers: LocalNumbers,
    /// The settings of the scoring.
    pub scoring: Settings,
    /// Configures the reader that device judging uses.
    pub reading: &'a dyn Fn(Reader) -> Reader,
    /// Gets notes about files whose rights were wrong.
    pub note: &'a dyn Fn(&str),
}

/// An installation open for writing: the key and the database.
pub struct Installation {
    /// The key.
    pub key: InstallationKey,
    /// Makes tokens of personal data with the key.
    pub tokeniser: Tokeniser,
    /// The database.
    pub recorder: Recorder,
}

impl Installation {
    /// Opens the key and the database. Makes both if neither is there, but never a new key for a database that has one.
    ///
    /// # Errors
    /// If the key or the database cannot be used. Another program that holds the database locked is an error too.
    pub fn open(options: &InstallationOptions<'_>) -> Result<Self, AppError> {
        Ok(Self::try_open(options)??)
    }

    /// Opens an installation like [`Self::open`], and waits while another program holds the database locked. `tell` gets one message about the
    /// wait.
    ///
    /// # Errors
    /// If the key or the database cannot be used, or the lock outlasts the wait.
    pub fn open_patiently(
        options: &InstallationOptions<'_>,
        lock_wait: Duration,
        tell: &dyn Fn(&str),
    ) -> Result<Self, AppError> {
        let began = jiff::Timestamp::now();
        let waited = || jiff::Timestamp::now().duration_since(began).unsigned_abs();
        let mut is_told = false;
        loop {
            match Self::try_open(options)? {
                Err(e) if e.is_locked() && waited() < lock_wait => {
                    if !is_told {
                        tell("another program holds the database locked; waiting");
                    }
                    is_told = true;
                }
                Err(e) if e.is_locked() => {
                    let path = options.db.to_path_buf();
                    return Err(StoreError::Locked { path, waited: waited() }.into());
                }
                opened => return Ok(opened?),
            }
        }
    }

    /// The inner result is that of the database, whose lock may be waited for.
    fn try_open(options: &InstallationOptions<'_>) -> Result<Result<Self, StoreError>, AppError> {
        let &InstallationOptions { db, key_file, privacy, local_numbers, reading, note, .. } = options;
        check_folder(db)?;
        tighten(db, key_file, note);
        let mut warn = |warning: String| note(&warning);
        let key = match InstallationKey::read(key_file, db, &mut warn)? {
            Some(key) => key,
            None => match bellwether_store::key_id(db) {
                Ok(None) => InstallationKey::read_or_make(key_file, db, &mut warn)?,
                Ok(Some(_)) => return Err(InstallationKey::missing(key_file, db)),
                Err(e) => return Ok(Err(e)),
            },
        };
        let tokeniser = Tokeniser::new(key.secret(), privacy).telling_apart(local_numbers);
        let mut scoring = options.scoring.clone();
        for exempt in &mut scoring.exempt_accounts {
            exempt.account = token_of(&tokeniser, &exempt.account);
        }
        let engine = ScoringEngine::new(scoring, key.hash_key());
        let opened = Writer::open(db, &tokeniser.key_id());
        let opened =
            opened.and_then(|writer| Recorder::new(writer.reading_with(reading)).with_scoring(engine));
        Ok(opened.map(|recorder| Self { key, tokeniser, recorder }))
    }
}

/// The token of an account: a number or a user part, an address of record, or a token as reports print it.
fn token_of(tokeniser: &Tokeniser, account: &str) -> String {
    let user = account.split_once(':').map_or(account, |(_, rest)| rest);
    let user = user.split_once('@').map_or(user, |(user, _)| user);
    let is_token = user.len() == 32 && user.bytes().all(|b| b.is_ascii_hexdigit());
    if is_token { user.to_owned() } else { tokeniser.user(user).as_str().to_owned() }
}

/// Checks that the folder of a database is there.
///
/// # Errors
/// If it is not: the folder is never made.
pub fn check_folder(db: &Path) -> Result<(), AppError> {
    match db.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            let text = format!("the folder {} of the database does not exist", folder.display());
            Err(AppError::Option(text))
        }
        _ => Ok(()),
    }
}

/// Takes the rights of other users away from the database and the key.
fn tighten(db: &Path, key_file: &str, note: &dyn Fn(&str)) {
    if db.as_os_str() != ":memory:" {
        let mut files = private::database_files(db);
        files.push(key_path(key_file, db));
        private::tighten(&files, &mut |text| note(&text));
    }
}
