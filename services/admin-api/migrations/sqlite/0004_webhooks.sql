CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    platform_id INTEGER NOT NULL REFERENCES platforms (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    secret BLOB NOT NULL,                       -- sealed
    events INTEGER NOT NULL,                    -- bits of webhooks/events.def
    enabled INTEGER NOT NULL DEFAULT 1,
    failures INTEGER NOT NULL DEFAULT 0,        -- since the last delivery that went well
    retry_at INTEGER NOT NULL DEFAULT 0,        -- nothing is sent before, so that a dead receiver holds up no other
    time_create INTEGER NOT NULL,
    time_update INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_platform ON webhooks (platform_id);
-- Outbox and log in one: a row is written by the transaction that made the event, and sent until it is delivered.
CREATE TABLE webhook_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,                      -- the JSON object under "data"
    state TEXT NOT NULL DEFAULT 'pending',      -- pending, delivered, failed
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL DEFAULT 0,     -- somebody is sending it until then
    status INTEGER,                             -- the receiver's last
    error TEXT NOT NULL DEFAULT '',
    time_create INTEGER NOT NULL,
    time_done INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at, id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (time_create, id);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, time_create, id);
