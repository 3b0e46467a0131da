-- hold_take(upload, holder, box, lease ms, keep ms, how, ticket[, network, most of the ticket, most of the network,
-- ms until it expires]) -> {'ok', fence, lapsed} | {'held', ms left} | {'finished', size, sha256} | {'unknown'} |
-- {'crowded', 'ticket' or 'network'}: the right to write a resumable upload. Whoever has it is asked, through its
-- box, to let go; only a lease that ended is taken without asking, and then `lapsed` is 1. how: 'new' (being created),
-- 'known' (only if Redis knows it), 'found' (its state was found on disk; Redis has forgotten who had it: lapsed).
local key = 'lc:up:{' .. ARGV[1] .. '}'
local holder, box, length, keep, how, ticket = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7]
local time = now()
local held = redis.call('HMGET', key, 'holder', 'ends', 'fence', 'box', 'size', 'sha256')

if held[5] then
    return {'finished', held[5], held[6]}
end
if not held[3] and how == 'known' then
    return {'unknown'}
end
local lapsed = not held[3] and how == 'found'
if held[1] and held[1] ~= '' and held[1] ~= holder then
    if tonumber(held[2]) > time then
        if redis.call('HSETNX', key, 'wanted', '1') == 1 then
            redis.call('RPUSH', 'lc:box:{' .. held[4] .. '}', ARGV[1])
            redis.call('PEXPIRE', 'lc:box:{' .. held[4] .. '}', '60000')
        end
        return {'held', text(held[2] - time)}
    end
    lapsed = true
end
if how == 'new' and ARGV[8] then
    for place, most in pairs({ticket = tonumber(ARGV[9]), network = tonumber(ARGV[10])}) do
        if most > 0 and count_unfinished(place == 'ticket' and '{' .. ticket .. '}' or ARGV[8], time) >= most then
            return {'crowded', place}
        end
    end
    redis.call('HSET', key, 'ticket', ticket, 'network', ARGV[8], 'expiry', ARGV[11])
    note_unfinished(key, ARGV[1], time)
end
local fence = tonumber(held[3] or 0) + 1
redis.call('HSET', key, 'holder', holder, 'ends', text(time + length), 'fence', text(fence), 'box', box)
if ticket ~= '0' then
    redis.call('HSET', key, 'ticket', ticket)
end
redis.call('HDEL', key, 'wanted')
redis.call('PEXPIRE', key, keep)
return {'ok', text(fence), lapsed and '1' or '0'}
