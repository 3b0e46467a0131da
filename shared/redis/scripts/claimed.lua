-- claimed(ticket, upload) -> {'ok', name} | {'refused'}: was this upload committed, and under which name? Reads only.
local ticket, upload = ticket_of(ARGV[1]), ARGV[2]

if not ticket.gone and is_done(ticket, upload) then
    return {'ok', redis.call('HGET', ticket.names, '/' .. upload) or ''}
end
return {'refused'}
