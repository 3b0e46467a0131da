-- reconcile(ticket, age ms) -> uploads committed that long ago and still not filed.
return redis.call('ZRANGEBYSCORE', ticket_of(ARGV[1]).done, '-inf', text(now() - tonumber(ARGV[2])))
