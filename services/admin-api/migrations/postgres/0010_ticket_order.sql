-- A piece of many numbers is looked for along the order, in the index alone.
DROP INDEX tickets_created;
CREATE INDEX tickets_created ON tickets (time_create, id, number);
