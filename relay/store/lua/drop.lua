-- A person gives a dead letter up for good. ARGV: 1 delivery id  2 retention ms. Returns 1, or 0 if it was none.
if call('ZREM', P .. 'dead', ARGV[1]) == 0 then return 0 end
call('HSET', record_of(ARGV[1]), 'dropped', now_ms())
retire(ARGV[1], ARGV[2])
return 1
