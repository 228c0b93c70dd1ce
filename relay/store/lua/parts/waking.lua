-- Lanes asleep on their schedule are made due, one after another so that they do not all come at once. `lanes`: which.
-- Returns how many there were.
local STAGGER_MS = 5
local function wake_sleeping(dest, lanes, now)
  local count = 0
  for _, n in ipairs(lanes) do
    local l = call('HMGET', lock_key(dest, n), 'g', 'w')
    if l[1] and not l[2] then
      count = count + 1
      call('ZADD', queue_key(dest), 'XX', 'LT', now + count * STAGGER_MS, dest .. ':' .. n .. ':' .. l[1])
    end
  end
  return count
end
