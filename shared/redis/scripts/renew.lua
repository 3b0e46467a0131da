-- renew(ticket, upload, epoch of its reserve, lease ms) -> admission. The heartbeat: no state checks. in_use only says
-- that the lease lapsed and went to another; the upload goes on, its commit decides.
local ticket, upload, epoch, length = ticket_of(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = now()

if ticket.gone then
    return admission('gone', ticket, time)
end
if is_done(ticket, upload) then
    return admission('done', ticket, time)
end
purge(ticket, time)
if redis.call('ZSCORE', ticket.open, upload) or from_before(ticket, epoch) or free(ticket, time) > 0 then
    lease(ticket, upload, time, length)
    return admission('ok', ticket, time)
end
return admission('in_use', ticket, time, until_first_end(ticket, time))
