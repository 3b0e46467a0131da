-- renew(ticket, upload, epoch of its reserve, lease ms) -> admission. The heartbeat: no state checks. in_use only says
-- that the lease lapsed and went to another; the upload goes on, its commit decides.
local ticket, upload, its_epoch, length = ticket_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local time, epoch = now(), epoch_now()

if ticket.gone then
    return admission('gone', epoch, ticket)
end
if is_done(ticket, upload) then
    return admission('done', epoch, ticket)
end
purge(ticket, time)
if redis.call('ZSCORE', ticket.open, upload) or from_before(ticket, its_epoch, epoch) or free(ticket, time) > 0 then
    lease(ticket, upload, time, length)
    return admission('ok', epoch, ticket)
end
return admission('in_use', epoch, ticket, until_first_end(ticket, time))
