-- throttle_take(account, network, free of an account, free of a network, longest ms) -> ms to wait; 0: go on, and the try
-- counts as failed until throttle_give says otherwise: however many come at once, each is counted before it is answered.
-- Behind the free failures each try waits twice as long after the one before.
local longest, time, wait = tonumber(ARGV[5]), now(), 0

for i, key in ipairs(throttle_keys(ARGV[1], ARGV[2])) do
    local failed, last = unpack(redis.call('HMGET', key, 'n', 't'))
    local over = tonumber(failed or 0) - tonumber(ARGV[i + 2])
    if over >= 0 then
        wait = math.max(wait, tonumber(last) + math.min(longest, 1000 * 2 ^ over) - time)
    end
end
if wait > 0 then
    return text(wait)
end
for _, key in ipairs(throttle_keys(ARGV[1], ARGV[2])) do
    redis.call('HINCRBY', key, 'n', 1)
    redis.call('HSET', key, 't', text(time))
    redis.call('PEXPIRE', key, text(4 * longest))
end
return '0'
