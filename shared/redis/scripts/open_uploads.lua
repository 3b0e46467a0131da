-- open_uploads(ticket) -> upload ids with a live lease, the one that ends first in front. Reads only.
return redis.call('ZRANGEBYSCORE', ticket_of(ARGV[1]).open, '(' .. text(now()), '+inf')
