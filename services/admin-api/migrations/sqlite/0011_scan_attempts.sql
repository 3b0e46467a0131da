-- How often clamd answered and yet failed on a pending archive: it waits longer each time, and is given up at last.
ALTER TABLE archives ADD COLUMN scan_attempts INTEGER NOT NULL DEFAULT 0;
