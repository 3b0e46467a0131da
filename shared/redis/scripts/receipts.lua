-- receipts(token hash[, network, failed tokens, their window ms]) -> {admission, receipts...}: what arrived under a
-- token, the last first. Of the ticket it reads only.
local hash, epoch = ARGV[1], epoch_now()

if not epoch then
    return {admission('no_epoch')}
end
local id = redis.call('GET', token_key(hash))
local ticket = id and ticket_of(id)
if not ticket or ticket.gone or ticket.h ~= hash then
    return {unknown(epoch, ARGV[2], ARGV[3], ARGV[4])}
end
return {admission('ok', epoch, ticket), unpack(redis.call('LRANGE', ticket.receipts, 0, 49))}
