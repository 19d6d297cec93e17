-- Why the clock of a stream has no skew; the rate of its codec's clock in Hz, and the one that its stamps count at where that is another.
ALTER TABLE streams ADD COLUMN media_skew_no_fit TEXT;
ALTER TABLE streams ADD COLUMN rtcp_skew_no_fit TEXT;
ALTER TABLE streams ADD COLUMN clock_rate INTEGER;
ALTER TABLE streams ADD COLUMN shown_rate INTEGER;
-- What was written before and is no clock's.
UPDATE streams SET media_skew_ppm = NULL, media_skew_low_ppm = NULL, media_skew_high_ppm = NULL,
    media_skew_no_fit = CASE WHEN media_skew_high_ppm - media_skew_low_ppm > 2000 THEN 'interval_too_wide' ELSE 'implausible' END
    WHERE abs(media_skew_ppm) > 1000 OR media_skew_high_ppm - media_skew_low_ppm > 2000;
UPDATE streams SET rtcp_skew_ppm = NULL, rtcp_skew_low_ppm = NULL, rtcp_skew_high_ppm = NULL,
    rtcp_skew_no_fit = CASE WHEN rtcp_skew_high_ppm - rtcp_skew_low_ppm > 2000 THEN 'interval_too_wide' ELSE 'implausible' END
    WHERE abs(rtcp_skew_ppm) > 1000 OR rtcp_skew_high_ppm - rtcp_skew_low_ppm > 2000;
-- One spelling of those whose names are capitals.
UPDATE streams SET codec = upper(codec) WHERE codec <> upper(codec)
    AND upper(codec) IN ('PCMU', 'PCMA', 'G722', 'G723', 'G728', 'G729', 'GSM', 'AMR', 'AMR-WB', 'EVS', 'H263', 'H264', 'H265', 'VP8', 'VP9');
