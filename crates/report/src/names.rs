//! Names of parties as far as somebody knows them: a beginning of a token, a user without a host.

use bellwether_store::StoreError;
use rusqlite::{Params, params};

use crate::Reports;

/// Names that are answered at most: enough to see that a beginning is ambiguous.
const MOST: i64 = 20;

/// Hosts of extensions that are answered at most.
const MOST_HOSTS: i64 = 10_000;

/// The octet after the last hexadecimal digit, for the end of a range.
const BEHIND_DIGITS: &str = "g";

impl Reports<'_> {
    /// The tokens of parties that begin with some hexadecimal digits, in order.
    ///
    /// # Errors
    /// If the database fails.
    pub fn tokens_beginning(&self, digits: &str) -> Result<Vec<String>, StoreError> {
        let end = [digits, BEHIND_DIGITS].concat();
        self.texts(
            "SELECT token FROM (
                SELECT caller AS token FROM calls WHERE caller >= ?1 AND caller < ?2
                UNION SELECT callee FROM calls WHERE callee >= ?1 AND callee < ?2
                UNION SELECT dialled_otherwise FROM calls WHERE dialled_otherwise >= ?1 AND dialled_otherwise < ?2
                UNION SELECT substr(aor, 5, 32) FROM registrations WHERE substr(aor, 5, 32) BETWEEN ?1 AND ?2
                UNION SELECT substr(contact, 5, 32) FROM registrations WHERE substr(contact, 5, 32) BETWEEN ?1 AND ?2
                UNION SELECT value FROM operator_lists WHERE kind = 'number' AND value >= ?1 AND value < ?2)
             ORDER BY token LIMIT ?3",
            params![digits, end, MOST],
        )
    }

    /// The addresses of record whose user is `user`, whatever their host; the contacts if there is no such address of record.
    ///
    /// # Errors
    /// If the database fails.
    pub fn addresses_of_user(&self, user: &str) -> Result<Vec<String>, StoreError> {
        let (sip, tel) = (format!("sip:{user}@"), format!("tel:{user}"));
        for column in ["aor", "contact"] {
            let found = self.texts(
                &format!(
                    "SELECT DISTINCT {column} FROM registrations
                     WHERE substr({column}, 1, length(?1)) = ?1 OR {column} IN (?2, ?3) ORDER BY 1 LIMIT ?4"
                ),
                params![sip, tel, user, MOST],
            )?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// True if a registration has this address of record or contact.
    ///
    /// # Errors
    /// If the database fails.
    pub fn has_device(&self, id: &str) -> Result<bool, StoreError> {
        let mut select = self
            .db()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM registrations WHERE aor = ?1 OR contact = ?1)")?;
        Ok(select.query_row([id], |row| row.get(0))?)
    }

    /// The hosts of addresses of record and of callers: an extension is another party in each domain.
    ///
    /// # Errors
    /// If the database fails.
    pub fn hosts(&self) -> Result<Vec<String>, StoreError> {
        self.texts(
            "SELECT host FROM (
                SELECT substr(aor, instr(aor, '@') + 1) AS host FROM registrations WHERE instr(aor, '@') > 0
                UNION SELECT caller_host FROM calls WHERE caller_host IS NOT NULL)
             ORDER BY host LIMIT ?1",
            [MOST_HOSTS],
        )
    }

    pub(crate) fn texts(&self, sql: &str, values: impl Params) -> Result<Vec<String>, StoreError> {
        let mut select = self.db().prepare_cached(sql)?;
        let texts = select.query_map(values, |row| row.get(0))?;
        Ok(texts.collect::<Result<_, _>>()?)
    }
}
