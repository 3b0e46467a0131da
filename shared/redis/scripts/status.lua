-- status(token hash[, network, failed tokens, their window ms]) -> admission 'ok', 'unknown', 'throttled', 'gone' or
-- 'no_epoch'. Of the ticket it reads only.
local hash, epoch = ARGV[1], epoch_now()

if not epoch then
    return admission('no_epoch')
end
local id = redis.call('GET', token_key(hash))
local ticket = id and ticket_of(id)
if not ticket or (not ticket.gone and ticket.h ~= hash) then
    return unknown(epoch, ARGV[2], ARGV[3], ARGV[4])
end
return admission(ticket.gone and 'gone' or 'ok', epoch, ticket)
