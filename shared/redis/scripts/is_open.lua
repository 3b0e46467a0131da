-- is_open(ticket, upload) -> 1 when its lease is live, else 0.
local ends = redis.call('ZSCORE', ticket_of(ARGV[1]).open, ARGV[2])
return (ends and tonumber(ends) > now()) and 1 or 0
