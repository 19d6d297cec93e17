-- Where a party of the call sent the other one last (REFER).
ALTER TABLE calls ADD COLUMN referred_to TEXT;

-- What was thought of a call's or a device's right to its subscriber, and each change of it.
CREATE TABLE verdicts (
    -- call or device.
    kind     TEXT NOT NULL,
    -- The call, or the registration that the device was first seen with.
    subject  INTEGER NOT NULL,
    step     INTEGER NOT NULL,
    -- When the newest of its evidence came.
    at       INTEGER NOT NULL,
    -- What was known by then: kinds of evidence.
    basis    TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    -- As reports show it: a JSON array.
    evidence TEXT NOT NULL,
    PRIMARY KEY (kind, subject, step)
) STRICT, WITHOUT ROWID;

-- What an operator should look at. The same is told once.
CREATE TABLE alerts (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject  TEXT NOT NULL,
    message  TEXT NOT NULL,
    call     INTEGER,
    campaign TEXT
) STRICT;
CREATE UNIQUE INDEX alerts_once ON alerts (kind, subject, at, coalesce(call, 0));

-- Who else a device registers.
CREATE INDEX registrations_by_instance ON registrations (instance_id, aor) WHERE instance_id IS NOT NULL;
