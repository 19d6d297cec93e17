-- Times are nanoseconds since the Unix epoch. Identities (call, registration, stream, input) are keyed hashes
-- of what a thing is; tables are in order of arrival, so the identity is a unique column and not the rowid.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was read, identified by the times and lengths of its packets: reading it again replaces its counters.
CREATE TABLE inputs (
    input    INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    packets  INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    first_at INTEGER,
    last_at  INTEGER
) STRICT;

CREATE TABLE counters (
    input INTEGER NOT NULL REFERENCES inputs (input) ON DELETE CASCADE,
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (input, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE fingerprints (
    fingerprint TEXT PRIMARY KEY,
    readable    TEXT NOT NULL,
    method      TEXT NOT NULL,
    sip_author  TEXT NOT NULL,
    sdp_author  TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    id                   INTEGER PRIMARY KEY,
    call                 INTEGER NOT NULL UNIQUE,
    call_id              TEXT NOT NULL,
    from_tag             TEXT NOT NULL,
    started_at           INTEGER NOT NULL,
    answered_at          INTEGER,
    ended_at             INTEGER,
    final_status         INTEGER,
    caller               TEXT NOT NULL,
    callee               TEXT NOT NULL,
    dialled              TEXT NOT NULL,
    caller_kind          TEXT NOT NULL,
    caller_country       TEXT,
    callee_kind          TEXT NOT NULL,
    callee_country       TEXT,
    callee_neighbourhood TEXT,
    source               TEXT NOT NULL,
    destination          TEXT NOT NULL,
    last_destination     TEXT,
    transport            TEXT NOT NULL,
    user_agent           TEXT,
    fingerprint          TEXT NOT NULL,
    sip_author           TEXT NOT NULL,
    sdp_author           TEXT,
    path                 TEXT,
    origin               TEXT NOT NULL,
    access_side          TEXT NOT NULL,
    trunk_id             TEXT,
    has_identity         INTEGER NOT NULL,
    defects              TEXT,
    duplicates           INTEGER NOT NULL DEFAULT 0,
    retransmissions      INTEGER NOT NULL DEFAULT 0,
    hops                 INTEGER NOT NULL DEFAULT 1,
    forks                INTEGER NOT NULL DEFAULT 0,
    reinvites            INTEGER NOT NULL DEFAULT 0,
    cancelled            INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX calls_by_time ON calls (started_at);
CREATE INDEX calls_by_fingerprint ON calls (fingerprint);
CREATE INDEX calls_by_call_id ON calls (call_id);

CREATE TABLE call_links (
    call  INTEGER NOT NULL,
    other INTEGER NOT NULL,
    PRIMARY KEY (call, other)
) STRICT, WITHOUT ROWID;

CREATE TABLE registrations (
    id           INTEGER PRIMARY KEY,
    registration INTEGER NOT NULL UNIQUE,
    aor          TEXT NOT NULL,
    contact      TEXT NOT NULL,
    instance_id  TEXT,
    source       TEXT NOT NULL,
    registrar    TEXT NOT NULL,
    transport    TEXT NOT NULL,
    user_agent   TEXT,
    fingerprint  TEXT NOT NULL
) STRICT;
CREATE INDEX registrations_by_fingerprint ON registrations (fingerprint);

-- One unbroken observation of a device's registration, by one run of the program.
CREATE TABLE observations (
    registration INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    refreshes    INTEGER NOT NULL,
    duplicates   INTEGER NOT NULL,
    challenges   INTEGER NOT NULL,
    last_status  INTEGER,
    expires_s    INTEGER,
    rtt_ms       REAL,
    PRIMARY KEY (registration, first_at)
) STRICT, WITHOUT ROWID;

-- The clock of a device: sufficient statistics per segment, so that fits can be pooled and made anew.
CREATE TABLE segments (
    registration      INTEGER NOT NULL,
    first_at          INTEGER NOT NULL,
    last_at           INTEGER NOT NULL,
    refreshes         INTEGER NOT NULL,
    off_grid          INTEGER NOT NULL,
    period_s          REAL NOT NULL,
    period_observed_s REAL NOT NULL,
    sxx               REAL NOT NULL,
    sxy               REAL NOT NULL,
    syy               REAL NOT NULL,
    PRIMARY KEY (registration, first_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE streams (
    id                       INTEGER PRIMARY KEY,
    stream                   INTEGER NOT NULL UNIQUE,
    call                     INTEGER,
    direction                TEXT NOT NULL,
    src                      TEXT NOT NULL,
    dst                      TEXT NOT NULL,
    ssrc                     INTEGER NOT NULL,
    codec                    TEXT,
    payload_type             INTEGER NOT NULL,
    packets                  INTEGER NOT NULL,
    lost                     INTEGER NOT NULL,
    reordered                INTEGER NOT NULL,
    duplicates               INTEGER NOT NULL,
    restarts                 INTEGER NOT NULL,
    jitter_ms                REAL,
    telephone_events         INTEGER NOT NULL,
    comfort_noise            INTEGER NOT NULL,
    rtcp_packets             INTEGER NOT NULL,
    first_seen               INTEGER NOT NULL,
    last_seen                INTEGER NOT NULL,
    silence_law              TEXT,
    silence_packets          INTEGER,
    silence_observed_packets INTEGER,
    silence_energy           REAL,
    silence_dc_offset        REAL,
    -- Code word and count pairs: one octet and four octets, little-endian, in order of the code word.
    silence_codes            BLOB,
    silence_reason           TEXT
) STRICT;
CREATE INDEX streams_by_call ON streams (call);
CREATE INDEX streams_by_time ON streams (first_seen);
