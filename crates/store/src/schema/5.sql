-- Refreshes one by one, for estimators that look at single points: 12 octets each, little-endian: milliseconds since the
-- segment's first refresh, offset and wait beyond the period in microseconds (the least number for an unknown wait).
ALTER TABLE segments ADD COLUMN points BLOB;

-- Rates of a stream's media clock in ppm, with the ends of their 95 % intervals: against the sensor's clock, and against
-- its sender's wall clock (RTCP).
ALTER TABLE streams ADD COLUMN media_skew_ppm REAL;
ALTER TABLE streams ADD COLUMN media_skew_low_ppm REAL;
ALTER TABLE streams ADD COLUMN media_skew_high_ppm REAL;
ALTER TABLE streams ADD COLUMN rtcp_skew_ppm REAL;
ALTER TABLE streams ADD COLUMN rtcp_skew_low_ppm REAL;
ALTER TABLE streams ADD COLUMN rtcp_skew_high_ppm REAL;
