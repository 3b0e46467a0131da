-- reserve(token hash, upload, lease ms[, network, failed tokens, their window ms, uploads at a time]) -> admission.
-- Repeating it never takes a second lease.
local hash, upload, length = ARGV[1], ARGV[2], tonumber(ARGV[3])
local epoch = epoch_now()

if not epoch then
    return admission('no_epoch')
end
local id = redis.call('GET', token_key(hash))
local ticket = id and ticket_of(id)
if not ticket or (not ticket.gone and ticket.h ~= hash) then
    return unknown(epoch, ARGV[4], ARGV[5], ARGV[6])
end
if ticket.gone then
    return admission('gone', epoch, ticket)
end
if is_done(ticket, upload) then
    return admission('done', epoch, ticket)
end
if ticket.resolved == '1' then
    return admission('resolved', epoch, ticket)
end
local time = now()
purge(ticket, time)
if redis.call('ZSCORE', ticket.open, upload) then
    lease(ticket, upload, time, length)
    return admission('ok', epoch, ticket)
end
local expires = tonumber(ticket.expires_ms)
if (expires > 0 and expires <= time) or tonumber(ticket.attempts) <= 0 then
    return admission('expired', epoch, ticket)
end
local most = tonumber(ARGV[7] or 0)
if most > 0 and redis.call('ZCARD', ticket.open) >= most then
    return admission('too_many', epoch, ticket)
end
if free(ticket, time) > 0 then
    lease(ticket, upload, time, length)
    return admission('ok', epoch, ticket)
end
local retry = until_first_end(ticket, time)
if retry > 0 then
    return admission('in_use', epoch, ticket, retry)
end
return admission('expired', epoch, ticket) -- every attempt is committed, the database has yet to hear of it
