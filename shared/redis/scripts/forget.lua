-- forget(ticket, upload): a committed upload that can never be published any more gives back attempt and name. Its
-- spool/tmp directory must be in the trash before, or a late rename would publish it for nothing.
local ticket, upload = ticket_of(ARGV[1]), ARGV[2]

unclaim(ticket, upload)
return redis.call('ZREM', ticket.done, upload)
