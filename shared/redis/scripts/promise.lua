-- promise(gateway, bytes, lease ms) -> bytes: what one gateway's simple uploads still have coming is told, until its lease
-- ends; what those of all others have is answered.
local key, sum, time = 'lc:promises', 0, now()

if ARGV[2] == '0' then
    redis.call('HDEL', key, ARGV[1])
else
    redis.call('HSET', key, ARGV[1], text(time + ARGV[3]) .. ' ' .. ARGV[2])
end
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
    local ends, bytes = string.match(all[i + 1], '^(%d+) (%d+)$')
    if tonumber(ends) <= time then
        redis.call('HDEL', key, all[i])
    elseif all[i] ~= ARGV[1] then
        sum = sum + bytes
    end
end
return text(sum)
