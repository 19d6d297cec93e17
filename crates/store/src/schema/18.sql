
-- Kin of one stack, and what the score says as a probability.
ALTER TABLE fingerprints ADD COLUMN family TEXT;
ALTER TABLE scores ADD COLUMN fraud_probability REAL;
ALTER TABLE scores ADD COLUMN confidence TEXT;
-- What the judgement of senders needs of an earlier call: 1 for a registered caller, 2 for audible speech, 4 for a repeated recording,
-- 8 for a caller that registered less than half an hour before, 16 for the server at which the caller is registered.
ALTER TABLE scores ADD COLUMN sender INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN kind TEXT NOT NULL DEFAULT 'campaign';
CREATE INDEX fingerprints_by_family ON fingerprints (family) WHERE family IS NOT NULL;
-- The operator's own lists. A number stands here as its token.
CREATE TABLE operator_lists (
    kind     TEXT NOT NULL,
    value    TEXT NOT NULL,
    list     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    author   TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    until    INTEGER,
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;
