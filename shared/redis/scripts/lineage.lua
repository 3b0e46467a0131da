-- lineage(lineage, told, '1': whatever is there): which history of which database this is. Without the '1' it only goes
-- on in its own lineage: a word that comes late must not undo what another said since.
local key, given = 'lc:lineage', tonumber(ARGV[2])
local lineage, told = unpack(redis.call('HMGET', key, 'lineage', 'told'))

if ARGV[3] == '1' or (lineage == ARGV[1] and given > tonumber(told)) then
    redis.call('HSET', key, 'lineage', ARGV[1], 'told', text(given))
end
return 'ok'
