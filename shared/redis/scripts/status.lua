-- status(token hash) -> admission 'ok', 'unknown', 'gone' or 'no_epoch'. Reads only.
local hash = ARGV[1]

if not redis.call('GET', 'lc:epoch') then
    return admission('no_epoch')
end
local id = redis.call('GET', token_key(hash))
local ticket = id and ticket_of(id)
if not ticket or (not ticket.gone and ticket.h ~= hash) then
    return admission('unknown')
end
return admission(ticket.gone and 'gone' or 'ok', ticket, now())
