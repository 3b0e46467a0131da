-- throttle_give(account, network, '1' if the try succeeded): it was no failure. A success ends the account's waits from
-- this network; the network's own count only loses the try, or one good account would free all guesses at others.
local account, network = unpack(throttle_keys(ARGV[1], ARGV[2]))

for _, key in ipairs({account, network}) do
    if tonumber(redis.call('HGET', key, 'n') or 0) > 0 then
        redis.call('HINCRBY', key, 'n', -1)
    end
end
if ARGV[3] == '1' then
    redis.call('DEL', account)
end
return '0'
