-- Refreshes one by one, for estimators that look at single points: 12 octets each, little-endian: milliseconds since the
-- segment's first refresh, offset and wait beyond the period in microseconds (the least number for an unknown wait).
ALTER TABLE segments ADD COLUMN points BLOB;
