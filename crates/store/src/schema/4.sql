-- What is learned of a SIP author over many messages, beside the fingerprint that each of them shows.
CREATE TABLE habits (
    author TEXT NOT NULL,
    habit  TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (author, habit, value)
) STRICT, WITHOUT ROWID;

-- What its Call-IDs, tags and branches have in common: lengths, classes of octets as bits, beginning.
CREATE TABLE identifiers (
    author     TEXT NOT NULL,
    identifier TEXT NOT NULL,
    shortest   INTEGER NOT NULL,
    longest    INTEGER NOT NULL,
    alphabet   INTEGER NOT NULL,
    prefix     TEXT NOT NULL,
    PRIMARY KEY (author, identifier)
) STRICT, WITHOUT ROWID;

-- How a source's numbers began: in words, as few as there are kinds.
ALTER TABLE streams ADD COLUMN beginning TEXT;

-- Platforms that asked with OPTIONS or answered; callers and devices have tables of their own.
CREATE TABLE sightings (
    fingerprint TEXT NOT NULL,
    -- An endpoint whose port is 0.
    source      TEXT NOT NULL,
    user_agent  TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, source, user_agent)
) STRICT, WITHOUT ROWID;

-- What names the process or device behind a call or registration (its identity is the subject).
CREATE TABLE instances (
    subject       INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    -- Empty where only a clock shows.
    instance      TEXT NOT NULL,
    counter       INTEGER,
    captured_at   INTEGER NOT NULL,
    clock_at      INTEGER,
    resolution_ns INTEGER,
    PRIMARY KEY (subject, kind, instance)
) STRICT, WITHOUT ROWID;
CREATE INDEX instances_by_instance ON instances (kind, instance) WHERE instance <> '';
