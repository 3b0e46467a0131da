-- Put before every script. Key names are made here and nowhere else; no KEYS are passed (Redis Cluster is refused).
-- Numbers travel as strings. The clock is Redis's own.
local function now()
    local t = redis.call('TIME')
    return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function text(number)
    return string.format('%.0f', number)
end

local GONE_SECONDS = 7 * 24 * 3600
local FIELDS = {'h', 'number', 'platform', 'attempts', 'expires_ms', 'resolved', 'max_bytes', 'rev', 'gone'}

local function token_key(hash)
    return 'lc:tok:{' .. hash .. '}'
end

-- The ticket as Redis knows it, with the keys of its sets. Without `rev` nothing was projected yet.
local function ticket_of(id)
    local base = 'lc:{' .. id .. '}:'
    local ticket = {
        id = id,
        key = base .. 'ticket',
        open = base .. 'open',
        done = base .. 'done',
        names = base .. 'names',
        receipts = base .. 'receipts'
    }
    local values = redis.call('HMGET', ticket.key, unpack(FIELDS))
    for i, field in ipairs(FIELDS) do
        ticket[field] = values[i]
    end
    return ticket
end

local function expire_all(ticket, seconds)
    for _, key in ipairs({ticket.key, ticket.open, ticket.done, ticket.names, ticket.receipts}) do
        redis.call('EXPIRE', key, seconds)
    end
end

-- Committed uploads that the database has yet to hear of, counted once: a script that adds one says so.
local function spent(ticket)
    ticket.spent = ticket.spent or redis.call('ZCARD', ticket.done)
    return ticket.spent
end

local function is_done(ticket, upload)
    return spent(ticket) > 0 and redis.call('ZSCORE', ticket.done, upload)
end

-- The name the upload claimed at its commit is free again.
local function unclaim(ticket, upload)
    local name = redis.call('HGET', ticket.names, '/' .. upload)
    if name and redis.call('HGET', ticket.names, name) == upload then
        redis.call('HDEL', ticket.names, name)
    end
    redis.call('HDEL', ticket.names, '/' .. upload)
end

-- Everything that grants or takes an attempt purges first: an entry of `open` then is a live lease.
local function purge(ticket, time)
    redis.call('ZREMRANGEBYSCORE', ticket.open, '-inf', text(time))
end

local function free(ticket, time)
    local live = redis.call('ZCOUNT', ticket.open, '(' .. text(time), '+inf')
    return tonumber(ticket.attempts or 0) - live - spent(ticket)
end

-- The set outlives its last lease by a minute only, so deleted tickets leave nothing behind.
local function lease(ticket, upload, time, length)
    redis.call('ZADD', ticket.open, text(time + length), upload)
    local last = redis.call('ZRANGE', ticket.open, -1, -1, 'WITHSCORES')
    redis.call('PEXPIREAT', ticket.open, text(last[2] + 60000))
end

local function until_first_end(ticket, time)
    local first = redis.call('ZRANGE', ticket.open, 0, 0, 'WITHSCORES')
    return first[2] and math.max(first[2] - time, 1) or 0
end

local function epoch_now()
    return redis.call('GET', 'lc:epoch')
end

-- Was the upload's lease taken before Redis lost its memory (or is the ticket not projected again yet)?
local function from_before(ticket, its_epoch, epoch)
    return not ticket.rev or epoch ~= its_epoch
end

-- `attempts` as the customer sees it: committed uploads are spent, leases are not.
local function left(ticket)
    return math.max(tonumber(ticket.attempts or 0) - spent(ticket), 0)
end

-- `epoch`: false while nothing is projected.
local function admission(status, epoch, ticket, retry)
    if not ticket then
        return {status, '0', '0', '0', '0', '0', text(retry or 0), '0', '', epoch or ''}
    end
    return {status, ticket.id, ticket.number or '0', text(left(ticket)), ticket.max_bytes or '0',
            ticket.expires_ms or '0', text(retry or 0), ticket.resolved or '0', ticket.platform or '', epoch or ''}
end

-- The answer for a token that is not known. It counts against the client's network: within `window` ms there may be
-- `most` (0: any number), kept as a sorted set of their times, so it never holds more.
local function unknown(epoch, network, most, window)
    if not network or tonumber(most) <= 0 then
        return admission('unknown', epoch)
    end
    local key, time = 'lc:rate:' .. network, now()
    redis.call('ZREMRANGEBYSCORE', key, '-inf', text(time - window))
    if redis.call('ZCARD', key) >= tonumber(most) then
        local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
        return admission('throttled', epoch, nil, math.max(first[2] + window - time, 1))
    end
    local last = redis.call('ZRANGE', key, -1, -1)[1] or '000000000000'
    redis.call('ZADD', key, text(time), string.format('%012.0f', last + 1)) -- of one time: in the order of members
    redis.call('PEXPIRE', key, window)
    return admission('unknown', epoch)
end

-- Failed logins: of an account from a network, and of that network whatever the account.
local function throttle_keys(account, network)
    return {'lc:rate:login:' .. account .. '@' .. network, 'lc:rate:login:' .. network}
end

-- Resumable uploads that are begun and not finished, by ticket and by network: sorted sets of their ends.
local function unfinished_key(place)
    return 'lc:unfinished:' .. place
end

local function count_unfinished(place, time)
    redis.call('ZREMRANGEBYSCORE', unfinished_key(place), '-inf', text(time))
    return redis.call('ZCARD', unfinished_key(place))
end

-- `key`: the upload's hash, which knows where it counts and for how long.
local function each_unfinished(key, apply)
    local at = redis.call('HMGET', key, 'ticket', 'network', 'expiry')
    if at[3] then
        apply(unfinished_key('{' .. at[1] .. '}'), at[3])
        apply(unfinished_key(at[2]), at[3])
    end
end

local function note_unfinished(key, upload, time)
    each_unfinished(key, function(set, expiry)
        redis.call('ZADD', set, text(time + expiry), upload)
        redis.call('PEXPIRE', set, expiry)
    end)
end

local function forget_unfinished(key, upload)
    each_unfinished(key, function(set)
        redis.call('ZREM', set, upload)
    end)
end
