-- hold_keep(upload, holder, box, lease ms, keep ms, fence) -> {'ok', wanted} | {'lost'}: the heartbeat of hold_take.
-- A Redis that lost its memory learns of the holder again; `wanted` is 1 when somebody has asked for it.
local key = 'lc:up:{' .. ARGV[1] .. '}'
local held = redis.call('HMGET', key, 'holder', 'wanted')

if held[1] and held[1] ~= ARGV[2] then
    return {'lost'}
end
redis.call('HSET', key, 'holder', ARGV[2], 'ends', text(now() + tonumber(ARGV[4])), 'fence', ARGV[6], 'box', ARGV[3])
redis.call('PEXPIRE', key, ARGV[5])
return {'ok', held[2] or '0'}
