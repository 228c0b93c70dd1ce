-- Lanes that a worker holds and does not know of, because the answer that gave them to it was lost: due at once instead
-- of at the end of their leases. The holder's name stays in the lock: a lane that had been taken over from a dead process
-- is still in doubt.
-- ARGV: 1 destination  2 worker id  3 lease ms  4... jobs it does know of. Returns how many lanes there were.
local now, dest, count = now_ms(), ARGV[1], 0
local known = {}
for i = 4, #ARGV do known[ARGV[i]] = true end
-- A lease never ends later than that, and one that has ended is due already.
for _, job in ipairs(call('ZRANGEBYSCORE', queue_key(dest), '(' .. string.format('%d', now), now + ARGV[3])) do
  local n, g = string.match(job, ':(%d+):(%d+)$')
  if n and not known[job] then
    local lock = call('HMGET', lock_key(dest, n), 'g', 'w', 't')
    if lock[1] == g and lock[2] == ARGV[2] and lock[3] then
      call('HDEL', lock_key(dest, n), 't')
      call('ZADD', queue_key(dest), 'XX', now, job)
      count = count + 1
    end
  end
end
return count
