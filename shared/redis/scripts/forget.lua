-- forget(ticket, upload): a committed upload that can never be published any more gives back attempt and name, and its
-- receipt is withdrawn. Its spool/tmp directory must be in the trash before, or a late rename would publish it for nothing.
local ticket, upload = ticket_of(ARGV[1]), ARGV[2]

for _, line in ipairs(redis.call('LRANGE', ticket.receipts, 0, -1)) do
    if cjson.decode(line).upload_id == upload then
        redis.call('LREM', ticket.receipts, 1, line)
    end
end
unclaim(ticket, upload)
return redis.call('ZREM', ticket.done, upload)
