-- Runs that are no replays: where they listened, up to when they are known to have been alive, and whether they ended in order.
CREATE TABLE runs (
    input      INTEGER PRIMARY KEY,
    -- Interfaces and listeners, or files that grow, between spaces.
    places     TEXT NOT NULL,
    -- Whether it heard the network.
    is_live    INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    alive_at   INTEGER NOT NULL,
    -- Null where nobody noted it.
    is_over    INTEGER
) STRICT;
CREATE INDEX runs_by_time ON runs (alive_at);
-- Those of before are known by the clock that stamped their packets.
INSERT INTO runs SELECT input, name, 1, first_at, last_at, NULL FROM inputs WHERE first_at IS NOT NULL AND last_at IS NOT NULL
    AND input IN (SELECT input FROM counters WHERE kind = 'stamps' AND name <> 'file');

-- When something could not be seen. What files of a replay lack follows from the inputs and their counters, and is not kept here.
CREATE TABLE blind_spans (
    -- The loss.
    name    TEXT NOT NULL,
    -- The interface, the run's places, or the file.
    place   TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    -- Null while it lasts.
    to_at   INTEGER,
    count   INTEGER NOT NULL,
    input   INTEGER NOT NULL,
    PRIMARY KEY (name, place, from_at)
) STRICT, WITHOUT ROWID;

-- Older spans that were taken out, so that each loss has no more than so many.
CREATE TABLE blind_spans_gone (
    name  TEXT PRIMARY KEY,
    spans INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
