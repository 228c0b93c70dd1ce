-- Gives back the lanes of a process that is known to be dead, at once instead of at the end of their leases. The holder's
-- name stays in the lock, so whoever takes the lane next knows that its head may have been sent.
-- ARGV: 1 destination  2... dead workers. Returns how many lanes there were.
local now, dest, count = now_ms(), ARGV[1], 0
local dead = {}
for i = 2, #ARGV do dead[ARGV[i]] = true end
for _, n in ipairs(call('ZRANGE', P .. 'lanes:' .. dest, 0, -1)) do
  local lock = call('HMGET', lock_key(dest, n), 'g', 'w')
  if lock[1] and lock[2] and dead[lock[2]] then
    call('HDEL', lock_key(dest, n), 't')
    call('ZADD', queue_key(dest), 'XX', now, dest .. ':' .. n .. ':' .. lock[1])
    count = count + 1
  end
end
return count
