-- What operators did in the console: incidents and campaigns that they took note of, and what they wrote about them.
CREATE TABLE acknowledgements (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    at   INTEGER NOT NULL,
    by   TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE comments (
    comment INTEGER PRIMARY KEY,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    text    TEXT NOT NULL
) STRICT;
CREATE INDEX comments_by_subject ON comments (kind, id, comment);
-- Each label, list change and login, in order.
CREATE TABLE audit (
    entry  INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    what   TEXT NOT NULL,
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
-- The newest calls of a platform are found without a sort.
DROP INDEX calls_by_fingerprint;
CREATE INDEX calls_by_fingerprint ON calls (fingerprint, started_at);
