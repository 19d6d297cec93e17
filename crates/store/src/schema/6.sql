-- The middle of the latest round trips, and how far half of them lie from it at most.
ALTER TABLE observations ADD COLUMN rtt_middle_ms REAL;
ALTER TABLE observations ADD COLUMN rtt_spread_ms REAL;

-- A device came from another address than before: a NAT's new binding, or another network.
CREATE TABLE moves (
    registration INTEGER NOT NULL REFERENCES registrations (id),
    at           INTEGER NOT NULL,
    source       TEXT NOT NULL,
    PRIMARY KEY (registration, at)
) STRICT, WITHOUT ROWID;

-- Timers of devices beside those of registrations.
CREATE TABLE timers (
    id          INTEGER PRIMARY KEY,
    timer       INTEGER NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    -- Who sends it; none where the message does not say.
    aor         TEXT,
    source      TEXT NOT NULL,
    destination TEXT NOT NULL
) STRICT;
CREATE INDEX timers_by_aor ON timers (aor) WHERE aor IS NOT NULL;
CREATE INDEX timers_by_source ON timers (source);

CREATE TABLE timer_observations (
    timer    INTEGER NOT NULL REFERENCES timers (id),
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    beats    INTEGER NOT NULL,
    PRIMARY KEY (timer, first_at)
) STRICT, WITHOUT ROWID;

-- As of registrations.
CREATE TABLE timer_segments (
    timer             INTEGER NOT NULL REFERENCES timers (id),
    first_at          INTEGER NOT NULL,
    last_at           INTEGER NOT NULL,
    refreshes         INTEGER NOT NULL,
    off_grid          INTEGER NOT NULL,
    period_s          REAL NOT NULL,
    period_observed_s REAL NOT NULL,
    sxx               REAL NOT NULL,
    sxy               REAL NOT NULL,
    syy               REAL NOT NULL,
    points            BLOB,
    PRIMARY KEY (timer, first_at)
) STRICT, WITHOUT ROWID;

-- What a registration's wall clock said after its first message, which instances hold.
CREATE TABLE wall_clocks (
    subject       INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    captured_at   INTEGER NOT NULL,
    clock_at      INTEGER NOT NULL,
    resolution_ns INTEGER NOT NULL,
    PRIMARY KEY (subject, kind, captured_at)
) STRICT, WITHOUT ROWID;

-- What befell the clock that stamps packets: a step between two moments, a change of its rate, a leap second.
CREATE TABLE sensor_clock (
    from_at INTEGER NOT NULL,
    to_at   INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    -- Of a step, in seconds, ahead positive; of a rate's change, in ppm.
    amount  REAL NOT NULL,
    -- Devices that show it, and those that could have; none where the system said so.
    devices INTEGER,
    of      INTEGER,
    PRIMARY KEY (from_at, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX registrations_by_aor ON registrations (aor);
CREATE INDEX calls_by_caller ON calls (caller);
