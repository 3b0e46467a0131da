-- Seconds that archives of a platform's tickets are kept; NULL: as the service is configured, 0: for ever.
ALTER TABLE platforms ADD COLUMN retention_all INTEGER;
ALTER TABLE platforms ADD COLUMN retention_resolved INTEGER;
-- When it was resolved last; NULL of one that was resolved before there was this column: its time_update.
ALTER TABLE tickets ADD COLUMN resolved_at INTEGER;
