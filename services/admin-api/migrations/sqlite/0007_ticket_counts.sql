-- What lists show of every ticket and count for every search is kept, not computed: the archives of a ticket in its
-- row, and how many tickets have a short piece in their number. Triggers keep both, whoever writes.
ALTER TABLE tickets ADD COLUMN archive_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN archive_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN last_archive INTEGER;
UPDATE tickets SET archive_count = s.number, archive_bytes = s.bytes, last_archive = s.last
    FROM (SELECT ticket_id, count(*) AS number, sum(size) AS bytes, max(time_create) AS last FROM archives GROUP BY ticket_id) s
    WHERE tickets.id = s.ticket_id;
CREATE TRIGGER archives_counted_insert AFTER INSERT ON archives
BEGIN
    UPDATE tickets SET archive_count = archive_count + 1, archive_bytes = archive_bytes + new.size,
        last_archive = max(coalesce(last_archive, new.time_create), new.time_create) WHERE id = new.ticket_id;
END;
CREATE TRIGGER archives_counted_delete AFTER DELETE ON archives
BEGIN
    UPDATE tickets SET archive_count = archive_count - 1, archive_bytes = archive_bytes - old.size,
        last_archive = (SELECT max(time_create) FROM archives WHERE ticket_id = old.ticket_id) WHERE id = old.ticket_id;
END;
CREATE TRIGGER archives_counted_update AFTER UPDATE OF ticket_id, size, time_create ON archives
BEGIN
    UPDATE tickets SET
        archive_count = (SELECT count(*) FROM archives WHERE ticket_id = tickets.id),
        archive_bytes = (SELECT coalesce(sum(size), 0) FROM archives WHERE ticket_id = tickets.id),
        last_archive = (SELECT max(time_create) FROM archives WHERE ticket_id = tickets.id)
        WHERE id IN (old.ticket_id, new.ticket_id);
END;

CREATE TABLE ticket_pieces (
    piece TEXT NOT NULL,                        -- one or two characters
    part INTEGER NOT NULL,                      -- the number of tickets is the sum of all parts
    tickets INTEGER NOT NULL,
    PRIMARY KEY (piece, part)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER ticket_pieces_insert AFTER INSERT ON ticket_suffixes WHEN new.repeated < 2
BEGIN
    INSERT INTO ticket_pieces (piece, part, tickets) SELECT substr(new.suffix, 1, 1), 0, 1 WHERE new.repeated < 1
        ON CONFLICT (piece, part) DO UPDATE SET tickets = tickets + 1;
    INSERT INTO ticket_pieces (piece, part, tickets) SELECT substr(new.suffix, 1, 2), 0, 1 WHERE length(new.suffix) > 1
        ON CONFLICT (piece, part) DO UPDATE SET tickets = tickets + 1;
END;
CREATE TRIGGER ticket_pieces_delete AFTER DELETE ON ticket_suffixes WHEN old.repeated < 2
BEGIN
    UPDATE ticket_pieces SET tickets = tickets - 1 WHERE piece = substr(old.suffix, 1, 1) AND old.repeated < 1;
    UPDATE ticket_pieces SET tickets = tickets - 1 WHERE piece = substr(old.suffix, 1, 2) AND length(old.suffix) > 1;
END;
INSERT INTO ticket_pieces (piece, part, tickets)
    SELECT substr(suffix, 1, len), 0, count(*) FROM ticket_suffixes, (SELECT 1 AS len UNION ALL SELECT 2)
    WHERE repeated < len AND length(suffix) >= len GROUP BY 1;
