-- Every suffix of every ticket's number: digits inside a number are the beginning of one of them, so an index finds
-- them. Triggers keep the table, whoever writes tickets.
CREATE TABLE ticket_suffixes (
    suffix TEXT NOT NULL,
    id INTEGER NOT NULL,                        -- of the ticket
    repeated INTEGER NOT NULL,                  -- so many of its first characters also stand further left in the number
    PRIMARY KEY (suffix, id)
) STRICT, WITHOUT ROWID;
CREATE VIEW ticket_suffixes_due AS
    WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < 20)
    SELECT t.id AS id, substr(CAST(t.number AS TEXT), at.n) AS suffix, (
        SELECT coalesce(max(len.n), 0) FROM place len
        WHERE len.n <= length(CAST(t.number AS TEXT)) - at.n + 1 AND instr(
            substr(CAST(t.number AS TEXT), 1, at.n + len.n - 2), substr(CAST(t.number AS TEXT), at.n, len.n)) > 0) AS repeated
    FROM tickets t JOIN place at ON at.n <= length(CAST(t.number AS TEXT));
CREATE TRIGGER tickets_suffixes_insert AFTER INSERT ON tickets
BEGIN
    INSERT INTO ticket_suffixes (suffix, id, repeated)
        SELECT suffix, id, repeated FROM ticket_suffixes_due WHERE id = new.id;
END;
CREATE TRIGGER tickets_suffixes_update_before BEFORE UPDATE OF number ON tickets
BEGIN
    DELETE FROM ticket_suffixes
        WHERE id = old.id AND suffix IN (SELECT suffix FROM ticket_suffixes_due WHERE id = old.id);
END;
CREATE TRIGGER tickets_suffixes_update_after AFTER UPDATE OF number ON tickets
BEGIN
    INSERT INTO ticket_suffixes (suffix, id, repeated)
        SELECT suffix, id, repeated FROM ticket_suffixes_due WHERE id = new.id;
END;
CREATE TRIGGER tickets_suffixes_delete BEFORE DELETE ON tickets
BEGIN
    DELETE FROM ticket_suffixes
        WHERE id = old.id AND suffix IN (SELECT suffix FROM ticket_suffixes_due WHERE id = old.id);
END;
INSERT INTO ticket_suffixes (suffix, id, repeated) SELECT suffix, id, repeated FROM ticket_suffixes_due;
