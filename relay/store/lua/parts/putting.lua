-- Wakes a lane that was empty a moment ago and gives it to a worker at once, as a claim would: the job is in the queue
-- with the end of the lease as its score, and the token is the generation. Returns that; false where a destination is
-- held and nothing may be given out.
local function lease_now(dest, n, now, taker, lease)
  local held = call('HMGET', P .. 'dest:' .. dest, 'paused', 'open')
  if held[1] or held[2] then return false end
  local g = call('HINCRBY', P .. 'seq', 'fence', 1)
  call('HSET', lock_key(dest, n), 'g', g, 't', g, 'w', taker)
  call('ZADD', queue_key(dest), now + lease, dest .. ':' .. n .. ':' .. g)
  call('ZADD', P .. 'lanes:' .. dest, 'NX', now, n)
  return g
end

-- What has left the journal leaves the log with it; a conversation nobody writes in forgets its log as a whole. Done
-- once in a sixty-fourth of the retention: `before` is when something was last put into this conversation, 0 for never, nil
-- where that is not known.
local function forget(log, now, retention, before)
  local period = math.max(1, math.floor(retention / 64))
  if before and math.floor(before / period) == math.floor(now / period) then return end
  if before ~= 0 then call('ZREMRANGEBYSCORE', log, '-inf', now - retention) end
  call('PEXPIRE', log, retention + period)
end

-- Journals a message and appends one delivery per destination to its lane. Lanes that were empty are given to `taker`
-- where `takes` (" a b ") names their destination. Returns the destinations whose lane was asleep and has just been
-- armed or given, and the generation of each that was given, else "".
local function enqueue(now, mid, kind, origin, n, e, raw, dests, retention, before, takes, taker, lease)
  local key = P .. 'm:' .. mid
  -- Its first delivery is in it (records.lua), where there is one.
  local first = {}
  if #dests > 0 then first = { 'to', dests[1], 's', 'queued' } end
  if #dests == 1 then first[5], first[6] = 'one', 1 end
  call('HSET', key, 'open', #dests, 'k', kind, 'o', origin, 'at', now, 'e', e, 'n', n, 'd', table.concat(dests, ' '),
    'raw', raw, unpack(first))
  if #dests == 0 then call('PEXPIRE', key, retention) end
  if n ~= '0' then
    local log = P .. 'log:' .. n
    call('ZADD', log, now, mid)
    forget(log, now, tonumber(retention), before)
    announce('message', n, mid)
  end
  local rung, given = {}, {}
  for i, dest in ipairs(dests) do
    local did = mid .. '-' .. i - 1
    if i > 1 then call('HSET', P .. 'd:' .. did, 'to', dest, 's', 'queued', 'n', n) end
    local woken, g
    -- Only a lane that holds more than this may have a job already.
    if call('RPUSH', lane_key(dest, n), did) > 1 then woken = arm(dest, n, now)
    else
      g = takes and string.find(takes, ' ' .. dest .. ' ', 1, true) and lease_now(dest, n, now, taker, lease)
      woken = g or wake(dest, n, now)
    end
    if woken then rung[#rung + 1], given[#given + 1] = dest, g or '' end
  end
  return rung, given
end
