-- Times are microseconds since 1970 UTC, booleans 0/1, SHA-256 and upload ids lowercase hex.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL DEFAULT '',
    first_name TEXT NOT NULL DEFAULT '',
    last_name TEXT NOT NULL DEFAULT '',
    password TEXT NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1,
    is_staff INTEGER NOT NULL DEFAULT 1,
    is_superuser INTEGER NOT NULL DEFAULT 0,
    auth_version INTEGER NOT NULL DEFAULT 1,
    totp_secret BLOB,                           -- sealed; NULL: none
    totp_confirmed INTEGER NOT NULL DEFAULT 0,
    totp_step INTEGER NOT NULL DEFAULT 0,       -- the last step accepted: a code works once
    time_create INTEGER NOT NULL,
    last_login INTEGER
) STRICT;
CREATE TABLE backup_codes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX backup_codes_user ON backup_codes (user_id);
-- A session of the panel: the token itself is only in its cookie. One whose auth_version is not its user's has ended.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    auth_version INTEGER NOT NULL,
    passed_2fa INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    time_create INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
-- Personal access tokens; they end as sessions do.
CREATE TABLE access_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    auth_version INTEGER NOT NULL,
    name TEXT NOT NULL,
    scopes INTEGER NOT NULL,                    -- 1: read, 2: tickets, 4: download
    expires_at INTEGER,
    time_create INTEGER NOT NULL,
    last_used INTEGER
) STRICT;
CREATE INDEX access_tokens_user ON access_tokens (user_id);
CREATE TABLE platforms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    pretty_name TEXT NOT NULL,
    max_bytes INTEGER                           -- the largest archive of its tickets; NULL: no limit of its own
) STRICT;
CREATE TABLE tickets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL UNIQUE,
    resolved INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 5 CHECK (attempts BETWEEN 0 AND 10),
    platform_id INTEGER NOT NULL REFERENCES platforms (id) ON DELETE CASCADE,
    user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    token_hash TEXT NOT NULL UNIQUE,
    token_sealed BLOB NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    expires_at INTEGER,
    max_bytes INTEGER,
    time_create INTEGER NOT NULL,
    time_update INTEGER NOT NULL,
    rev INTEGER NOT NULL DEFAULT 1,             -- grows with every change the gateway must hear of
    projected_rev INTEGER NOT NULL DEFAULT 0    -- the rev Redis has
) STRICT;
-- What lists filter by, each in the order of lists: the newest first.
CREATE INDEX tickets_created ON tickets (time_create, id);
CREATE INDEX tickets_resolved ON tickets (resolved, time_create, id);
CREATE INDEX tickets_platform ON tickets (platform_id, time_create, id);
CREATE INDEX tickets_user ON tickets (user_id, time_create, id, resolved); -- resolved: to count both at once
CREATE INDEX tickets_unprojected ON tickets (id) WHERE rev > projected_rev;
-- Tickets deleted and tokens rotated away: Redis is told until it has heard.
CREATE TABLE tombstones (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER NOT NULL,
    token_hash TEXT NOT NULL,
    gone INTEGER NOT NULL,                      -- 1: the ticket; 0: only this token
    rev INTEGER NOT NULL,
    time_create INTEGER NOT NULL
) STRICT;
-- The ledger of filed uploads. Rows outlive archives, so a replay never resurrects a deleted one.
CREATE TABLE uploads (
    upload_id TEXT PRIMARY KEY,
    ticket_id INTEGER NOT NULL,
    time_filed INTEGER NOT NULL,
    projected INTEGER NOT NULL DEFAULT 0        -- Redis has taken the id out of open and done
) STRICT;
CREATE INDEX uploads_unprojected ON uploads (ticket_id) WHERE projected = 0;
CREATE TABLE archives (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    upload_id TEXT NOT NULL UNIQUE,             -- names the directory archives/<id[:2]>/<id>
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    client TEXT NOT NULL DEFAULT '',            -- the uploader's address
    time_create INTEGER NOT NULL,
    UNIQUE (ticket_id, name)
) STRICT;
CREATE INDEX archives_created ON archives (time_create, id);
-- Directories to unlink, written in the transaction that deletes their archive.
CREATE TABLE doomed (
    upload_id TEXT PRIMARY KEY,
    time_create INTEGER NOT NULL
) STRICT;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_create INTEGER NOT NULL,
    actor TEXT NOT NULL,                        -- the username, or '' for none
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX audit_created ON audit (time_create, id);
CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
