-- Wakes every lane that holds messages and has no job (RELIABILITY A1, A2, A9: lost wake-ups are repaired here alone).
-- ARGV: 1 destination  2 cursor of ZSCAN. Returns {next cursor, how many were armed}.
local now, dest = now_ms(), ARGV[1]
local page = redis.call('ZSCAN', P .. 'lanes:' .. dest, ARGV[2], 'COUNT', 500)
local armed = 0
for i = 1, #page[2], 2 do
  local n = page[2][i]
  if redis.call('EXISTS', lane_key(dest, n)) == 0 then
    local g = redis.call('HGET', lock_key(dest, n), 'g')
    if g then close_lane(dest, n, dest .. ':' .. n .. ':' .. g) else redis.call('ZREM', P .. 'lanes:' .. dest, n) end
  elseif arm(dest, n, now) then
    armed = armed + 1
  end
end
return { page[1], armed }
