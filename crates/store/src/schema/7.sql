-- What a stream's noise is like, packed: features of it can be taken anew whenever classes are learned.
ALTER TABLE streams ADD COLUMN pauses BLOB;

-- The host of the caller's address of record, and whether what was dialled is judged strictly.
ALTER TABLE calls ADD COLUMN caller_host TEXT;
ALTER TABLE calls ADD COLUMN is_sensitive INTEGER NOT NULL DEFAULT 0;

-- Device classes: how many calls of a mode there were under a law, the mean of their features and the lower triangle of the sum of
-- squared deviations, both as numbers of 64 bits, little-endian.
CREATE TABLE class_modes (
    class   TEXT NOT NULL,
    -- Empty if the class has but one.
    mode    TEXT NOT NULL,
    law     TEXT NOT NULL,
    calls   REAL NOT NULL,
    mean    BLOB NOT NULL,
    scatter BLOB NOT NULL,
    -- learned or imported.
    origin  TEXT NOT NULL,
    PRIMARY KEY (class, mode, law)
) STRICT, WITHOUT ROWID;

-- Who may use which device: several rows of one address of record are shared call appearance.
CREATE TABLE inventory (
    aor          TEXT NOT NULL,
    device_class TEXT NOT NULL,
    max_devices  INTEGER,
    policy       TEXT NOT NULL,
    note         TEXT,
    PRIMARY KEY (aor, device_class)
) STRICT, WITHOUT ROWID;

-- Devices that the operator has approved of an address of record: the fingerprint and instance that they registered with.
CREATE TABLE approvals (
    aor         TEXT NOT NULL,
    device      TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (aor, device)
) STRICT, WITHOUT ROWID;
