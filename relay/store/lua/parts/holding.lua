-- What a worker that holds a lane may do with it.

-- The head, or this attempt at it, may already be written: our first answer was lost on the way back and this is the
-- second try to say it. Writing it again would pass over the next part, which then nobody sends, or use up a try.
-- `was`: parts accepted and tries failed as they stand; `before`: as p/t when the attempt began.
local function is_written(was, before)
  return before ~= '' and (was[1] or '0') .. '/' .. (was[2] or '0') ~= before
end

-- Gives the lane back until `due`. One that was given away at acceptance (its token is its generation) has no job
-- record yet.
local function sleep(dest, n, job, token, due, state, news, rung)
  call('HDEL', lock_key(dest, n), 't', 'w')
  call('ZADD', queue_key(dest), due, job)
  if job == dest .. ':' .. n .. ':' .. token then describe(dest, n, token, job, now_ms()) end
  return { 'asleep', state, news, rung, string.format('%d', due) }
end

-- What becomes of the lane whose next head is `first`, nil for none: it ends, rests, or goes on under the same lease.
local function continue_or_release(dest, n, job, token, first, on, lease, state, news, rung)
  if not first then
    close_lane(dest, n, job)
    return { 'done', state, news, rung }
  end
  local now = now_ms()
  if not on then return sleep(dest, n, job, token, now, state, news, rung) end
  call('ZADD', queue_key(dest), now + lease, job)
  call('ZADD', P .. 'lanes:' .. dest, 'XX', tonumber(first[7]) or now, n)
  return { 'next', state, news, rung, unpack(first) }
end
