-- What lists show of every ticket and count for every search is kept, not computed: the archives of a ticket in its
-- row, and how many tickets have a short piece in their number. Triggers keep both, whoever writes.
ALTER TABLE tickets ADD COLUMN archive_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN archive_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN last_archive BIGINT;
UPDATE tickets SET archive_count = s.number, archive_bytes = s.bytes, last_archive = s.last
    FROM (SELECT ticket_id, count(*) AS number, CAST(sum(size) AS BIGINT) AS bytes, max(time_create) AS last
          FROM archives GROUP BY ticket_id) s
    WHERE tickets.id = s.ticket_id;
CREATE FUNCTION archives_counted_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tickets t SET archive_count = t.archive_count + s.number, archive_bytes = t.archive_bytes + s.bytes,
        last_archive = greatest(t.last_archive, s.last)
        FROM (SELECT ticket_id, count(*) AS number, CAST(sum(size) AS BIGINT) AS bytes, max(time_create) AS last
              FROM made GROUP BY ticket_id) s
        WHERE t.id = s.ticket_id;
    RETURN NULL;
END $$;
CREATE FUNCTION archives_counted_drop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tickets t SET archive_count = t.archive_count - s.number, archive_bytes = t.archive_bytes - s.bytes,
        last_archive = (SELECT max(a.time_create) FROM archives a WHERE a.ticket_id = t.id)
        FROM (SELECT ticket_id, count(*) AS number, CAST(sum(size) AS BIGINT) AS bytes FROM gone GROUP BY ticket_id) s
        WHERE t.id = s.ticket_id;
    RETURN NULL;
END $$;
CREATE FUNCTION archives_counted_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tickets t SET
        archive_count = (SELECT count(*) FROM archives a WHERE a.ticket_id = t.id),
        archive_bytes = (SELECT CAST(coalesce(sum(a.size), 0) AS BIGINT) FROM archives a WHERE a.ticket_id = t.id),
        last_archive = (SELECT max(a.time_create) FROM archives a WHERE a.ticket_id = t.id)
        WHERE t.id IN (old.ticket_id, new.ticket_id);
    RETURN NULL;
END $$;
CREATE TRIGGER archives_counted_insert AFTER INSERT ON archives REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION archives_counted_add();
CREATE TRIGGER archives_counted_delete AFTER DELETE ON archives REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION archives_counted_drop();
CREATE TRIGGER archives_counted_update AFTER UPDATE OF ticket_id, size, time_create ON archives
    FOR EACH ROW EXECUTE FUNCTION archives_counted_again();

CREATE TABLE ticket_pieces (
    piece TEXT COLLATE "C" NOT NULL,                    -- one or two characters
    part BIGINT NOT NULL,                               -- the number of tickets is the sum of all parts
    tickets BIGINT NOT NULL,
    PRIMARY KEY (piece, part)
);
CREATE FUNCTION ticket_pieces_of(suffix TEXT, repeated BIGINT) RETURNS TABLE (piece TEXT) LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(suffix, 1, len) FROM generate_series(1, least(2, length(suffix))) len WHERE repeated < len
$$;
-- Each connection adds to a part of its own, so that tickets made at once do not wait for each other.
CREATE FUNCTION ticket_pieces_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_pieces AS kept (piece, part, tickets)
        SELECT p.piece, pg_backend_pid() % 64, count(*) FROM made, ticket_pieces_of(made.suffix, made.repeated) p
        GROUP BY p.piece ORDER BY p.piece
        ON CONFLICT (piece, part) DO UPDATE SET tickets = kept.tickets + excluded.tickets;
    RETURN NULL;
END $$;
CREATE FUNCTION ticket_pieces_drop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_pieces AS kept (piece, part, tickets)
        SELECT p.piece, pg_backend_pid() % 64, -count(*) FROM gone, ticket_pieces_of(gone.suffix, gone.repeated) p
        GROUP BY p.piece ORDER BY p.piece
        ON CONFLICT (piece, part) DO UPDATE SET tickets = kept.tickets + excluded.tickets;
    RETURN NULL;
END $$;
CREATE TRIGGER ticket_pieces_insert AFTER INSERT ON ticket_suffixes REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION ticket_pieces_add();
CREATE TRIGGER ticket_pieces_delete AFTER DELETE ON ticket_suffixes REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ticket_pieces_drop();
INSERT INTO ticket_pieces (piece, part, tickets)
    SELECT p.piece, 0, count(*) FROM ticket_suffixes s, ticket_pieces_of(s.suffix, s.repeated) p GROUP BY p.piece;
