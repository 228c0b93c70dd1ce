-- Gives lanes back untouched at a clean stop: nothing was sent, no try is used, another worker may go on at once.
-- ARGV: 1 destination  2... number, job, token in turn.
local now, dest = now_ms(), ARGV[1]
for i = 2, #ARGV, 3 do
  local lock = lock_key(dest, ARGV[i])
  if call('HGET', lock, 't') == ARGV[i + 2] then
    call('HDEL', lock, 't', 'w')
    call('ZADD', queue_key(dest), 'XX', now, ARGV[i + 1])
    -- One that was given away at acceptance (its token is its generation) has no job record yet.
    if ARGV[i + 1] == dest .. ':' .. ARGV[i] .. ':' .. ARGV[i + 2] then
      describe(dest, ARGV[i], ARGV[i + 2], ARGV[i + 1], now)
    end
  end
end
call('PUBLISH', P .. 'bell', dest)
return 1
