-- Writes that an attempt did not get its message accepted: to be tried again, held up, or given up. Compare-and-set on
-- the fencing token, as in `finish`, whose first eleven arguments these are.
-- ARGV: 1 destination  2 number  3 job  4 token  5 delivery id  6 verdict: retry hold dead credentials  7 log line
--       8 parts accepted and tries failed before this attempt, as p/t, or ""  9 go on ("1") or release ("0")
--       10 lease ms  11 retention ms  12 delay ms (retry, hold)  13 words  14 reason
--       15 breaker failures (0: none)  16 breaker lanes  17 first probe ms  18 longest probe ms
--       19 bell  20 how long the other side has told us to wait, ms  21 "1": the failure is the destination's own (its
--       connection, a 5xx)  22 notice id or ""  23 notice JSON  24... notice destinations
-- Returns {status, delivery state, destination news, rung destinations joined by " ", head...}; status: next, done,
-- asleep, stale.
local dest, n, job, token, did, verdict, line, before, go_on, lease, retention, delay, words, reason, failures, lanes,
  first_ms, longest_ms, bell, told_ms, transient, notice_id, notice = unpack(ARGV)
if call('HGET', lock_key(dest, n), 't') ~= token then return { 'stale', '', '', '' } end
local key, at = record_of(did), P .. 'dest:' .. dest
local was = call('HMGET', key, 'p', 't', 'l')
local now_at = call('HMGET', at, 'paused', 'open', 'pause', 'prober')
local state, news, rung = '', '', {}

if call('LINDEX', lane_key(dest, n), 0) == did and not is_written(was, before) then
  local now = now_ms()
  local log = noted(was[3], line)
  if log then call('HSET', key, 'l', log) end
  if verdict == 'dead' then
    state = 'failed'
    to_dead_letters(did, now, reason, words)
    call('SREM', P .. 'woken:' .. dest, n)
    give_back(did, dest, log, false)
    announce('delivery', n, did)
    if notice_id ~= '' then
      -- It may go into this very lane, which must not look empty to it: so the head leaves afterwards.
      rung = enqueue(now, notice_id, 'notice', '', n, notice, '', { unpack(ARGV, 24) }, retention)
      if bell == '1' then
        for _, d in ipairs(rung) do call('PUBLISH', P .. 'bell', d) end
      end
    end
    call('LPOP', lane_key(dest, n))
  else
    local due = now
    if verdict == 'credentials' then
      if not now_at[1] then
        call('HSET', at, 'paused', 'credentials', 'words', words, 'since', now)
        news = 'paused'
        announce('destination', '0', dest)
      end
    elseif verdict == 'hold' then
      due = now + delay
    elseif now_at[2] then
      -- No try is used up. Only the probe's own failure lengthens the pause: what was under way when the breaker opened
      -- says nothing new, and a hundred of those would make the first pause the longest one.
      if now_at[4] == token then
        local pause = math.max(math.min(tonumber(now_at[3]) * 2, tonumber(longest_ms)), tonumber(told_ms))
        call('HSET', at, 'probe', now + pause, 'pause', pause, 'words', words)
      end
    else
      call('HINCRBY', key, 't', 1)
      due = now + delay
      local limit = tonumber(failures)
      local fails = call('HINCRBY', at, 'fails', 1)
      if fails == 1 then call('HSET', at, 'down', now) end
      call('HSET', at, 'last', words ~= '' and words or reason)
      -- A lane that a success elsewhere has woken, and that fails again, is in trouble of its own: it keeps to its
      -- schedule, or every message to somebody else would cost it a try.
      if transient == '1' and call('SISMEMBER', P .. 'woken:' .. dest, n) == 0 then
        call('SADD', P .. 'transient:' .. dest, n)
      end
      if limit > 0 then
        call('SADD', P .. 'failing:' .. dest, n)
        if fails >= limit and call('SCARD', P .. 'failing:' .. dest) >= tonumber(lanes) then
          local pause = math.max(tonumber(first_ms), tonumber(told_ms))
          call('HSET', at, 'open', now, 'probe', now + pause, 'pause', pause, 'words', words)
          news = 'opened'
          announce('destination', '0', dest)
        end
      end
    end
    call('HSET', key, 'due', due)
    return sleep(dest, n, job, token, due, 'queued', news, '')
  end
end
return continue_or_release(dest, n, job, token, head(dest, n), go_on == '1' and not now_at[1], lease, state, news,
  table.concat(rung, ' '))
