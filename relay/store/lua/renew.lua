-- Renews the leases a worker still holds. ARGV: 1 destination  2 lease ms  3... number, job, token in turn.
-- Returns the jobs that are no longer ours.
local now, dest, lost = now_ms(), ARGV[1], {}
for i = 3, #ARGV, 3 do
  if call('HGET', lock_key(dest, ARGV[i]), 't') == ARGV[i + 2] then
    call('ZADD', queue_key(dest), 'XX', now + ARGV[2], ARGV[i + 1])
  else
    lost[#lost + 1] = ARGV[i + 1]
  end
end
return lost
