-- hold_drop(upload, holder, keep ms, how, size, sha256) -> 'ok': lets a resumable upload go. how: 'free' (it goes on
-- later), 'finished' (published: size and sha256 are remembered for a client whose answer was lost), 'gone' (removed).
local key = 'lc:up:{' .. ARGV[1] .. '}'
local holder = redis.call('HGET', key, 'holder')

if holder and holder ~= ARGV[2] then
    return 'ok'
end
if ARGV[4] == 'free' then
    note_unfinished(key, ARGV[1], now())
else
    forget_unfinished(key, ARGV[1])
end
if ARGV[4] == 'gone' then
    redis.call('DEL', key)
    return 'ok'
end
redis.call('HSET', key, 'holder', '', 'ends', '0')
redis.call('HDEL', key, 'wanted')
if ARGV[4] == 'finished' then
    redis.call('HSET', key, 'size', ARGV[5], 'sha256', ARGV[6])
end
redis.call('PEXPIRE', key, ARGV[3])
return 'ok'
