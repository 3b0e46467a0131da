-- promise(gateway, bytes, reservations, lease ms) -> {bytes, reservations}: what one gateway's simple uploads still have
-- coming, and how many resumable ones it has reserved space for so far, is told, until its lease ends; the sums of all
-- others are answered.
local key, bytes, made, time = 'lc:promises', 0, 0, now()
local told = ' ' .. ARGV[2] .. ' ' .. ARGV[3]
local ends, before = string.match(redis.call('HGET', key, ARGV[1]) or '', '^(%d+)(.*)$')

if before ~= told or ends - time < ARGV[4] / 2 then -- else nothing new is written
    redis.call('HSET', key, ARGV[1], text(time + ARGV[4]) .. told)
end
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
    local ends, coming, reserved = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
    if tonumber(ends) <= time then
        redis.call('HDEL', key, all[i])
    elseif all[i] ~= ARGV[1] then
        bytes, made = bytes + coming, made + reserved
    end
end
return {text(bytes), text(made)}
