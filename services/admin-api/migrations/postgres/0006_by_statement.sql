-- Suffixes of many new or deleted tickets in one statement; a rename is one ticket. And the audit log by what it is
-- asked for, newest first.
DROP TRIGGER tickets_suffixes ON tickets;
CREATE FUNCTION ticket_suffixes_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_suffixes (suffix, id, repeated)
        SELECT s.suffix, made.id, s.repeated FROM made, ticket_suffixes_of(CAST(made.number AS TEXT)) s;
    RETURN NULL;
END $$;
CREATE FUNCTION ticket_suffixes_drop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ticket_suffixes d USING gone, ticket_suffixes_of(CAST(gone.number AS TEXT)) s
        WHERE d.suffix = s.suffix AND d.id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER tickets_suffixes_insert AFTER INSERT ON tickets REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION ticket_suffixes_add();
CREATE TRIGGER tickets_suffixes_delete AFTER DELETE ON tickets REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ticket_suffixes_drop();
CREATE TRIGGER tickets_suffixes_update AFTER UPDATE OF number ON tickets
    FOR EACH ROW WHEN (old.number <> new.number) EXECUTE FUNCTION ticket_suffixes_keep();
CREATE INDEX audit_actor ON audit (actor, time_create, id);
CREATE INDEX audit_action ON audit (action, time_create, id);
CREATE INDEX audit_object ON audit (object, time_create, id);
CREATE INDEX audit_address ON audit (address, time_create, id);
CREATE INDEX audit_outcome ON audit (outcome, time_create, id);
