-- What the malware scan said: pending, clean, infected, or skipped (there was no scanner, or it was too large).
ALTER TABLE archives ADD COLUMN scan TEXT NOT NULL DEFAULT 'skipped';
ALTER TABLE archives ADD COLUMN scan_signature TEXT;                    -- of an infected one: what was found
ALTER TABLE archives ADD COLUMN scan_due INTEGER NOT NULL DEFAULT 0;    -- of a pending one: nobody scans it before
CREATE INDEX archives_scan ON archives (scan, time_create, id);
CREATE INDEX archives_unscanned ON archives (scan_due, id) WHERE scan = 'pending';
