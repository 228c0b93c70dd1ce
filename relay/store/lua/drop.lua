-- A person gives a dead letter up for good. ARGV: 1 delivery id  2 retention ms. Returns 1, or 0 if it was none.
if call('ZREM', P .. 'dead', ARGV[1]) == 0 then return 0 end
local d = call('HMGET', record_of(ARGV[1]), 'to', 'l')
give_back(ARGV[1], d[1] or '', d[2], false)
call('HSET', record_of(ARGV[1]), 'dropped', now_ms())
announce('delivery', call('HGET', record_of(ARGV[1]), 'n') or '0', ARGV[1])
retire(ARGV[1], ARGV[2])
return 1
