-- hold_receipt(upload) -> {'finished', size, sha256} | {'unknown'}: what became of a resumable upload that is no longer
-- in the spool, by its ticket's receipts.
local ticket = redis.call('HGET', 'lc:up:{' .. ARGV[1] .. '}', 'ticket')

for _, line in ipairs(ticket and redis.call('LRANGE', ticket_of(ticket).receipts, 0, -1) or {}) do
    local receipt = cjson.decode(line)
    if receipt.upload_id == ARGV[1] then
        return {'finished', text(receipt.size), receipt.sha256}
    end
end
return {'unknown'}
