-- Quality of streams: how losses cluster (RFC 3611 section 4.7.2), round trips, and the receiver's own score.
ALTER TABLE streams ADD COLUMN burst_lost INTEGER;
ALTER TABLE streams ADD COLUMN burst_packets INTEGER;
ALTER TABLE streams ADD COLUMN loss_runs INTEGER;
ALTER TABLE streams ADD COLUMN receiver_rtt_ms REAL;
ALTER TABLE streams ADD COLUMN xr_round_trip_ms REAL;
ALTER TABLE streams ADD COLUMN xr_mos REAL;
