-- commit(ticket, upload, epoch of its reserve, receipt, names...) -> {'ok', name, attempts left} | {'gone'} | {'refused'}.
-- Field '/<upload>' of names remembers what an upload claimed, so a repeated commit answers the same; no file name
-- holds a slash.
local ticket, upload, epoch, receipt = ticket_of(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local time = now()

local function claim()
    -- Without an epoch the names are not projected yet: only a suffixed one is sure to be free.
    local first = (not redis.call('GET', 'lc:epoch') and #ARGV > 5) and 6 or 5
    for i = first, #ARGV do
        if redis.call('HSETNX', ticket.names, ARGV[i], upload) == 1 then
            return ARGV[i]
        end
    end
    local name = upload .. '_' .. ARGV[#ARGV]
    redis.call('HSET', ticket.names, name, upload)
    return name
end

if ticket.gone then
    return {'gone'}
end
if is_done(ticket, upload) then
    return {'ok', redis.call('HGET', ticket.names, '/' .. upload) or ARGV[5], text(left(ticket))}
end
purge(ticket, time)
local held = redis.call('ZREM', ticket.open, upload) == 1
if not held and not from_before(ticket, epoch, epoch_now()) and free(ticket, time) <= 0 then
    return {'refused'}
end
redis.call('ZADD', ticket.done, text(time), upload)
ticket.spent = ticket.spent + 1
local name = claim()
redis.call('HSET', ticket.names, '/' .. upload, name)
local rest = string.sub(receipt, 2)
redis.call('LPUSH', ticket.receipts, '{"name":' .. cjson.encode(name) .. (rest == '}' and '' or ',') .. rest)
redis.call('LTRIM', ticket.receipts, 0, 49)
if not ticket.rev then
    expire_all(ticket, GONE_SECONDS) -- the projection to come lifts it; a deleted ticket has none
end
return {'ok', name, text(left(ticket))}
