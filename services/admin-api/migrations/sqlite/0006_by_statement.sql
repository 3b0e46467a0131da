-- The audit log by what it is asked for, newest first. (The other database's triggers also change with this step.)
CREATE INDEX audit_actor ON audit (actor, time_create, id);
CREATE INDEX audit_action ON audit (action, time_create, id);
CREATE INDEX audit_object ON audit (object, time_create, id);
CREATE INDEX audit_address ON audit (address, time_create, id);
CREATE INDEX audit_outcome ON audit (outcome, time_create, id);
