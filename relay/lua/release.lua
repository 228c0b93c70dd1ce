-- Gives lanes back untouched at a clean stop: nothing was sent, no try is used, another worker may go on at once.
-- ARGV: 1 destination  2... number, job, token in turn.
local now, dest = now_ms(), ARGV[1]
for i = 2, #ARGV, 3 do
  local lock = lock_key(dest, ARGV[i])
  if redis.call('HGET', lock, 't') == ARGV[i + 2] then
    redis.call('HDEL', lock, 't', 'w')
    redis.call('ZADD', queue_key(dest), 'XX', now, ARGV[i + 1])
  end
end
redis.call('PUBLISH', P .. 'bell', dest)
return 1
