-- Every suffix of every ticket's number: digits inside a number are the beginning of one of them, so an index finds
-- them. Triggers keep the table, whoever writes tickets.
CREATE TABLE ticket_suffixes (
    suffix TEXT COLLATE "C" NOT NULL,
    id BIGINT NOT NULL,                                 -- of the ticket
    repeated BIGINT NOT NULL,                           -- so many of its first characters also stand further left
    PRIMARY KEY (suffix, id) INCLUDE (repeated)
);
CREATE FUNCTION ticket_suffixes_of(digits TEXT) RETURNS TABLE (suffix TEXT, repeated BIGINT) LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(digits, at), (
        SELECT coalesce(max(len), 0) FROM generate_series(1, length(digits) - at + 1) len
        WHERE strpos(substr(digits, 1, at + len - 2), substr(digits, at, len)) > 0)
    FROM generate_series(1, length(digits)) at
$$;
CREATE FUNCTION ticket_suffixes_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM ticket_suffixes
            WHERE id = old.id AND suffix IN (SELECT s.suffix FROM ticket_suffixes_of(CAST(old.number AS TEXT)) s);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO ticket_suffixes (suffix, id, repeated)
            SELECT s.suffix, new.id, s.repeated FROM ticket_suffixes_of(CAST(new.number AS TEXT)) s;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tickets_suffixes AFTER INSERT OR DELETE OR UPDATE OF number ON tickets
    FOR EACH ROW EXECUTE FUNCTION ticket_suffixes_keep();
INSERT INTO ticket_suffixes (suffix, id, repeated)
    SELECT s.suffix, t.id, s.repeated FROM tickets t, ticket_suffixes_of(CAST(t.number AS TEXT)) s;
