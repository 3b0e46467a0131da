-- A piece of many numbers is looked for along the order, in the index alone.
DROP INDEX tickets_created;
CREATE INDEX tickets_created ON tickets (time_create, id, number);
-- What pages are filtered and sorted by is found by id without the rows themselves, which lie far apart.
CREATE INDEX tickets_looked_up ON tickets (id) INCLUDE (time_create, number, resolved, platform_id, user_id);
