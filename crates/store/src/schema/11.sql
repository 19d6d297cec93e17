-- Where something is masked in a Call-ID: a keyed hash of it as it was on the wire.
ALTER TABLE calls ADD COLUMN wire_id INTEGER;
CREATE INDEX calls_by_wire_id ON calls (wire_id) WHERE wire_id IS NOT NULL;
-- When a platform was told of last: one that nothing speaks of any more leaves when that is long ago.
ALTER TABLE fingerprints ADD COLUMN seen_at INTEGER;
