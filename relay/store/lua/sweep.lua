-- Wakes every lane that holds messages and has no job (PITFALLS A1, A2, A9: lost wake-ups are repaired here alone).
-- ARGV: 1 destination  2 cursor of ZSCAN. Returns {next cursor, how many were armed}.
local now, dest = now_ms(), ARGV[1]
if ARGV[2] == '0' then
  -- A clock that was set back would leave everything that is due, and every lease, asleep for as long as the step was
  -- (PITFALLS A18). Known to within the time between two sweeps, so nothing comes early by it.
  local at, queue = P .. 'dest:' .. dest, queue_key(dest)
  local back = tonumber(call('HGET', at, 'swept') or '0') - now
  if back > 1000 then
    local jobs = call('ZRANGEBYSCORE', queue, '(' .. string.format('%d', now), '+inf', 'WITHSCORES')
    for i = 1, #jobs, 2 do
      call('ZADD', queue, 'XX', string.format('%d', math.max(now, tonumber(jobs[i + 1]) - back)), jobs[i])
    end
    local probe = tonumber(call('HGET', at, 'probe') or '0')
    if probe > now then call('HSET', at, 'probe', string.format('%d', math.max(now, probe - back))) end
  end
  call('HSET', at, 'swept', string.format('%d', now))
end
local page = call('ZSCAN', P .. 'lanes:' .. dest, ARGV[2], 'COUNT', 500)
local armed = 0
for i = 1, #page[2], 2 do
  local n = page[2][i]
  if call('EXISTS', lane_key(dest, n)) == 0 then
    local g = call('HGET', lock_key(dest, n), 'g')
    if g then close_lane(dest, n, dest .. ':' .. n .. ':' .. g) else call('ZREM', P .. 'lanes:' .. dest, n) end
  elseif arm(dest, n, now) then
    armed = armed + 1
  end
end
return { page[1], armed }
