-- release(ticket, upload): the upload ended without a result; its attempt is free again.
redis.call('ZREM', ticket_of(ARGV[1]).open, ARGV[2])
return 'ok'
