-- Identities are hashes, so what is ordered by them is written all over the file, and each commit rewrites most
-- of its pages. From here on what there is much of lies in order of arrival: streams by their first packet,
-- the observations of a registration under its row number, and what becomes of a call, which is written later
-- than the call and more than once, in narrow rows of its own.

ALTER TABLE streams RENAME TO streams_1;
DROP INDEX streams_by_call;
DROP INDEX streams_by_time;
CREATE TABLE streams (
    id                       INTEGER PRIMARY KEY,
    stream                   INTEGER NOT NULL,
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
    silence_reason           TEXT,
    -- A stream's identity is made of the time of its first packet, among others.
    UNIQUE (first_seen, stream)
) STRICT;
INSERT INTO streams SELECT * FROM streams_1 ORDER BY id;
DROP TABLE streams_1;
CREATE INDEX streams_by_call ON streams (call);

ALTER TABLE registrations ADD COLUMN hep_agent INTEGER;

ALTER TABLE observations RENAME TO observations_1;
-- One unbroken observation of a device's registration, by one run of the program.
CREATE TABLE observations (
    registration INTEGER NOT NULL REFERENCES registrations (id),
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
INSERT INTO observations
    SELECT r.id, o.first_at, o.last_at, o.refreshes, o.duplicates, o.challenges, o.last_status, o.expires_s, o.rtt_ms
    FROM observations_1 AS o JOIN registrations AS r ON r.registration = o.registration;
DROP TABLE observations_1;

ALTER TABLE segments RENAME TO segments_1;
-- The clock of a device: sufficient statistics per segment, so that fits can be pooled and made anew.
CREATE TABLE segments (
    registration      INTEGER NOT NULL REFERENCES registrations (id),
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
INSERT INTO segments
    SELECT r.id, s.first_at, s.last_at, s.refreshes, s.off_grid, s.period_s, s.period_observed_s, s.sxx, s.sxy, s.syy
    FROM segments_1 AS s JOIN registrations AS r ON r.registration = s.registration;
DROP TABLE segments_1;

-- What a live run lost, by the minute in which it was told.
CREATE TABLE loss_minutes (
    input INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    name  TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (input, at, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE calls RENAME TO calls_1;
DROP INDEX calls_by_time;
DROP INDEX calls_by_fingerprint;
DROP INDEX calls_by_call_id;
-- What the first INVITE says.
CREATE TABLE calls (
    id                   INTEGER PRIMARY KEY,
    call                 INTEGER NOT NULL UNIQUE,
    call_id              TEXT NOT NULL,
    from_tag             TEXT NOT NULL,
    started_at           INTEGER NOT NULL,
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
    transport            TEXT NOT NULL,
    user_agent           TEXT,
    fingerprint          TEXT NOT NULL,
    sip_author           TEXT NOT NULL,
    sdp_author           TEXT,
    path                 TEXT,
    origin               TEXT NOT NULL,
    first_access_side    TEXT NOT NULL,
    first_trunk_id       TEXT,
    has_identity         INTEGER NOT NULL,
    defects              TEXT,
    -- The HEP agent that told of it, by whose clock its times are.
    hep_agent            INTEGER
) STRICT;
INSERT INTO calls
    SELECT id, call, call_id, from_tag, started_at, caller, callee, dialled, caller_kind, caller_country, callee_kind,
        callee_country, callee_neighbourhood, source, destination, transport, user_agent, fingerprint, sip_author,
        sdp_author, path, origin, access_side, trunk_id, has_identity, defects, NULL
    FROM calls_1 ORDER BY id;
CREATE INDEX calls_by_time ON calls (started_at);
CREATE INDEX calls_by_fingerprint ON calls (fingerprint);
CREATE INDEX calls_by_call_id ON calls (call_id);

-- What became of it. No row: nothing yet.
CREATE TABLE outcomes (
    id               INTEGER PRIMARY KEY REFERENCES calls (id),
    answered_at      INTEGER,
    ended_at         INTEGER,
    final_status     INTEGER,
    last_destination TEXT,
    access_side      TEXT NOT NULL,
    trunk_id         TEXT,
    duplicates       INTEGER NOT NULL,
    retransmissions  INTEGER NOT NULL,
    hops             INTEGER NOT NULL,
    forks            INTEGER NOT NULL,
    reinvites        INTEGER NOT NULL,
    cancelled        INTEGER NOT NULL
) STRICT;
INSERT INTO outcomes
    SELECT id, answered_at, ended_at, final_status, last_destination, access_side, trunk_id, duplicates,
        retransmissions, hops, forks, reinvites, cancelled
    FROM calls_1 ORDER BY id;
DROP TABLE calls_1;

-- What is known of calls by now.
CREATE VIEW calls_now AS
    SELECT c.*, o.answered_at, o.ended_at, o.final_status, o.last_destination,
        coalesce(o.access_side, c.first_access_side) AS access_side,
        CASE WHEN o.id IS NULL THEN c.first_trunk_id ELSE o.trunk_id END AS trunk_id,
        coalesce(o.duplicates, 0) AS duplicates, coalesce(o.retransmissions, 0) AS retransmissions,
        coalesce(o.hops, 1) AS hops, coalesce(o.forks, 0) AS forks, coalesce(o.reinvites, 0) AS reinvites,
        coalesce(o.cancelled, 0) AS cancelled
    FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id;
