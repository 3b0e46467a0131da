-- project(ticket, rev, gone, hash, old hash, number, platform, attempts, expires_ms, resolved, max_bytes,
--         4 x (count, items...): filed, unfiled each with its name, freed names, taken names; '1': the taken ones are all that
--         archives have).
-- Writes the ticket when it is no older than what is here, and takes the filed uploads out of open and done in the
-- same step: the attempt moves from `done` to the smaller `attempts` at once. It touches open and done for nothing else.
local ticket, rev, gone, hash, old_hash = ticket_of(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', ARGV[4], ARGV[5]
local time = now()
local at = 12

local function each(apply, step)
    local last = at + tonumber(ARGV[at])
    for i = at + 1, last, step or 1 do
        apply(ARGV[i], ARGV[i + 1])
    end
    at = last + 1
end

local function forget_token(other)
    if other and other ~= '' and redis.call('GET', token_key(other)) == ticket.id then
        redis.call('DEL', token_key(other))
    end
end

-- The name it is filed under is among the taken ones; what it claimed may have been another.
local function file(upload)
    redis.call('ZREM', ticket.open, upload)
    redis.call('ZREM', ticket.done, upload)
    unclaim(ticket, upload)
end

local function publish(upload)
    redis.call('ZREM', ticket.open, upload)
    redis.call('ZADD', ticket.done, 'NX', text(time), upload)
end

-- It was told this name: others get it neither now nor when all names of archives are told again.
local function claim_again(upload, name)
    local holder = redis.call('HGET', ticket.names, name)
    if not holder or holder == '' or not is_done(ticket, holder) then
        redis.call('HSET', ticket.names, name, upload, '/' .. upload, name)
    end
end

local function free_name(name)
    local holder = redis.call('HGET', ticket.names, name)
    if holder and (holder == '' or not is_done(ticket, holder)) then
        redis.call('HDEL', ticket.names, name)
    end
end

-- An archive has it: whoever claimed it while Redis had forgotten that will be filed under another.
local taken = {}
local function take_name(name)
    redis.call('HSET', ticket.names, name, '')
    taken[name] = true
end

if ticket.gone or gone then
    forget_token(ticket.h)
    forget_token(hash)
    forget_token(old_hash)
    each(file)
    if not ticket.gone then
        redis.call('HSET', ticket.key, 'gone', '1', 'rev', ARGV[2])
        expire_all(ticket, GONE_SECONDS)
    end
    return 'gone'
end
local newer = not ticket.rev or rev >= tonumber(ticket.rev)
if newer then
    if ticket.h ~= hash then
        forget_token(ticket.h)
    end
    redis.call('SET', token_key(hash), ticket.id)
    redis.call('HSET', ticket.key, 'h', hash, 'number', ARGV[6], 'platform', ARGV[7], 'attempts', ARGV[8],
               'expires_ms', ARGV[9], 'resolved', ARGV[10], 'max_bytes', ARGV[11], 'rev', ARGV[2])
    ticket.h = hash
end
if old_hash ~= ticket.h then
    forget_token(old_hash)
end
local function leave() end -- an old message may speak of a name that was claimed again since, or of an archive that is gone
each(file)
each(function(upload, name)
    publish(upload)
    if newer then
        claim_again(upload, name)
    end
end, 2)
each(newer and free_name or leave)
each(newer and take_name or leave)
if newer and ARGV[at] == '1' then -- what would have freed them may have been lost in a crash
    for _, name in ipairs(redis.call('HKEYS', ticket.names)) do
        if not taken[name] and string.sub(name, 1, 1) ~= '/' then
            free_name(name)
        end
    end
end
if newer then
    for _, key in ipairs({ticket.key, ticket.done, ticket.names, ticket.receipts}) do
        redis.call('PERSIST', key)
    end
end
return newer and 'newer' or 'older'
