-- Where something is masked in a Call-ID: a keyed hash of it as it was on the wire.
ALTER TABLE calls ADD COLUMN wire_id INTEGER;
CREATE INDEX calls_by_wire_id ON calls (wire_id) WHERE wire_id IS NOT NULL;
