-- An arq job stands for every lane with something in it. Armed means that the job of the lane's present generation is
-- in the queue, whether due, asleep or (its score being the end of the lease) running. The generation makes the id
-- unique per drain (PITFALLS A9).

-- A job for a lane that has none. Returns its generation.
local function wake(dest, n, now)
  local g = call('HINCRBY', P .. 'seq', 'fence', 1)
  local job = dest .. ':' .. n .. ':' .. g
  -- A lock that is there already outlived its lane (somebody deleted that); its job is cleared away when it is due.
  if call('HSET', lock_key(dest, n), 'g', g) == 0 then call('HDEL', lock_key(dest, n), 't', 'w') end
  describe(dest, n, g, job, now)
  call('ZADD', queue_key(dest), now, job)
  call('ZADD', P .. 'lanes:' .. dest, 'NX', now, n)
  return g
end

-- Makes sure a job stands for the lane; looking for the job itself instead of keeping a flag heals lost jobs by the
-- way. Returns the new generation, false for a lane that was armed already.
local function arm(dest, n, now)
  local g = call('HGET', lock_key(dest, n), 'g')
  if g then
    local job = dest .. ':' .. n .. ':' .. g
    if call('ZSCORE', queue_key(dest), job) then return false end
    call('DEL', 'arq:job:' .. job)
  end
  return wake(dest, n, now)
end
