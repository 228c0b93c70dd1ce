-- A person gives a dead letter up for good. ARGV: 1 delivery id  2 retention ms. Returns 1, or 0 if it was none.
if call('ZREM', P .. 'dead', ARGV[1]) == 0 then return 0 end
call('HSET', record_of(ARGV[1]), 'dropped', now_ms())
announce('delivery', call('HGET', record_of(ARGV[1]), 'n') or '0', ARGV[1])
retire(ARGV[1], ARGV[2])
return 1
