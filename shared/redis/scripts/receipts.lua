-- receipts(token hash) -> {admission, receipts...}: what arrived under a token, the last first. Reads only.
local hash = ARGV[1]

if not redis.call('GET', 'lc:epoch') then
    return {admission('no_epoch')}
end
local id = redis.call('GET', token_key(hash))
local ticket = id and ticket_of(id)
if not ticket or ticket.gone or ticket.h ~= hash then
    return {admission('unknown')}
end
return {admission('ok', ticket, now()), unpack(redis.call('LRANGE', ticket.receipts, 0, 49))}
